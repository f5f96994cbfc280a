"""Programs that compute or wait more than before: does the monitor name what it is, and nothing of healthy ones?

Every program is measured by the measurer itself. For limits it runs in a control group (cgroup v1 or v2), for swapping
with a swap file as well; where this machine does not allow that, the cause is left out and said so.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from diagnosis.causes import SOURCE, git
from diagnosis.figures import Figure
from diagnosis.planted_resources import HEALTHY, PLANTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from diagnosis.planted_resources import Planted

_PAIRS, _QUICK_PAIRS = 10, 5
_SHARE = 0.8


def figures(*, quick: bool) -> list[Figure]:
    """Return the share of planted causes that is named, and what is said of programs that did not get slower."""
    wanted = os.environ.get("REGRESS_CAUSE", "")
    named = causes = needless = 0
    for planted in (*PLANTED, *HEALTHY):
        if wanted not in planted.name:
            continue
        kind, words = _diagnosed(planted, _QUICK_PAIRS if quick else _PAIRS)
        if kind is None:
            print(f"  {planted.name:<32} left out: {words}", flush=True)
            continue
        right = kind in planted.kinds if planted.kinds else not kind
        print(f"  {planted.name:<32} {'right' if right else 'WRONG'}  {kind or 'nothing'}  {words}", flush=True)
        if planted.kinds:
            causes += 1
            named += right
        else:
            needless += not right
    return [
        Figure(f"planted causes that are named, of {causes}", named, floor=round(_SHARE * causes, 1)),
        Figure(f"causes named of {len(HEALTHY)} programs that are not slower", needless, ceiling=0),
    ]


def _diagnosed(planted: Planted, pairs: int) -> tuple[str | None, str]:
    """Return the kind that is named first and the words; None and why where the machine does not allow the limit."""
    from regress_action.action.hotspots import resources
    from regress_action.measure.options import measurer_argv
    from regress_action.report.resources import paragraph

    with tempfile.TemporaryDirectory(prefix="advice-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        git("init", "--quiet", folder=folder)
        for side, text in (("base", planted.base), ("head", planted.head)):
            (folder / "main.py").write_text(f"{text}\n# {side}\n", encoding="utf-8")
            git("add", "--all", folder=folder)
            git("-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", side, folder=folder)
        command = f"{sys.executable} main.py"
        if planted.cpus or planted.memory:
            group = stack.enter_context(_limited(planted))
            if group is None:
                return None, "this machine allows no control group, or no swap"
            enter = "; ".join(f"echo $$ > {file}/cgroup.procs" for file in group)
            command = f'if [ "$REGRESS_SIDE" = head ]; then {enter}; fi; exec {command}'
        line = measurer_argv(
            [command],
            out=folder / ".regress",
            repository=folder,
            base="HEAD~1",
            head="HEAD",
            pairs=pairs,
            profile=2 if planted.profile else None,
        )
        environ = {**os.environ, "PYTHONPATH": str(SOURCE)}
        ended = subprocess.run(line, env=environ, capture_output=True, text=True, check=False)
        if ended.returncode:
            return None, f"it failed: {ended.stderr[-300:]}"
        finding, _ = resources(folder / ".regress")
        if keep := os.environ.get("REGRESS_KEEP"):
            content = json.loads((folder / ".regress/measurement.json").read_text())
            Path(keep, f"{planted.name}.json").write_text(json.dumps(content, indent=1))
    if finding is None:
        return "", ""
    return finding.bottlenecks[0][0].value, paragraph(finding)


@contextlib.contextmanager
def _limited(planted: Planted) -> Iterator[tuple[Path, ...] | None]:
    """Make a control group with the limits of a program, None where that is not allowed; version 1 and 2."""
    name = f"regress-planted-{os.getpid()}"
    first = Path("/sys/fs/cgroup/cpu") / name, Path("/sys/fs/cgroup/memory") / name
    second = Path("/sys/fs/cgroup") / name
    is_second = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    made: list[Path] = []
    with contextlib.ExitStack() as stack:
        try:
            if planted.memory and not stack.enter_context(_swap_file()):
                yield None
                return
            if is_second:
                second.mkdir()
                made.append(second)
                if planted.cpus:
                    (second / "cpu.max").write_text(f"{round(planted.cpus * 100_000)} 100000")
                if planted.memory:
                    (second / "memory.max").write_text(str(planted.memory))
            else:
                folder = first[0] if planted.cpus else first[1]
                folder.mkdir()
                made.append(folder)
                if planted.cpus:
                    (folder / "cpu.cfs_quota_us").write_text(str(round(planted.cpus * 100_000)))
                if planted.memory:
                    (folder / "memory.limit_in_bytes").write_text(str(planted.memory))
        except OSError:
            yield None
            return
        yield tuple(made)
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()


@contextlib.contextmanager
def _swap_file() -> Iterator[bool]:
    """Give the machine 512 MiB of swap space for the length of the block; yield whether that is allowed."""
    path = Path(tempfile.gettempdir()) / f"regress-swap-{os.getpid()}"
    try:
        with path.open("wb") as file:
            path.chmod(0o600)
            for _ in range(512):
                file.write(bytes(1 << 20))
        done = all(
            subprocess.run(words, capture_output=True, check=False).returncode == 0
            for words in (["mkswap", str(path)], ["swapon", str(path)])
        )
        yield done
        if done:
            subprocess.run(["swapoff", str(path)], capture_output=True, check=False)
    except OSError:
        yield False
    finally:
        path.unlink(missing_ok=True)
