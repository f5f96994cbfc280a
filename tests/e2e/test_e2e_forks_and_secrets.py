"""Pull requests from forks, measured without a token and published as data, and attacks on secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.e2e_repository import REPOSITORY, TOKEN, checked
from e2e.e2e_workflows import measuring, workflow

if TYPE_CHECKING:
    from e2e.e2e_repository import UserRepository

pytestmark = pytest.mark.timeout(600)
READ_ONLY = {"checks": "read", "contents": "read", "issues": "read", "pull-requests": "read", "actions": "read"}

HOSTILE = r'''
import os, pathlib, subprocess, sys, time
sys.path.insert(0, ".")
loot = pathlib.Path(os.environ["KEEP"]) / "loot"
loot.parent.mkdir(parents=True, exist_ok=True)

def said(what):
    with loot.open("a") as file:
        file.write(f"{what}\n")

# 1. The environment of this process, of those above it, and of whatever runs beside it.
for place in pathlib.Path("/proc").glob("[0-9]*/environ"):
    try:
        if b"@TOKEN@" in place.read_bytes() and b"regress" in place.with_name("cmdline").read_bytes():
            said(f"token in the environment of {place.with_name('cmdline').read_bytes()}")
    except OSError:
        pass
if "@TOKEN@" in repr(dict(os.environ)):
    said("token in the environment")

# 2. The runner's files, and commands in what is printed.
for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STATE", "GITHUB_STEP_SUMMARY"):
    if name in os.environ:
        said(f"{name} is known")
print("::set-output name=verdict::pass")
print("::add-mask::pass\n##[error]had\n::error::had")
print("\r::error::had", file=sys.stderr)

# 3. The history, without a token.
push = ["git", "-c", "user.name=x", "-c", "user.email=x@x", "push", os.environ["TARGET"], "HEAD:refs/heads/x"]
if subprocess.run(push, capture_output=True, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"}).returncode == 0:
    said("history written")

# 4. A process that outlives the suite and waits for the token.
waits = """
import os, pathlib, sys, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
end = time.monotonic() + 60
while time.monotonic() < end:
    for place in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            if b"@TOKEN@" in place.read_bytes() and b"docker" in place.with_name("cmdline").read_bytes():
                open(sys.argv[1], "a").write("token seen by a daemon" + chr(10))
        except OSError:
            pass
    time.sleep(0.01)
"""
subprocess.run([sys.executable, "-c", waits, str(loot)])
'''
SHADOW = "raise SystemExit('a module of the workspace was imported')\n"


def test_a_fork_is_measured_without_a_token_and_published_with_one(repository: UserRepository) -> None:
    """The first workflow can only read and still gives a verdict; the second publishes from its artifact."""
    github = repository.github.data
    repository.push()
    repository.costs("Slower", search=0.2)
    everything = dict(github.permissions)
    github.permissions.update(READ_ONLY)
    measured = repository.pull_event(workflow(measuring()), fork=True)
    pull, head = github.issues[-1], repository.git("rev-parse", "HEAD")
    assert measured.status == 1
    assert measured.outputs["verdict"] == "fail"
    assert not github.comments
    assert not github.check_runs

    github.permissions.update(everything)
    run = {"id": 77, "event": "pull_request", "head_sha": head, "head_branch": "feature", "conclusion": "failure"}
    repository.github.seed({"runs": [run | {"head_repository": "outsider/widgets"}]})
    files = {path.name: path.read_bytes() for path in repository.kept.glob("*.jsonl")}
    github.add_artifact("regress-report", files, 77)
    payload = {
        "action": "completed",
        "workflow_run": run | {"head_repository": {"full_name": "outsider/widgets"}},
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }
    published = repository.act("workflow_run", workflow(), payload)
    assert "measure=true" not in published.log
    assert published.outputs["verdict"] == "fail"
    [check] = [run for run in github.check_runs if run.head_sha == head]
    assert check.conclusion == "failure"
    [comment] = [record for record in github.comments if record.issue == pull.number]
    assert "search" in comment.body


def test_a_hostile_pull_request_gains_nothing(repository: UserRepository) -> None:
    """It reads no token, writes no history, is not imported, commands no runner, and cannot talk the verdict away."""
    repository.push()
    hostile = HOSTILE.replace("@TOKEN@", TOKEN)
    shadows = dict.fromkeys(
        ("json.py", "venv.py", "psutil.py", "numpy.py", "regress_action.py", "sitecustomize.py"), SHADOW
    )
    repository.commit("Improve", {"hostile.py": hostile, **shadows})
    repository.costs("Slower", store=0.02)
    command = measuring('"python3 -P suite.py {out} && python3 -P hostile.py || true"')
    ran = repository.pull_event(workflow(command), TARGET=f"{repository.git_url}/{REPOSITORY}")
    assert not (repository.kept / "loot").exists(), (repository.kept / "loot").read_text()
    assert checked("git", "for-each-ref", "--format=%(refname)", cwd=repository.bare) == "refs/heads/main"
    assert "a module of the workspace was imported" not in ran.log
    assert TOKEN not in ran.log
    assert (ran.status, ran.outputs["verdict"]) == (1, "fail")


def test_a_measurement_in_the_checkout_is_not_judged(repository: UserRepository) -> None:
    """A pull request may bring a folder that looks like ours; nothing of it is believed."""
    repository.push()
    repository.costs("Innocent")
    repository.pull_event(workflow(measuring()))
    made = {
        f".regress/measurement/{path.relative_to(repository.kept / 'measurement')}": path.read_text()
        for path in (repository.kept / "measurement").rglob("*")
        if path.is_file()
    }
    repository.commit(
        "Bring a measurement along", made | {"suite.py": "raise SystemExit('slow, but who would know')\n"}
    )
    ran = repository.pull_event(workflow(measuring()))
    assert (ran.status, ran.outputs["verdict"]) == (1, "incomplete")


def test_a_suite_that_fills_memory_and_disk_is_a_failure_not_a_pass(repository: UserRepository) -> None:
    """A results file of a size no suite has is refused unread, and a gate that saw nothing is not green."""
    repository.push()
    flood = "import sys\nwith open(sys.argv[1], 'wb') as file:\n    file.truncate(3 * 2**30)\n"
    repository.commit("Flood", {"suite.py": flood})
    ran = repository.pull_event(workflow(measuring(more="          base: none"), runs=1))
    assert ran.status != 0
    assert ran.outputs["verdict"] != "pass"


@pytest.mark.parametrize("event", ["pull_request_target", "issue_comment"])
def test_a_pull_requests_code_is_not_measured_with_secrets(repository: UserRepository, event: str) -> None:
    """Events that carry the token of this repository do not run a command."""
    repository.push()
    head = repository.git("rev-parse", "HEAD")
    pull = {
        "number": 1,
        "head": {"sha": head, "ref": "x", "repo": {"full_name": "outsider/widgets"}},
        "base": {"sha": head, "ref": "main", "repo": {"full_name": REPOSITORY}},
    }
    text = workflow(measuring('"touch $KEEP/ran"')).replace("on: [", f"on: [{event}, ")
    ran = repository.act(event, text, {"action": "opened", "number": 1, "pull_request": pull})
    assert not (repository.kept / "ran").exists()
    if event == "pull_request_target":
        assert ran.status != 0
        assert "workflow_run" in ran.log
