"""`regress-action verify-claim`: measure what somebody claims about two commits, and write a receipt."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regress_action import __version__
from regress_action.commands import options

if TYPE_CHECKING:
    from regress_action.action.claims import ClaimReceipt
    from regress_action.settings import Settings


@click.command(name="verify-claim", cls=options.Greedy)
@click.option("--base", metavar="REF", help="Commit that the claim compares with.")
@click.option("--head", metavar="REF", default="HEAD", show_default=True, help="Commit that the claim is about.")
@click.option("-k", "pattern", default="*", metavar="BENCH", help="Benchmarks that the claim is about; default: all.")
@click.option("--pairs", "runs", type=click.IntRange(1, 1000), help="Pairs to measure; default 10.")
@click.option("--setup", metavar="COMMAND", help="Prepare each checked-out side once (install, build).")
@click.option("--carry", multiple=True, metavar="PATH", help="Lay the head's benchmark files over the base.")
@click.option("--results", metavar="PATH", help="File or glob that the suite writes; {out} in COMMAND does as well.")
@click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Seconds after which one run is stopped.")
@click.option("--retries", type=click.IntRange(0, 10), help="Repeat a failed run this often; default 0.")
@click.option("--ok-status", metavar="LIST", help="Exit codes besides 0 with which a run is good, like 1,2.")
@click.option("--env-pass", multiple=True, metavar="NAME", help="A variable that the suite gets though it is a secret.")
@click.option("--config", metavar="FILE", help="Settings file; default regress.yml where it exists.")
@click.option("--out", type=click.Path(path_type=Path), default=Path(".regress"), help="Folder for what was measured.")
@click.option("--write", metavar="FILE", help="Where the receipt goes; default claim.json in --out.")
@click.option("--receipt", type=click.Path(path_type=Path), help="Check this receipt instead of measuring.")
@click.option("--replay", is_flag=True, help="With --receipt: run its command on its commits again, and judge anew.")
@click.option("--json", "json_out", metavar="FILE", help="Write the outcome as JSON; - is standard output.")
@click.argument("claim", required=False)
@click.argument("suite_command", nargs=-1, type=click.UNPROCESSED)
def command(
    *,
    claim: str | None,
    suite_command: tuple[str, ...],
    head: str,
    pattern: str,
    out: Path,
    write: str | None,
    receipt: Path | None,
    replay: bool,
    json_out: str | None,
    **given: object,
) -> None:
    """Measure a CLAIM about two commits in pairs, say whether it is proven, and write a receipt.

    It is proven when the whole 95 % interval lies inside the claim for every benchmark that matches, and refuted when
    one lies outside. The receipt holds the commits, the machine, every value and a digest. Anybody can check it with
    --receipt, and --replay measures again.

    \b
      regress-action verify-claim "1.3x faster" --base main -k parse -- pytest benchmarks --benchmark-json={out}
      regress-action verify-claim "no slower than 2 %" --base v1.4
      regress-action verify-claim --receipt claim.json

    \b
    Exit codes: 0 proven, 1 refuted, 2 the call is wrong or the receipt was changed, 3 undecided,
    4 infrastructure failed.
    """
    made = (
        _checked(receipt, out, replay=replay) if receipt else _measured(claim, suite_command, head, pattern, out, given)
    )
    where = None
    if receipt is None or replay:
        from regress_action.commands import output
        from regress_action.model.files import write_replace

        if write is None:
            write_replace(out / ".gitignore", b"*\n")  # or the next measurement would take the receipt for an edit
        where = write or str(out / "claim.json")
        output.write(where, made.encode())
    _deliver(made, where or str(receipt), json_out)


def _measured(
    claim: str | None, suite_command: tuple[str, ...], head: str, pattern: str, out: Path, given: dict[str, object]
) -> ClaimReceipt:
    """Measure the claim of the command line."""
    from regress_action.action.claims import parse_claim, verify
    from regress_action.action.measure import MeasurementSpec
    from regress_action.model.errors import UsageError

    if claim is None or not given.get("base"):
        raise UsageError(
            "A claim and --base are needed." if claim is None else "There is no --base to compare with.",
            remedy='Write: regress-action verify-claim "1.3x faster" --base main -- COMMAND',
        )
    parsed = parse_claim(claim)
    line = suite_command[0] if len(suite_command) == 1 else ""
    if not suite_command and (root := options.project_root()) != Path.cwd():
        os.chdir(root)
    settings: Settings = options.settings_of(command=line, **given)
    words = suite_command if len(suite_command) > 1 else (settings.command,)
    if not any(words):
        raise UsageError(
            "There is no command to measure.", remedy="Put it after --, or write it into regress.yml as `command`."
        )
    spec = MeasurementSpec(command=words, out=out / "claim", head=head)
    return verify(parsed, settings, spec, pattern, version=__version__)


def _checked(path: Path, out: Path, *, replay: bool) -> ClaimReceipt:
    """Check a receipt; with `replay`, measure what it says again."""
    from regress_action.action.claims import LARGEST_RECEIPT, check_receipt, decode_receipt, verify
    from regress_action.action.measure import MeasurementSpec
    from regress_action.model import escaping
    from regress_action.model.files import read_bounded

    receipt = decode_receipt(read_bounded(path, LARGEST_RECEIPT))
    check_receipt(receipt)
    if not replay:
        return receipt
    how = receipt.how
    words = tuple(how["command"])
    if how["setup"]:
        click.echo(f"With the receipt's setup: {escaping.plain(how['setup'])}", err=True)
    click.echo(f"Measuring again, with the receipt's command: {escaping.plain(' '.join(words))}", err=True)
    settings = options.settings_of(
        base=receipt.base,
        runs=how["pairs"],
        setup=how["setup"],
        results=how["results"],
        carry=tuple(how["carry"]),
        command=words[0] if len(words) == 1 else "",
    )
    spec = MeasurementSpec(command=words, out=out / "claim", head=receipt.head)
    again = verify(receipt.claim, settings, spec, how["benchmark"], version=__version__)
    if other := _other_machine(receipt, again):
        click.echo(other, err=True)
    return again


def _other_machine(then: ClaimReceipt, now: ClaimReceipt) -> str:
    """Return the sentence that a replay ran on another machine than the receipt, empty where it is the same."""
    from regress_action.model import escaping

    different = [
        f"{name} {escaping.plain(str(then.machine.get(name)), 80)}, here {escaping.plain(str(value), 80)}"
        for name, value in now.machine.items()
        if then.machine.get(name) != value
    ]
    return f"This machine is another than that of the receipt: {'; '.join(different)}." if different else ""


def _basis(receipt: ClaimReceipt) -> str:
    """Return which commits were measured, when and where."""
    machine = ", ".join(str(receipt.machine[name]) for name in ("cpu", "os", "runtime") if receipt.machine.get(name))
    return f"{receipt.head[:10]} against {receipt.base[:10]}, measured {receipt.measured} on {machine or 'a machine'}."


def _deliver(receipt: ClaimReceipt, where: str, json_out: str | None) -> None:
    from regress_action.model.changes import ClaimVerdict
    from regress_action.model.errors import ExitCode
    from regress_action.report import claims

    if json_out:
        import orjson

        from regress_action.commands import output

        content = claims.as_object(receipt.claim, receipt.verdict, receipt.evidence, where)
        output.write(json_out, orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if json_out != "-":
        from rich.console import Console

        console = Console(highlight=False)
        claims.show(receipt.claim, receipt.verdict, receipt.evidence, console, basis=_basis(receipt))
        console.print(f"Receipt: {where}", markup=False)
    codes = {ClaimVerdict.PROVEN: ExitCode.OK, ClaimVerdict.REFUTED: ExitCode.REGRESSION}
    raise click.exceptions.Exit(codes.get(receipt.verdict, ExitCode.INCOMPLETE))
