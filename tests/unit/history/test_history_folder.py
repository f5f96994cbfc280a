"""A folder holds complete records or none, whatever happens to the writer."""

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regress_action.history.store import FolderStore
from regress_action.model.errors import HistoryError

LINE = b'{"complete":true}\n'


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder outside the private one of pytest, so that another user can look into it."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_file_that_exists_with_another_content_is_not_rewritten(tmp_path: Path) -> None:
    """Nothing that was stored is ever replaced."""
    store = FolderStore(tmp_path)
    store.write({"a/b": b"old\n"}, "")
    with pytest.raises(HistoryError, match="another content"):
        store.write({"a/b": b"new\n"}, "")
    assert store.read(["a/b"]) == [b"old\n"]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b"]


def test_a_file_system_without_hard_links_is_supported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system refuses links (FAT, some network disks), the finished file is renamed."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    FolderStore(tmp_path).write({"a/b": LINE}, "")
    assert FolderStore(tmp_path).read(["a/b"]) == [LINE]


def test_unfinished_files_of_dead_writers_are_ignored_and_removed(tmp_path: Path) -> None:
    """An unfinished file is no record; after an hour it is removed."""
    fresh, stale = tmp_path / ".unfinished-1-a", tmp_path / ".unfinished-2-b"
    fresh.write_bytes(b"{")
    stale.write_bytes(b"{")
    os.utime(stale, (time.time() - 7200,) * 2)
    store = FolderStore(tmp_path)
    assert store.children([""])[""].files == ()
    store.write({"a": LINE}, "")
    assert fresh.exists()
    assert not stale.exists()


def test_links_and_pipes_are_no_records(tmp_path: Path) -> None:
    """A link is not listed and not followed, a pipe does not block, and a linked folder takes no record."""
    store = FolderStore(tmp_path / "history")
    store.write({"runs/a": LINE}, "")
    (tmp_path / "secret").write_bytes(b"secret\n")
    (tmp_path / "other").mkdir()
    (store.root / "runs" / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(store.root / "runs" / "pipe")
    (store.root / "events").symlink_to(tmp_path / "other")
    assert store.children(["", "runs"])[""].folders == ("runs",)
    assert "link" not in store.children(["runs"])["runs"].files
    for path in ("runs/link", "runs/pipe", "events/x"):
        with pytest.raises(HistoryError):
            store.read([path])
    with pytest.raises(HistoryError, match="link"):
        store.write({"events/x": LINE}, "")
    assert list((tmp_path / "other").iterdir()) == []


def small_disk() -> None:
    """Let the kernel refuse to write more than 4096 bytes into a file, as a full disk would."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


WRITE = """
import os, sys
from pathlib import Path
from regress_action.model.errors import HistoryError
from regress_action.history.store import FolderStore
if os.geteuid() == 0 and "as-nobody" in sys.argv:
    os.setuid(65534)  # to root no folder is read-only
try:
    FolderStore(Path(sys.argv[1])).write({"a/b": b"x" * 9999 + b"\\n"}, "")
except HistoryError as error:
    sys.exit(str(error))
"""


def test_a_read_only_folder_is_named_with_a_remedy(open_folder: Path) -> None:
    """The message says which folder, that nothing was stored, and what to do."""
    (open_folder / "history").mkdir(mode=0o555)
    done = subprocess.run(
        [sys.executable, "-c", WRITE, open_folder / "history", "as-nobody"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert str(open_folder / "history") in done.stderr
    assert "Nothing was stored" in done.stderr
    assert "Allow this user" in done.stderr


def test_a_full_disk_leaves_no_half_record(tmp_path: Path) -> None:
    """When the disk ends in the middle of a file, neither the file nor its beginning is there."""
    done = subprocess.run(  # -B, because cached bytecode would be cut as well, and stay
        [sys.executable, "-B", "-c", WRITE, tmp_path],
        preexec_fn=small_disk,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "Nothing was stored" in done.stderr
    assert not list((tmp_path / "a").iterdir())


APPEND = """
import sys
from pathlib import Path
from regress_action.history.store import FolderStore
store = FolderStore(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(10_000):
    store.write({f"a/{number:05}": b"x" * 99_999 + b"\\n"}, "")
"""


def test_a_writer_killed_at_any_moment_leaves_complete_files_only(tmp_path: Path) -> None:
    """Kills at scattered moments: every file that has a name has all of its bytes."""
    for moment in range(8):
        folder = tmp_path / str(moment)
        with subprocess.Popen([sys.executable, "-c", APPEND, folder], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            time.sleep(0.002 + 0.007 * moment)
            writer.kill()
        listed = FolderStore(folder).children(["a"])["a"].files
        assert all((folder / "a" / name).stat().st_size == 100_000 for name in listed)
    assert listed
