"""What the runner has to measure, decided in the container before anything of the user's runs.

The runner has no YAML reader and no settings model; it gets a list of words for the measurer, and nothing to decide.
"""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regress_action.action.measuring import Order, argv
from regress_action.github.events import decide
from regress_action.github.plan import Stage
from regress_action.model.errors import InputError, SettingsError
from regress_action.model.records import slug
from regress_action.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.github.plan import Plan

FOLDER = Path(".regress")
PLAN = FOLDER / "plan"
MEASUREMENT = FOLDER / "measurement"
HISTORY = FOLDER / "history"
DEFAULT = "default"
PAIRED = ("--fetch", "--head=HEAD")
"""The measurer's options for a pair: what earlier steps left uncommitted must not be on one side only."""

_MERGED = 2


@dataclass(frozen=True, slots=True)
class Errand:
    """What the runner is sent for: the measurer's `words`, none where there is nothing to measure, and why.

    `suite` is what will be judged, as a name for files; empty where nothing is.
    """

    words: tuple[str, ...]
    why: str
    suite_image: str = ""
    suite: str = ""


def read_event(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the event's payload; an absent file is an empty one.

    Raises:
        InputError: it is not a JSON object.
    """
    path = environ.get("GITHUB_EVENT_PATH", "")
    try:
        payload = json.loads(Path(path).read_bytes()) if path and Path(path).exists() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"The event in {path} cannot be read: {error}.") from error
    return payload if isinstance(payload, dict) else {}


def read_settings(environ: Mapping[str, str], root: Path) -> Settings:
    """Return the settings from the action's inputs, which are JSON in REGRESS_INPUTS, and from the config file.

    Raises:
        SettingsError: a setting is wrong, or REGRESS_INPUTS is not a JSON object.
    """
    try:
        inputs = json.loads(environ.get("REGRESS_INPUTS") or "{}")
    except ValueError as error:
        raise SettingsError("REGRESS_INPUTS is not JSON.", remedy="It is `toJSON(inputs)` in action.yml.") from error
    return load(inputs if isinstance(inputs, dict) else {}, root=root)


def plan(payload: Mapping[str, Any], environ: Mapping[str, str], root: Path, *, launch: str) -> Errand:
    """Return what to measure; `launch` is how the runner starts this program again, to be asked for decisions.

    Raises:
        SettingsError: a setting is wrong, contradicts another, or an earlier step of the job has judged this suite.
    """
    settings = read_settings(environ, root)
    event = environ.get("GITHUB_EVENT_NAME", "")
    stage = decide(event, payload, environ, wanted=settings.mode, history_branch=settings.history_branch)
    suite = _suite(settings, stage, environ)
    if stage.mode not in {Stage.BASELINE, Stage.DETECT}:
        return Errand((), f"{stage}. Nothing is measured.", suite=suite)
    if not settings.command:
        return Errand((), f"{stage}. There is no command, so the results of an earlier step are judged.", suite=suite)
    if settings.suite_image and not settings.results and "{out}" not in settings.command:
        raise SettingsError(
            "suite-image needs a suite that writes results.",
            meaning="From outside the container, the time and memory of a plain command are those of Docker's client.",
            remedy="Set `results`, or use {out} in `command`.",
        )
    extra, settings = _against_base(settings, stage, root)
    order = Order(command=(settings.command,), out=FOLDER, adaptive=False)
    line = argv(settings, order, MEASUREMENT)
    words = (*extra, *_questions(settings, root, launch), *line[line.index("--out") :])
    against = f"against {settings.base}" if settings.base else "alone"
    return Errand(words, f"{stage}. Measuring {settings.suite} {against}.", settings.suite_image, suite)


def pages(suite: str) -> tuple[Path, Path]:
    """Return where the judgement of a suite, by its `slug`, is left as JSON and as Markdown in the workspace."""
    name = "report" if suite == DEFAULT else f"report-{suite}"
    return FOLDER / f"{name}.json", FOLDER / f"{name}.md"


def clear(root: Path, environ: Mapping[str, str]) -> None:
    """Make the folder anew, but for a history that was restored into it, and what earlier steps of the job judged.

    A checkout can bring files of ours along: a measurement, say, that a pull request commits and hopes to be judged by.
    """
    folder = root / FOLDER
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    folder.mkdir(exist_ok=True)
    kept = {page.name for suite in _judged(environ) for page in pages(suite)}
    for item in folder.iterdir():
        if item.is_dir() and not item.is_symlink():
            if item.name != HISTORY.name:
                shutil.rmtree(item)
        elif item.name not in kept:
            item.unlink()


def lend_psutil(root: Path) -> None:
    """Copy our psutil for the measurer; its wheel fits every CPython, so the runner needs neither pip nor a network."""
    found = importlib.util.find_spec("psutil")
    for place in (found.submodule_search_locations or ()) if found else ():
        without = shutil.ignore_patterns("tests", "__pycache__")
        shutil.copytree(place, root / FOLDER / "lent" / "psutil", ignore=without, copy_function=shutil.copyfile)


def leave(errand: Errand, root: Path, environ: Mapping[str, str]) -> None:
    """Write the words for the runner, each ended by a NUL, and tell the steps after this one."""
    folder = root / FOLDER
    folder.mkdir(exist_ok=True)
    (folder / ".gitignore").write_text("*\n")
    (root / PLAN).write_bytes(b"".join(word.encode() + b"\0" for word in errand.words))
    if output := environ.get("GITHUB_OUTPUT"):
        with Path(output).open("a", encoding="utf-8") as file:
            file.write(f"measure={'true' if errand.words else 'false'}\n")
            file.write(f"suite-image={' '.join(errand.suite_image.split())}\n")
            file.write(f"suite={errand.suite}\n")


def _suite(settings: Settings, stage: Plan, environ: Mapping[str, str]) -> str:
    """Return the suite that will be judged, as a name for files; empty where nothing is."""
    if settings.shard or stage.mode not in {Stage.BASELINE, Stage.DETECT, Stage.PUBLISH}:
        return ""
    suite = slug(settings.suite)
    if suite in _judged(environ):
        raise SettingsError(
            f"An earlier step of this job has judged the suite {settings.suite!r} already.",
            meaning="Both would write the same report, check run and comment, and a pass could hide a failure.",
            remedy="Give one of the two steps another  suite: NAME",
        )
    return suite


def _judged(environ: Mapping[str, str]) -> list[str]:
    """Return the suites that earlier steps of this job have judged, as action.yml remembers them."""
    return environ.get("REGRESS_JUDGED", "").split()


def _against_base(settings: Settings, stage: Plan, root: Path) -> tuple[tuple[str, ...], Settings]:
    """Return the measurer's options about the base, and the settings with the base in them ("" for none).

    GitHub checks out the merge of a pull request; what the pull request changes is its difference from the first
    parent. Everywhere else it is the difference from where the branch left its base.
    """
    if settings.base == "none" or stage.mode is Stage.BASELINE:
        return (), settings.model_copy(update={"base": ""})
    if settings.base:
        return PAIRED, settings
    if merged_into := _first_parent(root, stage.head_sha):
        return PAIRED, settings.model_copy(update={"base": merged_into})
    base = stage.base_sha or (f"origin/{stage.base_ref}" if stage.base_ref else "")
    return (("--merge-base", *PAIRED) if base else ()), settings.model_copy(update={"base": base})


def _first_parent(root: Path, head: str | None) -> str | None:
    """Return what HEAD merges `head` into; None where HEAD is no such merge. Works in a clone of depth 1."""
    asked = subprocess.run(  # noqa: S603 - our own words
        ["git", "-C", str(root), "-c", "safe.directory=*", "cat-file", "commit", "HEAD"],  # noqa: S607 - the image's
        capture_output=True,
        check=False,
        text=True,
        errors="replace",
    )
    header = asked.stdout.partition("\n\n")[0].splitlines()
    parents = [line.removeprefix("parent ") for line in header if line.startswith("parent ")]
    return parents[0] if len(parents) == _MERGED and parents[1] == head else None


def _questions(settings: Settings, root: Path, launch: str) -> tuple[str, ...]:
    """Return the option by which the measurer asks whether the verdict is in, where that may end it early."""
    if not (settings.adaptive and settings.base):
        return ()
    words = [*shlex.split(launch), "decide", "--pairs", str(settings.runs)]
    for name, value in (("--thresholds", settings.thresholds), ("--config", settings.config)):
        if value and (root / value).exists():
            words += [name, value]
    return ("--decide", shlex.join(words))
