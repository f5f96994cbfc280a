"""Pull requests from people nobody knows: measured without a token, published as data, and hostile ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from e2e_workflows import measuring, workflow
from e2e_world import REPOSITORY, TOKEN, checked

if TYPE_CHECKING:
    from e2e_world import GithubData

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


def test_a_fork_is_measured_without_a_token_and_published_with_one(world: GithubData) -> None:
    """The first workflow can only read and still gives a verdict; the second reads its artifact and speaks."""
    github = world.github.data
    world.push()
    world.costs("Slower", search=0.2)
    everything = dict(github.permissions)
    github.permissions.update(READ_ONLY)
    measured = world.pull_event(workflow(measuring()), fork=True)
    pull, head = github.issues[-1], world.git("rev-parse", "HEAD")
    assert measured.status == 1
    assert measured.told["verdict"] == "fail"
    assert not github.comments
    assert not github.check_runs

    github.permissions.update(everything)
    run = {"id": 77, "event": "pull_request", "head_sha": head, "head_branch": "feature", "conclusion": "failure"}
    world.github.seed({"runs": [run | {"head_repository": "stranger/widgets"}]})
    files = {path.name: path.read_bytes() for path in world.kept.glob("*.jsonl")}
    github.add_artifact("regress-report", files, 77)
    payload = {
        "action": "completed",
        "workflow_run": run | {"head_repository": {"full_name": "stranger/widgets"}},
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }
    published = world.act("workflow_run", workflow(), payload)
    assert "measure=true" not in published.log
    assert published.told["verdict"] == "fail"
    [check] = [each for each in github.check_runs if each.head_sha == head]
    assert check.conclusion == "failure"
    [comment] = [each for each in github.comments if each.issue == pull.number]
    assert "search" in comment.body


def test_a_hostile_pull_request_gains_nothing(world: GithubData) -> None:
    """It reads no token, writes no history, is not imported, commands no runner, and cannot talk the verdict away."""
    world.push()
    hostile = HOSTILE.replace("@TOKEN@", TOKEN)
    shadows = dict.fromkeys(
        ("json.py", "venv.py", "psutil.py", "numpy.py", "regress_action.py", "sitecustomize.py"), SHADOW
    )
    world.commit("Improve", {"hostile.py": hostile, **shadows})
    world.costs("Slower", store=0.02)
    command = measuring('"python3 -P suite.py {out} && python3 -P hostile.py || true"')
    ran = world.pull_event(workflow(command), TARGET=f"{world.git_url}/{REPOSITORY}")
    assert not (world.kept / "loot").exists(), (world.kept / "loot").read_text()
    assert checked("git", "for-each-ref", "--format=%(refname)", cwd=world.bare) == "refs/heads/main"
    assert "a module of the workspace was imported" not in ran.log
    assert TOKEN not in ran.log
    assert (ran.status, ran.told["verdict"]) == (1, "fail")


def test_a_measurement_in_the_checkout_is_not_judged(world: GithubData) -> None:
    """A pull request may bring a folder that looks like ours; nothing of it is believed."""
    world.push()
    world.costs("Innocent")
    world.pull_event(workflow(measuring()))
    made = {
        f".regress/measurement/{path.relative_to(world.kept / 'measurement')}": path.read_text()
        for path in (world.kept / "measurement").rglob("*")
        if path.is_file()
    }
    world.commit("Bring a measurement along", made | {"suite.py": "raise SystemExit('slow, but who would know')\n"})
    ran = world.pull_event(workflow(measuring()))
    assert (ran.status, ran.told["verdict"]) == (1, "incomplete")


def test_a_suite_that_fills_memory_and_disk_is_a_failure_not_a_pass(world: GithubData) -> None:
    """A results file of a size no suite has is refused unread, and a gate that saw nothing is not green."""
    world.push()
    flood = "import sys\nwith open(sys.argv[1], 'wb') as file:\n    file.truncate(3 * 2**30)\n"
    world.commit("Flood", {"suite.py": flood})
    ran = world.pull_event(workflow(measuring(more="          base: none"), runs=1))
    assert ran.status != 0
    assert ran.told["verdict"] != "pass"


@pytest.mark.parametrize("event", ["pull_request_target", "issue_comment"])
def test_strangers_code_is_not_measured_with_secrets(world: GithubData, event: str) -> None:
    """Events that carry the token of this repository do not run a command."""
    world.push()
    head = world.git("rev-parse", "HEAD")
    pull = {
        "number": 1,
        "head": {"sha": head, "ref": "x", "repo": {"full_name": "stranger/widgets"}},
        "base": {"sha": head, "ref": "main", "repo": {"full_name": REPOSITORY}},
    }
    text = workflow(measuring('"touch $KEEP/ran"')).replace("on: [", f"on: [{event}, ")
    ran = world.act(event, text, {"action": "opened", "number": 1, "pull_request": pull})
    assert not (world.kept / "ran").exists()
    if event == "pull_request_target":
        assert ran.status != 0
        assert "workflow_run" in ran.log
