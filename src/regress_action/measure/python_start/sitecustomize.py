"""What every Python process of a suite does first: imported by the interpreter, from a folder on its PYTHONPATH.

What the process allocates afterwards lies at places that are drawn anew. Without that, an object lies at the same place
in its page in all processes of one version of a program, and at another place in those of the next version, although
the kernel draws the addresses of the pages. The time that this costs or saves would show in every pair, as if the code
were slower or faster (Curtsinger and Berger, "Stabilizer", ASPLOS 2013).

REGRESS_LAYOUT holds the number from which it is drawn: the same one on both sides of a pair, another one in every pair.
Identical code lies at the same places on both sides then. Without the variable every process draws by itself.

With REGRESS_PROFILE the process is profiled. Where pytest does not look for plugins, it is told of the one that takes
turns: only the process itself sees what the suite's command has set. This file uses the standard library only and runs
on Python 3.8 and newer.
A sitecustomize of the user runs as well.
"""

from __future__ import annotations

import os
import sys

_OBJECTS = 1536
_BLOCKS = 256
_BLOCK_UNIT = 16  # bytes; of which the block at the start of the heap has up to 4095
_PAGE = 4096
_ARENA = 2**20  # bytes that Python's allocator takes from the system at once
_FILLING = 447  # bytes of a block that it serves from there
_LEAST_PAGES = 64  # of a block that malloc maps by itself; nothing writes to it, so it takes no memory
_MULTIPLIER, _INCREMENT, _MASK = 6364136223846793005, 1442695040888963407, 2**64 - 1  # Knuth, TAOCP 2, 3.3.4

kept: list[object] = []


def _move_allocations() -> None:
    """Keep a random half of some objects of every size that Python's own allocator serves, and two larger blocks.

    These come first: one moves all that follows in the heap, the other one what is mapped later, such as extensions.

    What is allocated next lies in the gaps, in the order in which they were made: also a random one. How much memory
    that takes is always the same; with the number of a pair, a random part of an arena is filled on both sides as well,
    so that they do not always reach the end of one at the same point of the program.
    """
    drawn = _drawn(5 + _OBJECTS + _BLOCKS + 2 * (_OBJECTS // 16))
    heap, mapped = (int.from_bytes(drawn[at : at + 2], "little") % 4096 for at in (0, 2))
    kept.extend((bytes(_BLOCK_UNIT * heap), bytes(_PAGE * (_LEAST_PAGES + mapped))))
    objects: list[object] = [bytes(2 * number % 512) for number in range(_OBJECTS)]  # 48 to 544 bytes each
    objects += [bytes(512 + _BLOCK_UNIT * number) for number in range(_BLOCKS)]  # larger ones come from the heap
    objects += [object() for _ in range(_OBJECTS // 16)]  # 16 bytes
    objects += [0.5 + number for number in range(_OBJECTS // 16)]  # 32 bytes
    shuffled = [objects[at] for at in sorted(range(len(objects)), key=drawn[5:].__getitem__)]
    kept.extend(shuffled[::2])
    if os.environ.get("REGRESS_LAYOUT"):
        kept.extend(bytes(_FILLING) for _ in range(drawn[4] * _ARENA // 256 // _FILLING))
    del objects, shuffled


def _name_plugin() -> None:
    """Name the plugin that takes turns to a pytest that does not look for plugins by itself."""
    named = os.environ.get("PYTEST_PLUGINS", "").split(",")
    searches = "PYTEST_DISABLE_PLUGIN_AUTOLOAD" not in os.environ
    searches = searches and "--disable-plugin-autoload" not in getattr(sys, "orig_argv", ())
    if not searches and "REGRESS_TURNS" in os.environ and "regress_turns" not in named:
        os.environ["PYTEST_PLUGINS"] = ",".join([*filter(None, named), "regress_turns"])


def _drawn(count: int) -> bytes:
    """Return random bytes: from the number that was given to both sides of the pair, or from the system."""
    given = os.environ.get("REGRESS_LAYOUT", "").strip()
    if not given.isdecimal():
        return os.urandom(count)
    state, drawn = int(given), bytearray()
    for _ in range(count):
        state = (state * _MULTIPLIER + _INCREMENT) & _MASK
        drawn.append(state >> 56)  # the highest bits are the most random ones
    return bytes(drawn)


def _run_the_users_own() -> None:
    """Import the sitecustomize that this file hides, if there is one."""
    own = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - pathlib would be imported for this alone
    path = list(sys.path)
    module = sys.modules.pop("sitecustomize", None)
    sys.path[:] = [folder for folder in path if os.path.abspath(folder or ".") != own]  # noqa: PTH100
    try:
        __import__("sitecustomize")  # the next on the path
    except ImportError as error:
        if error.name != "sitecustomize":
            raise
        if module is not None:
            sys.modules["sitecustomize"] = module
    # The folder stays out of sys.path: a suite that looks at its path sees what it always sees.


if __name__ == "sitecustomize":
    _move_allocations()
    _name_plugin()
    if os.environ.get("REGRESS_PROFILE"):
        profiler = __import__("regress_profiler")  # beside this file, and in no package there
        _run_the_users_own()
        profiler.begin()
    else:
        _run_the_users_own()
