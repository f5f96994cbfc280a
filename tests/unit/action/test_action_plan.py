"""What the runner measures follows from the event, the settings and the checkout."""

from __future__ import annotations

import io
import json
import re
import subprocess
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Literal, NoReturn

import pytest

from regress_action.action import job, plan
from regress_action.github.runner import StepLog
from regress_action.measure.active_clock import NoClockError
from regress_action.measure.interleaving import Kind, choose
from regress_action.measure.options import parse
from regress_action.measure.process_tree import CHILDREN_LISTED
from regress_action.measure.suite_command import style_of
from regress_action.model.errors import InputError, SettingsError
from regress_action.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

PULL: dict[str, Any] = {
    "number": 7,
    "pull_request": {
        "number": 7,
        "head": {"sha": "h" * 40, "ref": "feature", "repo": {"full_name": "o/r"}},
        "base": {"sha": "b" * 40, "ref": "main", "repo": {"full_name": "o/r"}},
    },
}
PUSH = {"ref": "refs/heads/main", "after": "a" * 40, "before": "b" * 40, "repository": {"default_branch": "main"}}


def planned(
    root: Path, event: str, payload: dict[str, Any], judged: str = "", **inputs: str
) -> plan.MeasurementRequest:
    """Plan for an event with these inputs, where earlier steps of the job have judged some suites."""
    given = {name.replace("_", "-"): value for name, value in inputs.items()}
    environ = {"GITHUB_EVENT_NAME": event, "GITHUB_REPOSITORY": "o/r", "REGRESS_INPUTS": json.dumps(given)}
    environ["REGRESS_JUDGED"] = judged
    return plan.plan(job.load_job(payload, environ, root, StepLog(io.StringIO())), launch="bash '/a path/launch'")


def test_a_pull_request_is_measured_against_where_it_left_its_base(tmp_path: Path) -> None:
    """Base and head in turn, the base being the fork point with the pull request's base."""
    words = planned(tmp_path, "pull_request", PULL, command="suite {out}", runs="7").words
    assert {"--merge-base", "--fetch", "--overwrite", "--pairs=7", f"--base={'b' * 40}"} <= set(words)
    assert words[-2:] == ("--", "suite {out}")


def test_a_merge_commit_is_measured_against_what_it_merges_into(tmp_path: Path) -> None:
    """GitHub checks out the merge of a pull request; its first parent is the base, even if main has moved on."""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@x"]

    def run(*words: str) -> str:
        return subprocess.run([*git, *words], check=True, capture_output=True, text=True).stdout.strip()

    run("init", "-q", "-b", "main")
    run("commit", "-q", "--allow-empty", "-m", "one")
    run("checkout", "-q", "-b", "feature")
    run("commit", "-q", "--allow-empty", "-m", "two")
    head = run("rev-parse", "HEAD")
    run("checkout", "-q", "main")
    run("commit", "-q", "--allow-empty", "-m", "three")
    base = run("rev-parse", "HEAD")
    run("merge", "-q", "--no-ff", "-m", "merge", "feature")
    pull = {**PULL, "pull_request": {**PULL["pull_request"], "head": {"sha": head, "repo": {"full_name": "o/r"}}}}
    words = planned(tmp_path, "pull_request", pull, command="suite").words
    assert f"--base={base}" in words
    assert "--merge-base" not in words


def test_the_measurer_asks_through_the_launcher(tmp_path: Path) -> None:
    """The question whether to go on is asked of the container, wherever the action lies."""
    words = planned(tmp_path, "pull_request", PULL, command="suite").words
    assert words[words.index("--decide") + 1] == "bash '/a path/launch' decide --planned"


@pytest.mark.parametrize(
    ("command", "style"), [("go test -bench . {select}", "go"), ("pytest {select}", "pytest"), ("pytest", None)]
)
def test_selected_benchmarks_are_named_as_the_runner_wants(tmp_path: Path, command: str, style: str | None) -> None:
    """A decision between two pairs may select some, so the style does not depend on a selection at the start."""
    words = planned(tmp_path, "pull_request", PULL, command=command).words
    assert [word for word in words if "select-style" in word] == ([f"--select-style={style}"] if style else [])


