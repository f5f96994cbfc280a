"""The toolchain of a suite is that which its command names, else its setup; what cannot be asked is not named."""

from __future__ import annotations

import pytest

from regress_action.measure import machine
from regress_action.model.measurements import Environment


@pytest.mark.parametrize(
    ("command", "setup", "asked", "printed", "named"),
    [
        (".venv/bin/python -m pytest b", "make all", ".venv/bin/python --version", "Python 3.13.1", "Python 3.13.1"),
        (". .venv/bin/activate && make bench", "", ".venv/bin/python --version", "Python 3.9.2", "Python 3.9.2"),
        (
            "cd m && go test -bench . | tee x",
            "",
            "go version",
            "go version go1.25.1 linux/arm64",
            "go1.25.1 linux/arm64",
        ),
        ("cargo bench -- {select}", "", "rustc --version", "rustc 1.90.0 (a 2025)", "rustc 1.90.0 (a 2025)"),
        ("npx vitest bench --run", "npm ci", "node --version", "v22.1.0", "node v22.1.0"),
        ("./build/bench", "cmake -S . -B build", "c++ --version", "c++ (Debian) 12.2\nCopyright", "c++ (Debian) 12.2"),
        ("java -jar x.jar", "mvn package", "java --version", "openjdk 21.0.2", "openjdk 21.0.2"),
        (
            "go test",
            "",
            "go version",
            "go: downloading go1.25.1\ngo version go1.25.1 linux/arm64",
            "go1.25.1 linux/arm64",
        ),
        ("A=1 timeout 9 java -jar x.jar", "", "java --version", "Picked up A: -B\nopenjdk 21.0.2", "openjdk 21.0.2"),
        ("uv run python bench.py", "uv sync", "", "", None),
        ("./bench --language python", "", "", "", None),
        ("make bench", "", "", "", None),
        ("./mongo", "./category", "", "", None),
        ("go test ./...", "", "go version", "", None),
    ],
)
def test_toolchain_is_asked_for_its_version(
    command: str, setup: str, asked: str, printed: str, named: str | None
) -> None:
    """The program that the suite itself would start answers."""
    calls: list[str] = []

    def ask(words: list[str]) -> str:
        calls.append(" ".join(words))
        return printed

    assert machine.toolchain([command, setup], {}, ask) == named
    assert calls == ([asked] if asked else [])


def test_compiler_that_is_chosen_by_a_variable_is_asked() -> None:
    """CXX and CC name what CMake and Meson use."""
    assert machine.toolchain(["meson test"], {"CXX": "ccache clang++"}, " ".join) == "ccache clang++ --version"
    assert machine.toolchain(["meson test"], {"CC": 'cc "'}, " ".join) == 'cc " --version'


def test_toolchain_starts_no_history_anew() -> None:
    """Records from before it was known stay comparable."""
    known = Environment(runtime="CPython 3.13.1", toolchain="go1.25.1")
    assert known.fingerprint == Environment(runtime="CPython 3.13.1").fingerprint
    assert known == Environment(runtime="CPython 3.13.1")
