"""From an alarm to its cause: the changed line of a pull request, and the commit of a push that made main slower.

The tests with a shared repository tell one story and run in order; the workflows are those of examples/.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from e2e.e2e_repository import REPOSITORY, ROOT, SUITE, checked
from e2e.e2e_workflows import measuring, workflow

if TYPE_CHECKING:
    from e2e.e2e_repository import Ran, UserRepository

pytestmark = pytest.mark.timeout(900)
SETUP = "python -m venv .venv && .venv/bin/pip install --quiet -e . pytest pytest-benchmark"
SELECTED = ".venv/bin/python -m pytest benchmarks {select} --benchmark-only --benchmark-json={out}"
COMMAND = ".venv/bin/python -m pytest benchmarks --benchmark-only --benchmark-json={out}"
TABLE = "python3 -P benchmarks/suite.py {out}"


SHOP = """\
def total(prices):
    amount = 0
    for price in prices:
        amount += price
    return amount


def label(prices):
    return "".join(str(price) for price in prices)
"""
SLOWER = SHOP.replace(
    "    for price in prices:", "    for price in sorted(prices, key=lambda price: str(price)[::-1]):", 1
)
TIMED = """\
import json, sys, time
sys.path.insert(0, ".")
from shop import label, total

def seconds(function):
    began = time.process_time()
    for _ in range(8):
        function(list(range(6000)))
    return time.process_time() - began

functions = {"total": total, "label": label}
data = {name: [seconds(function) for _ in range(3)] for name, function in functions.items()}
entries = [{"name": name, "fullname": f"benchmarks/test_shop.py::test_{name}", "group": None, "params": None,
            "stats": {"data": times, "min": min(times), "max": max(times), "mean": sum(times) / 3, "stddev": 0,
                      "median": sorted(times)[1], "rounds": 3, "iterations": 1, "ops": 1, "total": sum(times)}}
           for name, times in data.items()]
json.dump({"version": "5.1.0", "datetime": "2026-01-01T00:00:00+00:00", "machine_info": {}, "commit_info": {},
           "benchmarks": entries}, open(sys.argv[1], "w"))
"""
UPLOAD = """\
      - uses: actions/upload-artifact@v7
        if: ${{ !cancelled() }}
        with:
          name: regress-flame-graphs
          path: .regress/flame-graph*.html
          include-hidden-files: true