@pytest.mark.parametrize(
    ("command", "interleave", "kind"),
    [
        ("go test -bench . {select} | tee {out}", "auto", Kind.SELECTED),
        ("asv run {select} -E existing && cp results.json {out}", "auto", Kind.SELECTED),
        ("go test -bench . {select} | tee {out}", "run", Kind.RUN),
        ("go test -bench . {select} | tee {out}", "parallel", Kind.PARALLEL),
        ("pytest {select} --benchmark-json={out}", "auto", Kind.COOPERATIVE),
        ("./run {select} > {out}", "auto", Kind.RUN),
    ],
)
def test_suspects_that_are_measured_one_after_the_other_have_all_their_pairs(
    command: str, interleave: Literal["auto", "run", "parallel"], kind: Kind
) -> None:
    """Elsewhere the measurer asks whether to go on. It would not measure them so if it asked."""
    early = plan.early_options(Settings(command=command, base="b", interleave=interleave), "launch", selected=True)
    assert bool(early) is (kind is not Kind.SELECTED)
    given = ("--select", "BenchmarkA", "--select-style", style_of(command), "--interleave", interleave)
    options = parse(["--base", "b", "--out", "o", *given, *early, "--", command])
    assert choose(options, is_subreaper=True, clocks=refuse).kind is (kind if CHILDREN_LISTED else Kind.RUN)


def refuse() -> NoReturn:
    """Make no clocks for a suite that times itself.

    Raises:
        NoClockError: always.
    """
    raise NoClockError("there is no compiler")


def test_command_that_profiles_gets_names_as_the_runner_wants(tmp_path: Path) -> None:
    """It may take a selection where the suite's own command takes none."""
    inputs = {"profile": "regressions", "profile-command": "sample {profile} pytest {select}"}
    words = planned(tmp_path, "pull_request", PULL, command="pytest", **inputs).words
    assert "--select-style=pytest" in words


def test_regressions_are_profiled_where_that_is_asked_for(tmp_path: Path) -> None:
    """The measurer profiles after the timed runs, if the container says that something regressed."""
    words = planned(tmp_path, "pull_request", PULL, command="pytest {select}", profile="regressions").words
    assert words[words.index("--profile-if") + 1] == "bash '/a path/launch' decide --planned --regressions"
    assert {"--profile=4", "--profile-calls=1", "--select-style=pytest"} <= set(words)


@pytest.mark.parametrize("inputs", [{}, {"profile": "never"}, {"profile": "regressions", "base": "none"}])
def test_otherwise_nothing_is_profiled(tmp_path: Path, inputs: dict[str, str]) -> None:
    """Not by default, and not without a base to compare with."""
    words = planned(tmp_path, "pull_request", PULL, command="suite", **inputs).words
    assert not [word for word in words if word.startswith("--profile")]


def test_a_push_to_the_default_branch_is_measured_alone(tmp_path: Path) -> None:
    """There is no base to take turns with: history is what it is compared with."""
    words = planned(tmp_path, "push", PUSH, command="suite", runs="3").words
    assert "--runs=3" in words
    assert not [word for word in words if word.startswith("--base") or word == "--decide"]


@pytest.mark.parametrize("event", ["schedule", "release", "workflow_run", "pull_request_target", "issue_comment"])
def test_nothing_is_measured_elsewhere(tmp_path: Path, event: str) -> None:
    """Trends are read, publishing reads an artifact, and strangers' code does not meet secrets."""
    payload = PULL if event == "pull_request_target" else {"action": "completed"}
    assert planned(tmp_path, event, payload, command="suite").words == ()


def test_settings_come_from_the_file_too(tmp_path: Path) -> None:
    """The command may stand in regress.yml; an input wins."""
    (tmp_path / "regress.yml").write_text("command: from the file\nruns: 4\n")
    words = planned(tmp_path, "push", PUSH, runs="5").words
    assert words[-1] == "from the file"
    assert "--runs=5" in words


def test_a_plain_command_in_an_image_is_refused(tmp_path: Path) -> None:
    """Seen from outside, it would be Docker's client that is measured."""
    with pytest.raises(SettingsError, match="suite-image needs a suite that writes results"):
        planned(tmp_path, "push", PUSH, command="./program", suite_image="debian")


