"""Jobs in containers of their own, suites in an image, and a matrix whose legs are put together again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from e2e.e2e_repository import COSTS
from e2e.e2e_workflows import SUITE_COMMAND, measuring, workflow

if TYPE_CHECKING:
    from e2e.e2e_repository import UserRepository

pytestmark = pytest.mark.timeout(900)
JOB_IMAGE = "regress-e2e-job:latest"
JOB_DOCKERFILE = """
FROM debian:trixie-slim
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends ca-certificates docker-cli git python3 python3-venv >/dev/null
"""


@pytest.fixture(scope="module")
def job_image() -> str:
    """An image for jobs: Python, git and a Docker client, no Node."""
    build = ["docker", "build", "--quiet", "--tag", JOB_IMAGE, "-"]
    done = subprocess.run(build, input=JOB_DOCKERFILE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return JOB_IMAGE


@pytest.fixture(autouse=True)
def free_volumes() -> None:
    """Wait until the engine has removed the containers of the job before, whose volumes have the same names."""
    until = time.monotonic() + 120
    while _users_of_volumes() and time.monotonic() < until:
        time.sleep(0.5)


def _users_of_volumes() -> list[str]:
    volumes = _docker("volume", "ls", "--quiet", "--filter", "name=act-performance")
    return [user for volume in volumes for user in _docker("ps", "--all", "--quiet", "--filter", f"volume={volume}")]


def _docker(*words: str) -> list[str]:
    return subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout.split()


@pytest.mark.parametrize(("wanted", "taken"), [("auto", "docker"), ("venv", "venv")])
def test_a_job_in_a_container(repository: UserRepository, job_image: str, wanted: str, taken: str) -> None:
    """In a job's own container the analysis borrows its volumes, or makes a virtualenv in it."""
    repository.push()
    repository.costs("Slower", parse=0.030)
    text = workflow(measuring(more=f"          engine: {wanted}"), job=f"container: {job_image}")
    ran = repository.pull_event(text, KEEP="/kept")
    assert f"(engine: {taken})" in ran.log
    assert (ran.status, ran.outputs["verdict"], ran.outputs["regressions"]) == (1, "fail", "1")


def test_a_suite_in_an_image(repository: UserRepository, job_image: str) -> None:
    """The suite runs in the image that was named, without network, and leaves nothing that its owner cannot remove."""
    repository.push()
    repository.costs("Slower", parse=0.030)
    command = f'"cat /etc/debian_version; {SUITE_COMMAND}"'
    image = f"          suite-image: {job_image} --network=none"
    ran = repository.pull_event(workflow(measuring(command, image)))
    assert "trixie" in ran.log or "13." in ran.log
    assert (ran.status, ran.outputs["verdict"]) == (1, "fail")


SUITE_DOCKERFILE = """
FROM debian:trixie-slim
RUN apt-get update -qq \\
 && apt-get install -y -qq --no-install-recommends python3-pytest python3-pytest-benchmark >/dev/null
"""


SPEAKS_FOR_BASE = """
import glob, json, os, socket
kept = []
if os.environ["REGRESS_SIDE"] == "head":
    own = os.path.dirname(os.environ["REGRESS_TURNS"])
    places = [own, os.path.join(os.path.dirname(own), "base"), os.environ["GITHUB_WORKSPACE"]]
    for path in [path for place in places for path in glob.glob(place + "/**/s", recursive=True, include_hidden=True)]:
        try:
            kept.append(socket.socket(socket.AF_UNIX))
            kept[-1].connect(path)
            kept[-1].sendall(json.dumps({"hello": "base", "names": ["test_turns.py::test_one"]}).encode() + b"\\n")
        except OSError:
            pass
    try:
        os.remove(own + "/s")
    except OSError as error:
        open(os.environ["GITHUB_WORKSPACE"] + "/.regress/refused", "w").write(f"{error.strerror} {len(kept)}")
"""


