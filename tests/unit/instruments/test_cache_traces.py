"""Traces of keys are recorded without keeping anything of a key, written, and read again."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regress_action.advice.caching.miss_ratio import previous_uses
from regress_action.instruments.cache_counters import CacheWatch
from regress_action.instruments.cache_recorder import CacheRecorder
from regress_action.instruments.cache_traces import hashed_lines, read_cache_file, read_cache_trace
from regress_action.model.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def recorded(path: Path, calls: list[int], size: int = 2) -> list[bool]:
    """Call a recorded cache, and return which calls had to load."""
    loaded: list[int] = []
    with CacheRecorder(path) as recorder:

        @recorder
        @functools.lru_cache(maxsize=size)
        def load(key: int, *, suffix: str = "") -> str:
            loaded.append(key)
            return f"{key}{suffix}"

        missed = []
        for key in calls:
            before = len(loaded)
            assert load(key, suffix="secret") == f"{key}secret"
            missed.append(len(loaded) > before)
        assert load.cache_info().maxsize == size
    return missed


def test_hits_and_loading_times_of_an_lru_cache_are_recorded(tmp_path: Path) -> None:
    """A recorded lru_cache behaves as before; its file says which calls hit, and how large it is."""
    calls = [1, 2, 1, 3, 2, 2, 9]
    missed = recorded(tmp_path / "keys.csv", calls)
    trace, size = read_cache_trace(tmp_path / "keys.csv")
    assert size == 2
    assert trace.hits is not None
    assert trace.load_s is not None
    assert trace.times_s is not None
    assert trace.hits.tolist() == [not miss for miss in missed]
    assert np.isfinite(trace.load_s).tolist() == missed
    assert previous_uses(trace.keys).tolist() == previous_uses(np.array(calls)).tolist()
    assert (np.diff(trace.times_s) >= 0).all()


def test_nothing_of_a_key_is_in_the_file(tmp_path: Path) -> None:
    """Keys are numbered in the order in which they came."""
    recorded(tmp_path / "keys.csv", [421_337, 7, 421_337])
    text = (tmp_path / "keys.csv").read_text()
    assert "secret" not in text
    assert "421337" not in text
    assert [line.split(",")[1] for line in text.splitlines()[2:]] == ["0", "1", "0"]


def test_recursion_and_errors_are_recorded(tmp_path: Path) -> None:
    """A recursive function records every call, and one that raises is a miss each time."""
    recorder = CacheRecorder()

    @recorder
    @functools.cache
    def fibonacci(number: int) -> int:
        if number < 0:
            raise ValueError
        return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)

    assert fibonacci(10) == 55
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^$"):
            fibonacci(-5)
    hits = recorder.trace().hits
    assert hits is not None
    assert np.count_nonzero(~hits) == 11 + 2
    assert np.count_nonzero(hits) == 8
    recorder.write()  # without a path nothing is written
    assert list(tmp_path.iterdir()) == []


def test_loads_below_a_foreign_cache_are_seen() -> None:
    """A cache of another library tells nothing, the function behind it does; equal values have equal numbers."""
    stored: dict[int, list[int]] = {}
    recorder = CacheRecorder(ttl_s=30, values=True)

    @recorder.loads
    def load(key: int) -> list[int]:
        return [key % 2]

    @recorder
    def cached(key: int) -> list[int]:
        if key not in stored:
            stored[key] = load(key)
        return stored[key]

    for key in (1, 1, 3, 2):
        cached(key)
    trace = recorder.trace()
    assert trace.hits is not None
    assert trace.hits.tolist() == [False, True, False, False]
    assert trace.ttl_s is not None
    assert trace.ttl_s.tolist() == [30] * 4
    assert trace.values is not None
    first, hit, same, other = trace.values.tolist()
    assert first == same != other
    assert hit == 0


def test_values_survive_their_file_and_unknown_ones_stay_unknown(tmp_path: Path) -> None:
    """What cannot be pickled, and what was not loaded, has no number; the same values are the same after reading."""
    with CacheRecorder(tmp_path / "keys.csv", values=True, ttl_s=1) as recorder:
        for value in ("x", "y", "x", lambda: 0, None):
            recorder.note("key", hit=False, load_s=0.1, value=value)
    trace, _ = read_cache_trace(tmp_path / "keys.csv")
    assert trace.values is not None
    first, other, again, unknown, none = trace.values.tolist()
    assert first == again != other
    assert (unknown, none) == (0, 0)
    assert CacheRecorder()._digest("x") == 0  # without being asked, nothing of a value is looked at


def test_counters_are_written_and_read(tmp_path: Path) -> None:
    """A watched cache is the same object; its counters at the end are those of the file."""
    watch = CacheWatch(tmp_path / "caches.csv")
    cached = functools.lru_cache(maxsize=2)(abs)
    assert watch(cached) is cached
    watch(functools.cache(len), name="=len()")
    for number in (1, 2, 1, 3):
        cached(number)
    watch.write()
    first, second = read_cache_file(tmp_path / "caches.csv").counters
    assert first.name == "builtins.abs"
    assert (first.hits, first.misses, first.size, first.entries) == (1, 3, 2, 2)
    assert (first.not_held, first.most_saved) == (1, 0.25)
    assert (second.name, second.size, second.state) == ("=len()", None, "unrequested")
    with pytest.raises(UsageError, match=r"no counters"):
        watch(abs)
    with pytest.raises(InputError, match="counters and no keys"):
        read_cache_trace(tmp_path / "caches.csv")


def test_counters_of_a_server_need_three_columns(tmp_path: Path) -> None:
    """Order and case of the columns do not matter; without entries a cache is as full as its misses can make it."""
    path = tmp_path / "c.csv"
    path.write_text("misses,Hits,name,size\n9,91,redis,5\n3,7,small,5\n")
    full, spare = read_cache_file(path).counters
    assert (full.entries, full.state) == (5, "full")
    assert (spare.entries, spare.state) == (3, "spare")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,hits,misses\n", "no cache"),
        ("name,hits,misses\na,1\n", "line 2 has 2 fields"),
        ("name,hits,misses\na,,1\n", "line 2 lacks its hits"),
        ("name,hits,misses,size\na,1,1,-4\n", "line 2 has '-4' for size"),
        ("name,hits,misses\na,1,9999999999999999\n", "for misses"),
        ("name,hits,misses\n" + "a,1,1\n" * 10_001, "one cache too many"),
    ],
)
def test_bad_counters_are_refused(tmp_path: Path, text: str, reason: str) -> None:
    """The error says what is wrong and where."""
    path = tmp_path / "c.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_cache_file(path)
    assert reason in str(caught.value)


def test_methods_can_be_recorded() -> None:
    """A recorded method is bound as any method."""
    recorder = CacheRecorder()

    class Store:
        @recorder
        @functools.lru_cache(maxsize=4)  # noqa: B019 - the usual mistake is no mistake of the recorder
        def get(self, key: int) -> int:
            return key

    store = Store()
    assert [store.get(1), store.get(1)] == [1, 1]
    assert len(recorder.trace()) == 2


def test_other_caches_are_noted_by_hand() -> None:
    """What is noted has its hit, its time to live and its loading time."""
    recorder = CacheRecorder()
    recorder.note("a", hit=False, ttl_s=30, load_s=0.5)
    recorder.note("a", hit=True, ttl_s=30)
    trace = recorder.trace()
    assert trace.hits is not None
    assert trace.ttl_s is not None
    assert trace.hits.tolist() == [False, True]
    assert trace.ttl_s.tolist() == [30, 30]
    recorder.note("b")
    assert recorder.trace().hits is None  # unknown for one is unknown for all


def test_a_share_of_the_keys_keeps_all_of_their_requests() -> None:
    """With a rate of a quarter, about a quarter of the keys is recorded, each as often as it came."""
    recorder = CacheRecorder(rate=0.25)
    for key in list(range(2000)) * 3:
        recorder.note(key)
    trace = recorder.trace()
    _, counts = np.unique(trace.keys, return_counts=True)
    assert set(counts.tolist()) == {3}
    assert 350 < len(counts) < 650
    assert trace.rate == 0.25


def test_recording_ends_after_the_most_requests() -> None:
    """Later requests are answered and not recorded."""
    recorder = CacheRecorder(most=5)
    cached = recorder(functools.lru_cache(maxsize=8)(abs))
    assert [cached(-number) for number in range(10)] == list(range(10))
    assert len(recorder.trace()) == 5


def test_threads_lose_nothing() -> None:
    """Every request of several threads is recorded as one row."""
    recorder = CacheRecorder()
    cached = recorder(functools.lru_cache(maxsize=8)(abs))

    def work() -> None:
        for number in range(2000):
            cached(number % 20)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trace = recorder.trace()
    assert len(trace) == 8000
    assert np.bincount(trace.keys.astype(np.int64)).tolist() == [400] * 20


@pytest.mark.parametrize(("rate", "most"), [(0.0, 1), (1.5, 1), (1.0, 0)])
def test_a_recorder_that_records_nothing_is_refused(rate: float, most: int) -> None:
    """Shares outside of 0 to 1 and no request at all are errors."""
    with pytest.raises(UsageError):
        CacheRecorder(rate=rate, most=most)


LINES = st.lists(st.text("ab,\t é", max_size=6).map(str.strip), max_size=60)


@given(LINES, st.sampled_from(["\n", "\r\n"]))
def test_equal_lines_have_equal_numbers(lines: list[str], newline: str) -> None:
    """Lines are numbered as a dictionary would, whatever their end; empty ones are left out."""
    numbers = hashed_lines(newline.join(lines).encode())
    filled = [line for line in lines if line]
    seen: dict[int, str] = {}
    assert len(numbers) == len(filled)
    assert all(seen.setdefault(int(number), line) == line for number, line in zip(numbers, filled, strict=True))
    assert len(seen) == len(set(filled))


def test_lines_over_several_parts_keep_their_numbers() -> None:
    """Content of more than a mebibyte is read in parts that end at the ends of lines."""
    lines = [f"key-{number % 5000:06d}" for number in range(200_000)]
    numbers = hashed_lines("\n".join(lines).encode())
    assert numbers.reshape(40, 5000).tolist() == [numbers[:5000].tolist()] * 40
    assert len(np.unique(numbers)) == 5000


def test_a_table_may_have_its_columns_in_any_order(tmp_path: Path) -> None:
    """Names of columns count, other columns are ignored, and rows are put in the order of time."""
    path = tmp_path / "t.csv"
    path.write_text('Key,region,timestamp,hit\n"a,b",eu,2,HIT\nx,us,1,miss\n"a,b",eu,3,1\n')
    trace, size = read_cache_trace(path)
    assert size is None
    assert trace.times_s is not None
    assert trace.hits is not None
    assert trace.times_s.tolist() == [1, 2, 3]
    assert trace.hits.tolist() == [False, True, True]
    assert previous_uses(trace.keys).tolist() == [-1, -1, 1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no request"),
        ("\n\n", "no request"),
        ("time,key\n", "no request"),
        ("time,key\n1\n", "line 2 has 1 field"),
        ("time,key\nsoon,a\n", "request 1 has the time 'soon'"),
        ("time,key\nnan,a\n", "column time"),
        ("time,key,hit\n1,a,1\n2,a,perhaps\n", "request 2 has the hit 'perhaps'"),
        ("key,ttl\na,-1\n", "column ttl"),
        ("# regress-action cache trace size=1 rate=7\nkey\na\n", "'7'"),
        ('key\n"' + "a" * 200_000 + '"\n', "field larger"),
    ],
)
def test_a_bad_trace_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """The error says what is wrong and where."""
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_cache_trace(path)
    assert reason in str(caught.value)


def test_a_trace_that_is_too_large_is_refused(tmp_path: Path) -> None:
    """No more than the limit is read."""
    path = tmp_path / "t.txt"
    path.write_text("a\n" * 100)
    with pytest.raises(InputError, match="larger than 50 bytes"):
        read_cache_trace(path, limit=50)