def test_what_a_checkout_brings_along_is_gone(tmp_path: Path) -> None:
    """Neither files, nor folders, nor links of a pull request survive; a restored history does."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    folder = tmp_path / ".regress"
    (folder / "measurement").mkdir(parents=True)
    (folder / "measurement/measurement.json").write_text("{}")
    (folder / "confirming").write_text("")
    (folder / "history").mkdir()
    (folder / "confirmation").symlink_to(outside)
    plan.clear(tmp_path, {})
    assert [path.name for path in folder.iterdir()] == ["history"]
    assert (outside / "kept").exists()


def test_what_earlier_steps_of_the_job_judged_is_kept(tmp_path: Path) -> None:
    """Their outputs name these files, and later steps read them; a report that no step wrote is not believed."""
    folder = tmp_path / ".regress"
    folder.mkdir()
    for name in ("report.json", "report.md", "report-api.json", "report-web.json", "head-api.jsonl", "head-web.jsonl"):
        (folder / name).write_text("")
    plan.clear(tmp_path, {"REGRESS_JUDGED": " default api"})
    assert {path.name for path in folder.iterdir()} == {"report.json", "report.md", "report-api.json", "head-api.jsonl"}


@pytest.mark.parametrize(
    ("inputs", "refused"),
    [
        ({"suite": "api"}, True),
        ({}, True),
        ({"suite": "web"}, False),
        ({"suite": "API"}, False),
        ({"suite": "api", "mode": "trend"}, False),
        ({"suite": "api", "shard": "1/4"}, False),
    ],
    ids=str,
)
def test_a_suite_is_judged_once_in_a_job(tmp_path: Path, inputs: dict[str, str], refused: bool) -> None:
    """A second step of the same name would overwrite what the first one said; it is refused before it measures."""
    with pytest.raises(SettingsError, match="judged the suite") if refused else nullcontext():
        planned(tmp_path, "push", PUSH, judged=" default api", command="./suite", **inputs)


def test_the_suite_to_be_judged_is_an_output_that_can_name_files(tmp_path: Path) -> None:
    """It goes into the job's environment file, so nothing in it may end a line; reports are called after it."""
    suite = planned(tmp_path, "push", PUSH, command="./suite", suite="a b\nX=1").suite
    assert re.fullmatch(r"[a-z0-9.~-]+", suite)
    assert plan.pages(suite)[0].name == f"report-{suite}.json"
    assert plan.pages(planned(tmp_path, "push", PUSH, results="x.json").suite)[1].name == "report.md"
    assert planned(tmp_path, "schedule", {}, command="./suite").suite == ""


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A pull request cannot make us write or delete elsewhere."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_text("")
    (tmp_path / ".regress").symlink_to(outside)
    plan.clear(tmp_path, {})
    assert not (tmp_path / ".regress").is_symlink()
    assert (outside / "kept").exists()


def test_the_request_is_written_for_the_runner(tmp_path: Path) -> None:
    """Words are ended by NULs, since a command may hold line breaks; the next steps learn whether to measure."""
    output = tmp_path / "output"
    request = plan.MeasurementRequest(("--", "one\ntwo"), "because", "image --network=none", "api", "xyz")
    plan.clear(tmp_path, {})
    plan.write_request(request, tmp_path, {"GITHUB_OUTPUT": str(output)})
    assert (tmp_path / job.PLAN).read_bytes() == b"--\0one\ntwo\0"
    lines = output.read_text().splitlines()
    names = [line.partition("<<ghadelimiter_")[0] for line in lines[::3]]
    assert names == ["measure", "suite-image", "suite", "planned"]
    assert lines[1::3] == ["true", "image --network=none", "api", "xyz"]


def test_an_event_that_is_no_json_is_named(tmp_path: Path) -> None:
    """The runner writes the event; half of one is said, not guessed."""
    (tmp_path / "event.json").write_text("{")
    with pytest.raises(InputError, match=r"event\.json cannot be read"):
        job.read_event({"GITHUB_EVENT_PATH": str(tmp_path / "event.json")})


@pytest.mark.parametrize("name", ["push", "pull_request", "workflow_run"])
def test_an_event_without_its_payload_is_named(name: str, tmp_path: Path) -> None:
    """The cause is the missing file, not the settings or the depth of the clone; a schedule needs no payload."""
    for path in ({}, {"GITHUB_EVENT_PATH": str(tmp_path / "absent.json")}):
        with pytest.raises(InputError, match=f"The event {name} comes without its payload"):
            job.read_event({"GITHUB_EVENT_NAME": name, **path})
    assert job.read_event({"GITHUB_EVENT_NAME": "schedule"}) == {}
    assert job.read_event({}) == {}