def test_pytest_suites_in_containers_take_turns(repository: UserRepository, tmp_path: Path) -> None:
    """Each container has the plugin and its own side's socket; a head that speaks for the base changes nothing."""
    image = "regress-e2e-pytest:latest"
    build = ["docker", "build", "--quiet", "--tag", image, "-"]
    subprocess.run(build, input=SUITE_DOCKERFILE, capture_output=True, text=True, check=True)
    folder = repository.clone
    for name, content in (
        ("test_turns.py", "def test_one(benchmark): benchmark(sum, range(500))\n"),
        ("conftest.py", SPEAKS_FOR_BASE),
    ):
        (folder / name).write_text(content)
        for words in (["add", name], ["commit", "--quiet", "-m", "x"]):
            git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
            subprocess.run([*git, *words], cwd=folder, check=True)
    scratch, sockets = folder / ".regress" / "scratch", tmp_path / "sockets"
    scratch.mkdir(parents=True)
    sockets.mkdir()
    suite = "PYTHONDONTWRITEBYTECODE=1 python3 -m pytest -q test_turns.py --benchmark-max-time=0.3"
    suite += " -p no:cacheprovider --benchmark-json={out}"
    root = Path(__file__).parents[2]
    argv = [sys.executable, "-m", "regress_action.measure", "--out", str(folder / ".regress/measured")]
    argv += ["--base", "HEAD~1", "--pairs", "2", "--interleave", "lockstep", "--", f"bash {root}/bin/suite '{suite}'"]
    variables = {**os.environ, "TMPDIR": str(scratch), "GITHUB_WORKSPACE": str(folder), "PYTHONPATH": str(root / "src")}
    variables |= {"REGRESS_SUITE_IMAGE": f"{image} --network=none", "REGRESS_SOCKETS": str(sockets)}
    ended = subprocess.run(argv, cwd=folder, env=variables, capture_output=True, text=True, check=False)
    measured = json.loads((folder / ".regress/measured/measurement.json").read_text())
    assert measured["interleave"]["kind"] == "cooperative", ended.stderr
    assert [(run["failure"], run["turns"]["met"]) for run in measured["runs"]] == [(None, 1)] * 4
    assert all(run["turns"]["turns"] > 4 for run in measured["runs"])
    assert (folder / ".regress/refused").read_text() == "Read-only file system 1"
    assert list(sockets.iterdir()) == []


def test_container_of_a_killed_measurement_is_removed(repository: UserRepository, tmp_path: Path) -> None:
    """Where a job container ends with all in it, the next start finds the suite's container by its label alone."""
    scratch, root = repository.clone / ".regress" / "scratch", Path(__file__).parents[2]
    scratch.mkdir(parents=True)
    suite = "trap : TERM; touch .regress/began; while sleep 1; do :; done"
    argv = ["unshare", "--pid", "--fork", "--mount-proc", sys.executable, "-m", "regress_action.measure"]
    argv += ["--overwrite", "--out", str(tmp_path / "measured"), "--runs", "1", "--"]
    variables = {**os.environ, "TMPDIR": str(scratch), "GITHUB_WORKSPACE": str(repository.clone)}
    variables |= {"REGRESS_SUITE_IMAGE": "debian:trixie-slim", "PYTHONPATH": str(root / "src")}
    measurer = subprocess.Popen([*argv, f"bash {root}/bin/suite '{suite}'"], cwd=repository.clone, env=variables)
    until = time.monotonic() + 60
    while not (repository.clone / ".regress/began").exists() and time.monotonic() < until:
        time.sleep(0.1)
    [session] = [folder.name.removeprefix("regress-session-") for folder in scratch.glob("regress-session-*")]
    [first] = psutil.Process(measurer.pid).children()  # in its namespace, with which all others end
    first.kill()
    measurer.wait()
    running = ("ps", "--quiet", "--filter", f"label=regress-session={session}")
    assert len(_docker(*running)) == 1
    subprocess.run([*argv, "true"], cwd=repository.clone, env=variables, check=True)
    assert (_docker(*running), list(scratch.glob("regress-session-*"))) == ([], [])


def measured_shards(repository: UserRepository, numbers: tuple[int, ...]) -> Path:
    """Run these legs of a matrix of four, each of which measures one benchmark; return the folder of their reports."""
    folder = repository.clone / "shards"
    for number in numbers:
        shutil.rmtree(repository.kept, ignore_errors=True)
        name = ("parse", "render", "store", "search")[number - 1]
        leg = workflow(measuring(f'"{SUITE_COMMAND} {name}"', f"          shard: {number}/4"))
        ran = repository.pull_event(leg)
        assert ran.status == 0, ran.log
        assert f"Shard {number}/4 is measured" in ran.log
        (folder / str(number)).mkdir(parents=True)
        for report in repository.kept.glob("*.jsonl"):
            shutil.copy(report, folder / str(number))
    return folder


def test_four_shards_become_one_verdict(repository: UserRepository) -> None:
    """Every leg is silent; the job that merges them judges all benchmarks and speaks once."""
    repository.push()
    repository.costs("Slower", store=0.015)
    measured_shards(repository, (1, 2, 3, 4))
    assert not repository.github.data.check_runs
    ran = repository.pull_event(workflow('          results: "shards/*"'))
    assert (ran.status, ran.outputs["verdict"], ran.outputs["regressions"]) == (1, "fail", "1")
    judged = json.loads((repository.kept / "report.json").read_text())
    assert sorted(row["benchmark"].rpartition("::")[2] for row in judged["comparisons"]) == sorted(COSTS)
    assert len(repository.github.data.check_runs) == 1


def test_a_lost_shard_is_no_pass(repository: UserRepository) -> None:
    """A leg that failed leaves a hole; what it would have measured was not seen."""
    repository.push()
    repository.costs("The same")
    measured_shards(repository, (1, 4))
    ran = repository.pull_event(workflow('          results: "shards/*"'))
    assert "2 are missing: 2, 3" in ran.log
    assert (ran.status, ran.outputs["verdict"]) == (1, "incomplete")
    [check] = repository.github.data.check_runs
    assert check.conclusion == "failure"
