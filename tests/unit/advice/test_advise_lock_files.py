"""Lock files read as packages, and mixed package by package."""

from __future__ import annotations

import json
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action.advice.lock_files import changed_packages, is_lock_file, packages, with_changed
from regress_action.measure.kept_trees import pins_packages
from regress_action.model.changes import PackageChange

REQUIREMENTS = """\
# locked
attrs==23.1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:ab
numpy==1.26.4 ; python_version >= "3.9" \\
    --hash=sha256:ba
    # via pandas
typing_extensions==4.9.0
"""
UV = """\
version = 1
requires-python = ">=3.11"

[[package]]
name = "app"
version = "0.1.0"
source = { editable = "." }
dependencies = [
    { name = "numpy" },
]

[package.metadata]
requires-dist = [{ name = "numpy" }]

[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "https://example.org/simple" }
wheels = [
    { url = "https://example.org/a.whl", hash = "sha256:aa" },
]
"""
POETRY = """\
[[package]]
name = "numpy"
version = "1.26.4"
files = [
    {file = "numpy.whl", hash = "sha256:aa"},
]

[package.extras]
test = ["pytest"]

[[package]]
name = "six"
version = "1.16.0"

[metadata]
lock-version = "2.0"
"""
CARGO = """\
version = 3

[[package]]
name = "serde"
version = "1.0.1"
dependencies = [
 "rand 0.7.0",
]

[[package]]
name = "rand"
version = "0.7.0"

[[package]]
name = "rand"
version = "0.8.5"
"""
NPM = json.dumps(
    {
        "name": "app",
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "app", "dependencies": {"left-pad": "^1"}},
            "node_modules/left-pad": {"version": "1.1.0"},
            "node_modules/@a/b": {"version": "2.0.0"},
            "node_modules/@a/b/node_modules/left-pad": {"version": "1.0.0"},
        },
    }
)
GO_SUM = """\
example.org/m v1.2.0 h1:aa=
example.org/m v1.2.0/go.mod h1:bb=
example.org/n v0.1.0/go.mod h1:cc=
"""


@pytest.mark.parametrize(
    ("path", "text", "versions"),
    [
        ("requirements.lock", REQUIREMENTS, {"attrs": "23.1.0", "numpy": "1.26.4", "typing-extensions": "4.9.0"}),
        ("sub/uv.lock", UV, {"numpy": "1.26.4"}),
        ("poetry.lock", POETRY, {"numpy": "1.26.4", "six": "1.16.0"}),
        ("Cargo.lock", CARGO, {"rand": "0.7.0, 0.8.5", "serde": "1.0.1"}),
        ("web/package-lock.json", NPM, {"@a/b": "2.0.0", "left-pad": "1.0.0, 1.1.0"}),
        ("go.sum", GO_SUM, {"example.org/m": "v1.2.0"}),
    ],
)
def test_every_kind_of_lock_file_names_its_packages(path: str, text: str, versions: dict[str, str]) -> None:
    """The packages and versions are read; the project itself is none of them."""
    assert is_lock_file(path)
    assert pins_packages(path.rpartition("/")[2]), "the measurer would carry it over the base"
    assert packages(path, text) == versions


def test_changes_are_new_other_and_removed_packages_in_this_order() -> None:
    """What is new comes first, because other packages may need it."""
    after = REQUIREMENTS.replace("1.26.4", "2.0.0").replace("attrs==23.1.0", "zlib-ng==0.5.0")
    assert changed_packages("requirements.txt", REQUIREMENTS, after) == (
        PackageChange("zlib-ng", None, "0.5.0"),
        PackageChange("numpy", "1.26.4", "2.0.0"),
        PackageChange("attrs", "23.1.0", None),
    )


@pytest.mark.parametrize("path", ["uv.lock", "package-lock.json", "go.sum", "Cargo.lock", "requirements.txt"])
@given(text=st.text(max_size=200))
@settings(max_examples=25, deadline=None)
def test_damaged_text_holds_no_package_and_raises_nothing(path: str, text: str) -> None:
    """A lock file is foreign text."""
    assert isinstance(packages(path, text), dict)
    assert isinstance(with_changed(path, text, text, ["a"]), str | None)


@pytest.mark.parametrize(
    ("path", "before"),
    [("requirements.txt", REQUIREMENTS), ("uv.lock", UV), ("poetry.lock", POETRY), ("package-lock.json", NPM)],
)
def test_a_mixed_file_has_the_new_version_of_the_named_packages_only(path: str, before: str) -> None:
    """With no name the packages are the old ones, with all names the new ones, with one name only that is new."""
    after = before.replace("1.26.4", "2.0.0").replace("1.16.0", "1.17.0").replace("23.1.0", "24.0.0")
    after = after.replace('"2.0.0"', '"3.0.0"') if path == "package-lock.json" else after
    names = [change.name for change in changed_packages(path, before, after)]
    assert names
    for chosen in ([], names, names[:1]):
        mixed = with_changed(path, before, after, chosen)
        assert mixed is not None
        new, old = packages(path, after), packages(path, before)
        assert packages(path, mixed) == {name: new[name] if name in chosen else old[name] for name in old}
        if path.endswith(".lock"):
            tomllib.loads(mixed)


def test_the_hashes_of_a_requirement_stay_with_it() -> None:
    """A requirement is mixed in with the lines that belong to it."""
    after = REQUIREMENTS.replace("1.26.4", "2.0.0").replace("sha256:ba", "sha256:bb").replace("23.1.0", "24.0.0")
    mixed = with_changed("requirements.lock", REQUIREMENTS, after, ["numpy"])
    assert mixed == REQUIREMENTS.replace("1.26.4", "2.0.0").replace("sha256:ba", "sha256:bb")


def test_a_kind_that_cannot_be_mixed_says_so() -> None:
    """The sums of Go follow from go.mod, so a mixture of them is no lock file."""
    assert with_changed("go.sum", GO_SUM, GO_SUM, ["example.org/m"]) is None