"""


def example(name: str) -> str:
    """Return an example whose suite takes its times from a table: nothing is installed, and speed decides nothing."""
    text = (ROOT / "examples/workflows" / f"{name}.yml").read_text()
    return text.replace(SETUP, "'true'").replace(SELECTED, TABLE).replace(COMMAND, TABLE)


def commented(repository: UserRepository, text: str, number: int) -> str:
    """Comment on an issue or a pull request and run the workflow that answers; return its answer."""
    github = repository.github.data
    asked, issue = github.add_comment(number, text), github.issue(number)
    assert issue is not None
    payload = {
        "action": "created",
        "issue": {"number": number} | ({"pull_request": {"url": "x"}} if issue.pull else {}),
        "comment": {"id": asked.id, "body": text, "user": {"login": "octo"}},
        "repository": {"full_name": REPOSITORY, "default_branch": "main"},
    }
    ran = repository.act("issue_comment", example("comment-command"), payload)
    assert ran.status == 0, ran.log
    [reply] = [comment.body for comment in github.comments if f'{{"answer":{asked.id}}}' in comment.body]
    return reply


def dispatched(repository: UserRepository, name: str) -> Ran:
    """Run the workflow that the last command started, with its inputs, as GitHub does."""
    started = repository.github.data.runs[-1]
    assert started.workflow == f"{name}.yml"
    payload = {"inputs": started.inputs, "ref": "refs/heads/main", "repository": {"default_branch": "main"}}
    return repository.act("workflow_dispatch", example(name), payload)


def test_a_slow_push_is_bisected_and_the_culprit_posted(shared_repository: UserRepository) -> None:
    """Of six commits of a push, the one that made a benchmark slower is named on the issue about it."""
    repository, github = shared_repository, shared_repository.github.data
    repository.commit("Configure", {"benchmarks/suite.py": SUITE, "regress.yml": "runs: 5\n"})
    for number in range(2):
        repository.commit(f"Change {number}", {"notes.txt": f"{number}\n"})
        ran = repository.push_event(example("bisect"))
        assert ran.status == 0, ran.log
    for number in range(2):
        repository.commit(f"Write page {number}", {f"page{number}.txt": "x\n"})
    culprit = repository.costs("Parse more carefully", parse=0.017)
    for number in range(2, 5):
        repository.commit(f"Write page {number}", {f"page{number}.txt": "x\n"})
    ran = repository.push_event(example("bisect"), commits=6)
    assert ran.status == 0, ran.log
    [issue] = [record for record in github.issues if record.pull is None]
    assert "parse" in issue.title
    [comment] = [record for record in github.comments if record.issue == issue.number]
    assert f"**First bad commit: {culprit}** (probability 99." in comment.body
    assert "`Parse more carefully` by `A user`, changes `costs.py`" in comment.body
    assert "6 commits in" in comment.body


def test_a_comment_on_the_issue_starts_the_bisection(shared_repository: UserRepository) -> None:
    """The workflow gets what the issue knows, searches the same commits, and says nothing twice."""
    repository, github = shared_repository, shared_repository.github.data
    [issue] = [record for record in github.issues if record.pull is None]
    reply = commented(repository, "/regress bisect", issue.number)
    assert "for the commit that changed `benchmarks/test_parse.py::parse`, in [this run](" in reply
    ran = dispatched(repository, "bisect")
    assert ran.status == 0, ran.log
    answers = [record.body for record in github.comments if "First bad commit" in record.body]
    assert len(answers) == 1
    assert "The answer stands in" in ran.log


def test_a_claim_about_the_fix_is_measured_and_its_receipt_posted(shared_repository: UserRepository) -> None:
    """A comment on the pull request starts it; the receipt in the comment can be checked by anybody."""
    repository, github = shared_repository, shared_repository.github.data
    base = repository.git("rev-parse", "HEAD")
    head = repository.costs("Parse as before")
    number = github.add_pull(head_sha=head, base_sha=base).number
    assert "Measuring `1.5x faster`: " in commented(repository, '/regress verify "1.5x faster" parse', number)
    ran = dispatched(repository, "verify-claim")
    assert ran.status == 0, ran.log
    [receipt] = [record.body for record in github.comments if "**Proven: 1.5x faster**" in record.body]
    assert f"<sub>{head} against {base}, measured in [this run](" in receipt
    file = repository.folder / "claim.json"
    file.write_text(receipt.partition("```json\n")[2].partition("\n```")[0] + "\n")
    assert "Proven" in checked("regress-action", "verify-claim", "--receipt", file)


def test_the_fix_closes_the_issue(shared_repository: UserRepository) -> None:
    """Merged, it is measured, and the issue says by which commit it is over."""
    repository, github = shared_repository, shared_repository.github.data
    ran = repository.push_event(example("bisect"))
    assert ran.status == 0, ran.log
    [issue] = [record for record in github.issues if record.pull is None]
    assert issue.state == "closed"
    assert f"Recovered in {repository.git('rev-parse', 'HEAD')}" in github.comments[-1].body


def test_a_slow_pull_request_is_annotated_on_its_line_beside_a_flame_graph(repository: UserRepository) -> None:
    """The annotation is on the line that was changed and says its share; comment and check run link the flame graph."""
    repository.commit("Open a shop", {"shop.py": SHOP, "suite.py": TIMED})
    repository.push()
    repository.git("checkout", "--quiet", "-b", "slower")
    repository.commit("Sort the prices", {"shop.py": SLOWER})
    inputs = measuring("python3 suite.py {out}", more="          profile: regressions\n")
    ran = repository.pull_event(workflow(inputs, runs=5, after=UPLOAD))
    github = repository.github.data
    [check] = github.check_runs
    [annotation] = [entry for entry in check.annotations if "The changed line" in entry["message"]]
    assert (annotation["path"], annotation["start_line"]) == ("shop.py", 3), ran.log
    assert "The changed line shop.py:3 in total takes" in annotation["message"]
    assert "of the difference" in annotation["message"]
    [comment] = [record for record in github.comments if record.issue == github.issues[-1].number]
    assert "shop.py:3" in comment.body
    link = f"[.regress/flame-graph.html]({repository.git_url}/{REPOSITORY}/actions/runs/"
    for text in (comment.body, check.summary or ""):
        assert f"Flame graph of the difference: {link}" in text
        assert "#artifacts), in an artifact of the run" in text
    page = (repository.kept / "artifacts/regress-flame-graphs/flame-graph.html").read_text()
    assert "default-src 'none'" in page
    assert "total" in page
