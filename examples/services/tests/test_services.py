"""The service does what it says."""

import asyncio
import json

import pytest
from services.__main__ import Digester
from services.agents import Message, branch, compose, count_words, digest, normalise
from services.artifacts import ArtifactError, Artifacts
from services.cache import Cache
from services.database import Entry, Journal
from services.sessions import SessionError, Sessions
from services.workers import in_tasks, in_threads
from services.workflow import Workflow, WorkflowError

TEXT = "The cat sat on the mat.  The cat saw a dog. The dog left."


def test_a_digest_holds_keywords_and_the_weightiest_sentence():
    """Frequent words win, ties by the alphabet; stop words do not count."""
    found = digest(keywords=2, sentences=1)(Message(TEXT))

    assert found.notes["keywords"] == ("cat", "dog")
    assert found.notes["summary"] == "The cat saw a dog."


def test_composed_agents_work_in_turn():
    """Each agent sees what the one before left."""
    assert compose(normalise, count_words)(Message("a  b b")).notes["words"] == {"b": 2}


def test_a_branch_chooses():
    """Only the chosen agent works."""
    agent = branch(lambda message: len(message.text) > 3, normalise, count_words)

    assert agent(Message("a  b")).text == "a b"
    assert agent(Message("b")).notes["words"] == {"b": 1}


def test_steps_run_after_what_they_need():
    """A step gets the results of the steps it comes after, and no others."""
    workflow = Workflow()
    workflow.add("sum", lambda results: sum(results.values()), after=["one", "two"])
    workflow.add("one", lambda _: 1)
    workflow.add("two", lambda _: 2)
    workflow.add("other", lambda _: 100)

    assert workflow.run()["sum"] == 3


def test_a_step_is_tried_as_often_as_allowed():
    """A second attempt may succeed; without one the workflow fails."""
    calls = iter([ZeroDivisionError, None])

    def flaky(_):
        if error := next(calls):
            raise error
        return "done"

    workflow = Workflow()
    workflow.add("flaky", flaky, attempts=2)
    assert workflow.run() == {"flaky": "done"}

    workflow.add("broken", lambda _: 1 / 0)
    calls = iter([None])
    with pytest.raises(WorkflowError, match="'broken' failed 1 times"):
        workflow.run()


@pytest.mark.parametrize(
    ("needs", "message"),
    [({"a": ["b"], "b": ["a"]}, "wait for each other"), ({"a": ["z"]}, "'z', which does not exist")],
)
def test_impossible_orders_are_refused(needs, message):
    """A circle and a missing step are told apart."""
    workflow = Workflow()
    for name, after in needs.items():
        workflow.add(name, lambda _: None, after=after)

    with pytest.raises(WorkflowError, match=message):
        workflow.order()


def test_names_of_steps_are_taken_once():
    """A second step of the same name would hide the first."""
    workflow = Workflow()
    workflow.add("a", lambda _: 1)

    with pytest.raises(WorkflowError, match="two steps called 'a'"):
        workflow.add("a", lambda _: 2)


def test_the_cache_forgets_what_was_not_used_for_longest():
    """Asking for a value and setting it again both count as use."""
    cache = Cache(3)
    for key in "abc":
        cache.set(key, key.upper())
    cache.get("a")
    cache.set("b", "B again")

    cache.set("d", "D")

    assert [key for key in "abcd" if key in cache] == ["a", "b", "d"]
    assert cache.get("c") is None
    assert (cache.get("b"), len(cache), cache.hits, cache.misses) == ("B again", 3, 2, 1)


def test_a_cache_needs_capacity():
    """A capacity of zero is a mistake."""
    with pytest.raises(ValueError, match="keeps nothing"):
        Cache(0)


def test_sessions_live_as_long_as_they_are_used():
    """Finding a session prolongs it; closed and expired ones are gone."""
    sessions = Sessions(capacity=2, lifetime_s=10, secret=b"x")
    ada, bob = sessions.create("ada", now=0), sessions.create("bob", now=0)
    assert ada.token != bob.token

    assert sessions.find(ada.token, now=9) is ada
    assert sessions.find(bob.token, now=10) is None
    sessions.close(ada.token)
    assert sessions.find(ada.token, now=9) is None


def test_sessions_are_limited():
    """Expired sessions make room; open ones do not."""
    sessions = Sessions(capacity=1, lifetime_s=10, secret=b"x")
    sessions.create("ada", now=0)

    with pytest.raises(SessionError, match="1 sessions are open"):
        sessions.create("bob", now=5)
    sessions.create("bob", now=10)
    assert len(sessions) == 1


def test_artifacts_are_kept_once_and_checked(tmp_path):
    """The same content has the same name; a changed file is noticed."""
    artifacts = Artifacts(tmp_path)
    name = artifacts.put(b"content")

    assert artifacts.put(b"content") == name
    assert list(artifacts) == [name]
    assert artifacts.get(name) == b"content"

    (tmp_path / name[:2] / name[2:]).write_bytes(b"other")
    with pytest.raises(ArtifactError, match="was changed"):
        artifacts.get(name)
    artifacts.remove(name)
    with pytest.raises(ArtifactError, match="no artifact"):
        artifacts.get(name)


def test_the_journal_counts_and_ranks(tmp_path):
    """What is written is there after the journal was closed."""
    with Journal(tmp_path / "journal") as journal:
        journal.record([Entry("a", "x", 1.0), Entry("a", "y", 3.0), Entry("b", "x", 0.5)])

    with Journal(tmp_path / "journal") as journal:
        assert journal.totals() == {"a": (2, 4.0), "b": (1, 0.5)}
        assert journal.slowest("a", limit=1) == [Entry("a", "y", 3.0)]
        journal.forget()
        assert journal.totals() == {}


def test_workers_keep_the_order_of_the_jobs():
    """Results stand where their jobs stood, in threads and in tasks, and no more run at once than allowed."""
    running, most = 0, 0

    async def double(number):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return 2 * number

    assert in_threads(lambda number: 2 * number, range(5), workers=2) == [0, 2, 4, 6, 8]
    assert in_tasks(double, range(10), at_once=3) == list(range(0, 20, 2))
    assert most == 3


def test_documents_are_digested_once_and_kept(tmp_path):
    """Equal documents share one artifact, and each is in the journal."""
    paths = [tmp_path / "one.txt", tmp_path / "two.txt"]
    for path in paths:
        path.write_text(TEXT)

    kept = Digester(tmp_path / "out").digest_all(paths)

    assert len(set(kept.values())) == 1
    found = json.loads(Artifacts(tmp_path / "out" / "artifacts").get(kept[paths[0]]))
    assert found["keywords"][0] == "cat"
    with Journal(tmp_path / "out" / "journal.sqlite") as journal:
        assert journal.totals()["digest"][0] == 2
