"""The command line: what it lists, how it ends, and that asking for help imports nothing heavy."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from regress_action.cli import COMMANDS, HIDDEN, root
from regress_action.commands import options
from regress_action.settings import Settings


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "regress_action", *arguments], capture_output=True, text=True, check=False
    )


def test_help_lists_every_command_and_the_exit_codes() -> None:
    """A newcomer finds the commands and what the exit status means on one page."""
    page = run("--help")
    assert page.returncode == 0
    assert all(f"  {name} " in page.stdout for name in COMMANDS if name not in HIDDEN)
    assert "Exit codes: 0 fine" in page.stdout


def test_help_imports_nothing_heavy() -> None:
    """--help answers at once because the heavy packages stay inside the commands."""
    code = (
        "import sys\nfrom regress_action.cli import root\nroot.main(['--help'], standalone_mode=False)\n"
        "print(sorted({'numpy', 'scipy', 'pydantic', 'rich', 'github', 'jinja2', 'yaml'} & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_a_comparison_imports_only_what_it_uses(tmp_path: Path) -> None:
    """Without a file of settings nobody pays for YAML, and of scipy only the special functions are imported."""
    results = tmp_path / "results.json"
    results.write_text('{"parse": {"latency": {"value": 100}}}')
    code = (
        "import sys\nfrom regress_action.cli import root\n"
        f"root.main(['compare', '--baseline', {str(results)!r}, '--head', {str(results)!r}], standalone_mode=False)\n"
        "heavy = {'yaml', 'scipy.stats', 'scipy.optimize', 'scipy.linalg', 'regress_action.history'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert answer.stdout.splitlines()[-1] == "[]"


def test_help_names_the_defaults_of_the_settings() -> None:
    """An option that is not given leaves the setting as it is, so its default is that of the setting."""
    command = root.get_command(click.Context(root), "run")
    assert command is not None
    said = {
        option.name: found[1]
        for option in command.params
        if isinstance(option, click.Option) and (found := re.search(r"default (\w+)[,;.](?!\w)", option.help or ""))
    }
    settings = {name: str(field.default) for name, field in Settings.model_fields.items()}

    assert {"interleave", "retries"} <= said.keys()
    assert {name: value for name, value in said.items() if name in settings and value != settings[name]} == {}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_listed_command_exists(name: str) -> None:
    """The table of commands and the modules behind it agree."""
    command = root.get_command(click.Context(root), name)
    assert command is not None
    assert command.name == name


@pytest.mark.parametrize("arguments", [["no-such-command"], ["compare"], ["compare", "--head"], ["run", "--runs", "0"]])
def test_a_wrong_call_exits_with_2(arguments: list[str]) -> None:
    """Whatever is wrong with the call itself is exit code 2 and one message on standard error."""
    ended = run(*arguments)
    assert ended.returncode == 2
    assert ended.stderr
    assert "Traceback" not in ended.stderr


def test_options_take_every_value_up_to_the_next_option() -> None:
    """An unquoted glob arrives as many words; all of them belong to the option before them."""

    @click.command(cls=options.Greedy)
    @click.option("--head", multiple=True)
    @click.option("--flag", is_flag=True)
    @click.argument("rest", nargs=-1)
    def command(*, head: tuple[str, ...], flag: bool, rest: tuple[str, ...]) -> object:
        return head, flag, rest

    spread = command.main(["--head", "a", "b", "--flag", "--head", "c", "--", "d", "e"], standalone_mode=False)
    assert spread == (("a", "b", "c"), True, ("d", "e"))
