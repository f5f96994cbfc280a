"""`hotspots` on a C program under callgrind: the function that costs more is first, and the changed line is named."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest

from integration.commands.test_commands_hotspots import git, hotspots

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """\
#include <stdio.h>
#include <string.h>

static int values[600];

__attribute__((noinline)) int find(int x)
{
    int low = 0, high = 599;
    while (low < high) {
        int middle = (low + high) / 2;
        if (values[middle] < x) low = middle + 1; else high = middle;
    }
    return low;
}

__attribute__((noinline)) unsigned checksum(const char *text)
{
    unsigned sum = 0;
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++)
        sum = sum * 31 + (unsigned char)text[i];
    return sum;
}

int main(void)
{
    unsigned total = 0;
    char text[300];
    memset(text, 'a', sizeof text - 1);
    text[sizeof text - 1] = 0;
    for (int i = 0; i < 600; i++) values[i] = 2 * i;
    for (int i = 0; i < 400; i++) {
        text[i % 299] = 'a' + i % 26;
        total += find(i * 3 % 1200) + checksum(text);
    }
    printf("%u\\n", total);
    return 0;
}
"""
LINEAR = (
    (
        "    while (low < high) {\n        int middle = (low + high) / 2;\n"
        "        if (values[middle] < x) low = middle + 1; else high = middle;\n    }\n"
    ),
    "    while (low < high && values[low] < x)\n        low++;\n",
)
TWICE = (
    "        sum = sum * 31 + (unsigned char)text[i];\n",
    "        for (int k = 0; k < 9; k++) sum = sum * 31 + text[i];\n",
)


@pytest.mark.skipif(not (shutil.which("valgrind") and shutil.which("cc")), reason="needs valgrind and a C compiler")
@pytest.mark.parametrize(("change", "function"), [(LINEAR, "find"), (TWICE, "checksum")])
def test_the_cause_in_a_native_program_is_named(tmp_path: Path, change: tuple[str, str], function: str) -> None:
    """Instructions are counted, so that one pair is enough and a busy machine changes nothing."""
    git(tmp_path, "init", "--quiet")
    for text in (PROGRAM, PROGRAM.replace(*change)):
        (tmp_path / "bench.c").write_text(text)
        git(tmp_path, "add", "bench.c")
        git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "--quiet", "-m", "x")
    profiler = "valgrind --tool=callgrind --callgrind-out-file={profile}/callgrind.out ./bench"
    words = ["--pairs", "1", "--timed", "1", "--setup", "cc -g -O1 -o bench bench.c", "--profiler", profiler]

    ended = hotspots(tmp_path, "--base", "HEAD~1", "--head", "HEAD", *words, "--json", "-", "--", "./bench")

    assert ended.returncode == 0, ended.stderr
    (cause,) = json.loads(ended.stdout)["causes"]
    assert (cause["mode"], cause["functions"][0]["function"]) == ("instructions", function)
    assert f" in {function} takes " in cause["explanation"]
    changed = PROGRAM.replace(*change).splitlines()[cause["culprit"]["line"] - 1]
    assert cause["culprit"]["path"] == "bench.c"
    assert changed + "\n" in change[1]
