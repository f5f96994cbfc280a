"""Names of benchmarks that share one."""

from __future__ import annotations

from regress_action.formats.naming import distinct_names


def test_what_the_file_states_tells_benchmarks_apart() -> None:
    """Only the facts that differ are added, and nothing is warned of."""
    names, warnings = distinct_names(
        ["parse", "lex", "parse"],
        [{"target": "a.rs", "mode": "x"}, {"target": "a.rs"}, {"target": "b.rs", "mode": "x"}],
    )

    assert names == ["parse [a.rs]", "lex", "parse [b.rs]"]
    assert warnings == []


def test_what_nothing_tells_apart_is_numbered() -> None:
    """The first keeps the name, and the user is told to give them names of their own."""
    names, warnings = distinct_names(["parse", "parse", "parse #2", "parse"], [{}, {}, {}, {}])

    assert names == ["parse", "parse #3", "parse #2", "parse #4"]
    assert len(set(names)) == 4
    assert "parse is the name of 3 benchmarks in one file" in warnings[0]
    assert "give them different names" in warnings[0]
