"""Archives of others are unpacked in memory, counted while they are read, and errors where they are damaged."""

import io
import zipfile
from contextlib import suppress

import pytest

from regress_action.model.archives import ArchiveLimits, is_inside, unpack
from regress_action.model.errors import InputError

LIMITS = ArchiveLimits(files=3, file_bytes=100_000, total_bytes=150_000)


def packed(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive of these files."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_a_zip_bomb_is_refused() -> None:
    """What unpacks to more than the limit is refused while it is read, whatever the header says of its size."""
    archive = packed({"a": b"\0" * 10_000_000})
    assert len(archive) < 20_000
    with pytest.raises(InputError, match="unpacks to more"):
        dict(unpack(archive, LIMITS, lambda _: True))


def test_files_are_counted_together() -> None:
    """Each may be small enough, and all of them too many bytes or too many files."""
    with pytest.raises(InputError, match="unpacks to more"):
        dict(unpack(packed({"a": b"x" * 90_000, "b": b"y" * 90_000}), LIMITS, lambda _: True))
    with pytest.raises(InputError, match="4 files"):
        dict(unpack(packed(dict.fromkeys("abcd", b"")), LIMITS, lambda _: True))
    assert dict(unpack(packed(dict.fromkeys("abcd", b"")), LIMITS, lambda name: name != "d")).keys() == set("abc")


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_is_an_error_of_the_input(method: int) -> None:
    """Every byte flipped and every cut ends in our error or in the content, for each method of compression."""
    archive = packed({"a": bytes(range(256)) * 4}, method)
    for position in range(0, len(archive), 7):
        flipped = archive[:position] + bytes([archive[position] ^ 0xFF]) + archive[position + 1 :]
        for damaged in (flipped, archive[:position]):
            with suppress(InputError):
                dict(unpack(damaged, LIMITS, lambda _: True))


@pytest.mark.parametrize("name", ["../a", "/a", "a/../b", "a\\b", "C:a", "a//b", "folder/", "./a", ""])
def test_a_name_that_leads_out_is_left_out(name: str) -> None:
    """Names of members are no paths to follow."""
    assert not is_inside(name)
