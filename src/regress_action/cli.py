"""The commands: parse, call, print. Nothing heavy is imported before a command is chosen."""

from __future__ import annotations

import errno
import gc
import os
import re
import signal
import sys
import traceback
from importlib import import_module
from typing import TYPE_CHECKING, NoReturn

import click

from regress_action import __version__
from regress_action.commands.options import discard_output
from regress_action.model.errors import ExitCode, InfrastructureError, RegressError

if TYPE_CHECKING:
    from types import FrameType

COMMANDS = {
    "init": "Write a workflow, a config and a thresholds file that fit this repository.",
    "run": "Measure a suite; with --base, interleaved against that commit, and judge it.",
    "compare": "Judge result files against result files, in any known format.",
    "record": "Add reports to a history.",
    "detect": "Judge reports against the baselines of a history.",
    "trend": "Follow every benchmark along its history: drift, steps, creep.",
    "release-report": "Say what a release made slower and faster, and what is used of the budgets.",
    "dashboard": "Write a page of every benchmark along its history.",
    "history": "List, show, verify, export, import and prune stored reports.",
    "show": "Show what was understood of result files.",
    "formats": "List what can be read, and how each tool writes it.",
    "merge": "Join the shards of a matrix into one report.",
    "replay": "Show what a setting would have alarmed on, before it is changed.",
    "doctor": "Check this repository and machine: what can be seen here, and will the gate fire?",
    "renames": "Prove in pairs that renamed benchmarks go on under their new names.",
    "explain": "Show why the last measurement says what it says of a benchmark.",
    "config": "Check regress.yml, thresholds and waivers, and show what counts.",
    "waivers": "Check the exceptions that are in force, and which match nothing.",
    "load": "Put a load on a function or an address, with ramp-up, and measure its answers.",
    "bisect": "Find the first commit with which a benchmark changed, with its probability.",
    "post-bisect": "Post the answer of a bisection to the issue about the regression.",
    "post-claim": "Post the receipt of a verified claim to the pull request.",
    "verify-claim": 'Measure a claim about two commits, like "1.3x faster", and write a receipt.',
    "hotspots": "Find the function and the changed line that made a suite slower.",
    "resources": "Say what the runs of a measurement do with their time, and which limit does not fit.",
    "scalability": "Say which concurrency is best, from load tests at several levels.",
    "cache": "Say how large a cache should be, from the keys that were requested of it.",
    "profile": "Show what a command uses: time, CPU, memory, spans.",
    "ci": "Do everything, from the GITHUB_* environment: what the container runs.",
    "decide": "Say which benchmarks of a running measurement need more pairs.",
    "plan": "Say what the runner has to measure, from the event and the settings.",
}
"""Every command and its one-line help, so that --help imports none of them."""

_ENDING_SIGNALS = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
_STATUS_OF_SIGNALS = 128  # what a shell adds to the number of the signal that ended a program

HIDDEN = frozenset({"decide", "plan"})


_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Reports are a million objects without a cycle; to search them as often as Python does takes a fifth of a command."""


_PR_SET_DUMPABLE = 4
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG})


class LazyGroup(click.Group):
    """A group whose commands live in modules of their own, imported when called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names in the order in which a newcomer needs them."""
        return [name for name in COMMANDS if name not in HIDDEN]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """Import the module of one command and return its command."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"regress_action.commands.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)  # noqa: S101 - a programming error, not an input
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="regress-action")
def root() -> None:
    """Find performance regressions, prove them, and stay silent when nothing happened.

    \b
    Exit codes: 0 fine, 1 a regression at or above --fail-on, 2 the call or a file is wrong,
    3 nothing was measured or the comparison is incomplete, 4 infrastructure failed.
    """


def main() -> NoReturn:
    """Run the command line and leave with a documented exit code."""
    run(root)


def run(command: click.Command) -> NoReturn:
    """Run one command and leave with a documented exit code."""
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    for number in _ENDING_SIGNALS:
        signal.signal(number, _leave)
    _take_inputs()
    try:
        code = command.main(standalone_mode=False)
    except click.exceptions.Exit as stop:
        code = stop.exit_code
    except click.ClickException as error:
        error.show()
        code = ExitCode.USAGE
    except click.Abort:
        code = 130
    except RegressError as error:
        complain(error)
        code = error.exit_code
    except BrokenPipeError:
        discard_output()
        code = ExitCode.OK
    except Exception as error:  # noqa: BLE001 - a fault of ours must never look like a verdict
        code = ExitCode.INFRASTRUCTURE
        if isinstance(error, OSError) and error.errno in _DISK_FULL:
            discard_output()
            complain(InfrastructureError(f"Writing failed: {error.strerror}.", remedy="Free some space."))
        else:
            click.echo(_hidden(_inert(traceback.format_exc())), err=True)
            complain(
                InfrastructureError("This is a fault in regress-action.", remedy="Report it, with the lines above.")
            )
    gc.freeze()  # a last search for cycles among all objects would take a tenth of a command
    sys.exit(code if isinstance(code, int) else 0)


def _leave(number: int, _: FrameType | None) -> NoReturn:
    """Leave as by an exception, so that temporary folders are removed and started programs are ended."""
    signal.signal(number, signal.SIG_IGN)
    sys.exit(_STATUS_OF_SIGNALS + number)


def _take_inputs() -> None:
    """Read the action's inputs from standard input where `bin/launch` passes them there, and hide this process.

    The inputs hold the token. A variable that a process is started with can be read by every process of the same user;
    a pipe cannot, and neither can the memory of a process that is not dumpable.
    """
    if os.environ.pop("REGRESS_INPUTS_FROM", "") != "stdin":
        return
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if inputs := sys.stdin.read():
        os.environ["REGRESS_INPUTS"] = inputs


def complain(error: RegressError) -> None:
    """Print what happened, what it means and what to do, and annotate the step when on a runner."""
    text = _hidden(f"regress-action: {error.what}")
    text += "".join(f"\n  {_hidden(line)}" for line in (error.meaning, error.remedy) if line)
    on_runner = os.environ.get("GITHUB_ACTIONS") == "true"
    click.echo(_inert(text) if on_runner else text, err=True)
    if on_runner:
        from regress_action.model import escaping

        click.echo(f"::error title=regress-action::{escaping.workflow_data(_hidden(str(error)))}")


def _inert(text: str) -> str:
    """Return lines of which the runner obeys none: they may quote files that somebody else wrote."""
    text = re.sub(r"^(\s*)(?=::)", r"\1| ", text.replace("\r", " "), flags=re.MULTILINE)
    return text.replace("##[", "# #[")


def _hidden(text: str) -> str:
    """Return the text without what is secret in the action's inputs."""
    if "REGRESS_INPUTS" not in os.environ:
        return text
    from regress_action.settings import secrets

    return secrets.redacted(text, secrets.in_inputs(os.environ))
