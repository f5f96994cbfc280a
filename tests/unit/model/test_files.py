"""Files of others are opened without following links, read up to a limit, and written completely or not at all."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from regress_action.model.errors import InfrastructureError, InputError
from regress_action.model.files import read_bounded, read_optional, write_replace


def test_a_regular_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    """A file of exactly the limit is read, and one byte more is refused."""
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bounded(tmp_path / "a", 5) == b"12345"
    with pytest.raises(InputError, match="larger than 4 bytes"):
        read_bounded(tmp_path / "a", 4)


def test_a_missing_file_is_an_error_or_none(tmp_path: Path) -> None:
    """The caller decides whether a file is optional."""
    assert read_optional(tmp_path / "a", 5) is None
    assert read_optional(tmp_path / "a" / "b", 5, below=tmp_path) is None
    with pytest.raises(InputError, match="does not exist"):
        read_bounded(tmp_path / "a", 5)


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "device", "folder"])
def test_what_is_no_regular_file_is_refused(tmp_path: Path, kind: str) -> None:
    """A link is not followed, a pipe does not block, and a device is not read without end."""
    path = tmp_path / "x"
    (tmp_path / "secret").write_text("secret")
    match kind:
        case "link":
            path.symlink_to(tmp_path / "secret")
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
        case "folder":
            path.mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        read_bounded(path, 100)


def test_a_linked_folder_below_the_root_is_refused(tmp_path: Path) -> None:
    """With `below`, no part of the path under it may be a link, for reading and for writing."""
    root, other = tmp_path / "root", tmp_path / "other"
    root.mkdir()
    other.mkdir()
    (other / "f").write_text("theirs")
    (root / "runs").symlink_to(other)
    assert read_bounded(root / "runs" / "f", 100) == b"theirs"
    with pytest.raises(InputError, match="link"):
        read_bounded(root / "runs" / "f", 100, below=root)
    with pytest.raises(InfrastructureError, match="link"):
        write_replace(root / "runs" / "f", b"ours", below=root)
    assert (other / "f").read_text() == "theirs"


def test_a_path_that_leaves_the_root_is_refused(tmp_path: Path) -> None:
    """`..` does not lead out of the folder."""
    (tmp_path / "secret").write_text("secret")
    with pytest.raises(InputError, match="outside"):
        read_bounded(tmp_path / "root" / ".." / "secret", 100, below=tmp_path / "root")


def test_writing_replaces_a_link_and_not_its_target(tmp_path: Path) -> None:
    """A link in the place of a report does not let a change overwrite another file."""
    (tmp_path / "target").write_text("program")
    (tmp_path / "report").symlink_to(tmp_path / "target")
    write_replace(tmp_path / "report", b"new")
    assert (tmp_path / "target").read_text() == "program"
    assert (tmp_path / "report").read_bytes() == b"new"
    assert not (tmp_path / "report").is_symlink()


def test_parents_are_made(tmp_path: Path) -> None:
    """Folders on the way are made, and no unfinished file stays."""
    write_replace(tmp_path / "a" / "b" / "c", b"1", below=tmp_path)
    write_replace(tmp_path / "a" / "b" / "d", b"2")
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["c", "d"]


FULL = """
import sys
from pathlib import Path
from regress_action.model.errors import InfrastructureError
from regress_action.model.files import write_replace
try:
    write_replace(Path(sys.argv[1]), b"x" * 100_000)
except InfrastructureError as error:
    print(error)
"""


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    """One sentence says so, the old content stays, and no unfinished file is left."""
    path = tmp_path / "report"
    path.write_text("old")

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    printed = subprocess.run(
        (sys.executable, "-c", FULL, str(path)),
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=limit,
    ).stdout
    assert "could not be written: File too large" in printed
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
