"""Where a benchmark is defined: looked up in the sources as text, nothing of which is executed.

Also here: regressions on the lines that define their benchmarks, worst first.

Found are pytest, pyperf and asv, Go benchmarks, Rust (criterion, divan, `#[bench]`), C++ (Google Benchmark, Catch2),
JavaScript (`bench`, `it`, `test`, `.add`), Java and Kotlin (`@Benchmark`), also where a formatter broke the line
after the bracket. A name that fits several places equally well is left without a location: a remark on the wrong line
is worse than none.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal, Self

from regress_action.model import escaping
from regress_action.model.comparisons import Severity
from regress_action.model.errors import InputError
from regress_action.model.files import read_optional
from regress_action.model.measurements import Location

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from regress_action.github.preferences import Texts
    from regress_action.model.comparisons import CauseNote, Comparison, Judgement
    from regress_action.model.measurements import Benchmark


MAX_FILE_BYTES = 1_000_000
MAX_FILES = 20_000
_DEEPEST = 100
MAX_TOTAL_BYTES = 100_000_000
MAX_LINE = 500
SKIPPED = frozenset({"node_modules", "target", "build", "dist", "vendor", "site-packages", "__pycache__"})

_STRING = r"""(?P<quote>["'`])(?P<name>(?:(?!(?P=quote))[^\\])+)(?P=quote)"""
_C_FUNCTION = r"^\s*(?:static\s+|inline\s+|template\s*<[^>]*>\s*)*void\s+(?P<name>\w+)\s*\([^)]*\bState\b"
_C_MACRO = r"^\s*BENCHMARK(?:_CAPTURE|_TEMPLATE|_REGISTER_F)?\w*\s*\(\s*(?P<name>\w+)\s*[,)]"
_C_LAMBDA = r"^\s*(?:static\s+|const\s+)*auto\s+(?P<name>\w+)\s*=\s*\[.*\bState\b"
_JS_CALL = rf"(?:^|[\s.;(])(?:bench|it|test|add)(?:\.\w+)*\s*\(\s*(?:\{{\s*name:\s*)?{_STRING}"
_PYPERF_CALL = rf"\.(?:bench_(?:func|time_func|async_func|command)|timeit)\s*\(\s*(?:name\s*=\s*)?{_STRING}"
_PATTERNS: dict[str, tuple[str, ...]] = {
    ".py": (
        r"^\s*(?:async\s+)?def\s+(?P<name>(?:test|bench|time|timeraw|mem|peakmem|track)\w*)\s*\(",
        _PYPERF_CALL,
    ),
    ".go": (r"^func\s+(?P<name>Benchmark\w*)\s*\(",),
    ".rs": (
        rf"\bbench_(?:function|with_input)\s*\(\s*(?:BenchmarkId::(?:new|from_parameter)\s*\(\s*)?{_STRING}",
        rf"\bbenchmark_group\s*\(\s*{_STRING}",
        r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?fn\s+(?P<name>\w+)",
    ),
    ".cc": (
        _C_FUNCTION,
        _C_LAMBDA,
        r"^\s*BENCHMARK_(?:TEMPLATE_)?(?:DEFINE_)?F\s*\(\s*(?P<container>\w+)\s*,\s*(?P<name>\w+)",
        _C_MACRO,
        rf"\bBENCHMARK(?:_ADVANCED)?\s*\(\s*{_STRING}",
    ),
    ".js": (_JS_CALL,),
    ".java": (
        r"^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?!class\b|interface\b|record\b|return\b)[\w<][\w<>\[\],.?\s]*?\s(?P<name>\w+)\s*\(",
    ),
}
_SAME = {
    **dict.fromkeys([".cpp", ".cxx", ".c", ".h", ".hpp"], ".cc"),
    **dict.fromkeys([".mjs", ".cjs", ".ts", ".mts", ".tsx", ".jsx"], ".js"),
    ".kt": ".java",
}
_COMPILED = {suffix: tuple(map(re.compile, patterns)) for suffix, patterns in _PATTERNS.items()}
_CONTAINER = re.compile(
    r"^\s*(?:(?:public|abstract|final|export|open|static)\s+)*(?:class|mod|describe\(|suite\()\s*['\"`]?(?P<name>\w+)"
)
_SEPARATORS = re.compile(r"::|/| > | › |\.(?=[A-Za-z_])")  # noqa: RUF001 - Mocha and Playwright print that mark
_MARKED = {".java": re.compile(r"@Benchmark\b"), ".rs": re.compile(r"#\[(?:\w+::)*bench\b")}
_NEEDS_MARK = {".java": 0, ".rs": 2}


@dataclass(frozen=True, slots=True)
class Definition:
    """A place that defines a benchmark; `rank` is lower for what is more the definition than a mention of it."""

    location: Location
    container: str | None
    rank: int


@dataclass(frozen=True, slots=True)
class Sources:
    """The benchmarks defined in a workspace, by name."""

    definitions: dict[str, list[Definition]] = field(default_factory=dict)

    @classmethod
    def read(cls, workspace: Path) -> Self:
        """Read every source file; links are not followed, large files are left out."""
        sources = cls()
        left = MAX_TOTAL_BYTES
        for path in _files(workspace):
            text = _text(path, workspace)
            left -= len(text)
            if left < 0:
                break
            relative = path.relative_to(workspace).as_posix()
            for name, definition in _definitions(relative, path.suffix, text):
                sources.definitions.setdefault(name, []).append(definition)
        return sources

    def find(self, benchmark: Benchmark) -> Location | None:
        """Return where a benchmark is defined; None where that is not known for sure."""
        for key in _keys(benchmark.name):
            definitions = self.definitions.get(key)
            if definitions:
                return _best(definitions, benchmark.name)
        return None


def find(workspace: Path, benchmark: Benchmark) -> Location | None:
    """Return where one benchmark is defined; for many, read the `Sources` once."""
    return Sources.read(workspace).find(benchmark)


def located(judgement: Judgement, workspace: Path) -> Judgement:
    """Return the judgement with the locations that its results did not name."""
    if all(comparison.benchmark.location for comparison in judgement.comparisons):
        return judgement
    sources = Sources.read(workspace)
    return replace(
        judgement,
        comparisons=tuple(
            comparison
            if comparison.benchmark.location
            else replace(
                comparison,
                benchmark=replace(comparison.benchmark, location=sources.find(comparison.benchmark)),
            )
            for comparison in judgement.comparisons
        ),
    )


def _files(workspace: Path) -> Iterator[Path]:
    """Yield the source files in a stable order, whatever else is in the workspace."""
    count = 0
    for folder, folders, names in os.walk(workspace, followlinks=False):
        folders[:] = sorted(name for name in folders if name not in SKIPPED and not name.startswith("."))
        if len(Path(folder).relative_to(workspace).parts) >= _DEEPEST:
            folders.clear()
        for name in sorted(names):
            path = Path(folder, name)
            if _language(path.suffix) in _COMPILED and not path.is_symlink():
                count += 1
                if count > MAX_FILES:
                    return
                yield path


def _text(path: Path, workspace: Path) -> str:
    try:
        content = read_optional(path, MAX_FILE_BYTES, below=workspace)
    except InputError:  # a pipe, a device, a link that came after the walk, a large file
        return ""
    return (content or b"").decode(errors="replace")


def _definitions(path: str, suffix: str, text: str) -> Iterator[tuple[str, Definition]]:
    """Yield what a file defines, with the class, module or group around it."""
    language = _language(suffix)
    container, marked = None, False
    lines = text.splitlines()
    for number, (line, below) in enumerate(zip_longest(lines, lines[1:], fillvalue=""), 1):
        if len(line) > MAX_LINE or not line.strip():
            continue
        call = line.rstrip() + below.strip()[:MAX_LINE] if line.rstrip().endswith("(") else line
        if around := _CONTAINER.match(line):
            container = around["name"]
        mark = _MARKED.get(language)
        if mark is not None and mark.search(line):
            marked = True
        for rank, pattern in enumerate(_COMPILED[language]):
            match = pattern.search(call)
            if match is None or (rank >= _NEEDS_MARK.get(language, 99) and not marked):
                continue
            inside = match.groupdict().get("container") or container
            yield match["name"], Definition(Location(path, number), inside, rank)
            if rank >= _NEEDS_MARK.get(language, 99):
                marked = False
            break


def _language(suffix: str) -> str:
    return _SAME.get(suffix, suffix)


def _keys(name: str) -> Iterator[str]:
    """Yield what a definition may be called, the most specific first: the whole name, then its parts from the end."""
    yield name
    bare = re.sub(r"\[.*\]$", "", name, flags=re.DOTALL)
    yield bare
    for part in reversed(_SEPARATORS.split(bare)):
        yield part
        yield re.sub(r"-\d+$", "", part)
        yield re.sub(r"<.*>$|\(.*\)$", "", part)


def _best(definitions: list[Definition], name: str) -> Location | None:
    """Return the one definition that fits the name best; None when two do."""
    first, *others = sorted(definitions, key=lambda definition: (-_fit(definition, name), definition.rank))
    rival = next((other for other in others if other.location.path != first.location.path), None)
    if rival is not None and _fit(rival, name) == _fit(first, name):
        return None
    same = [other for other in others if (_fit(other, name), other.rank) == (_fit(first, name), first.rank)]
    return None if same else first.location


def _fit(definition: Definition, name: str) -> int:
    """Count the hints that a name gives: the path, the file's stem, the class or group."""
    path = PurePosixPath(definition.location.path)
    parts = set(_SEPARATORS.split(name)) | {name.split("::", maxsplit=1)[0]}
    hints = (
        name.startswith(f"{path}::") or str(path) in parts,
        path.stem in parts or path.name in parts,
        definition.container is not None and definition.container in parts,
    )
    return 4 * hints[0] + 2 * hints[2] + hints[1]


Level = Literal["notice", "warning", "failure"]
TITLE_BYTES = 255
MESSAGE_BYTES = 16_000
PATH_BYTES = 1_000
CAUSE_LIMIT = 3_000
LEVELS: dict[Severity, Level] = {Severity.CRITICAL: "failure", Severity.MODERATE: "warning", Severity.MINOR: "warning"}


@dataclass(frozen=True, slots=True)
class Annotation:
    """A remark on a line, or on none when it is not known where the benchmark is defined."""

    level: Level
    title: str
    message: str
    location: Location | None

    def for_check_run(self) -> dict[str, Any] | None:
        """Return what the API takes; None without a location, which it insists on."""
        if self.location is None or not _is_inside(self.location.path):
            return None
        line = max(1, self.location.line)
        return {
            "path": self.location.path,
            "start_line": line,
            "end_line": line,
            "annotation_level": self.level,
            "title": escaping.cut_bytes(escaping.annotation(self.title), TITLE_BYTES),
            "message": escaping.annotation(self.message, MESSAGE_BYTES) or "…",
        }


def annotate(comparisons: Iterable[Comparison], texts: Texts) -> list[Annotation]:
    """Return one annotation for each comparison, in their order."""
    return [
        Annotation(
            LEVELS.get(comparison.severity, "notice"),
            f"{comparison.severity.capitalize()} performance regression",
            _message(texts.finding(comparison), texts.reason(comparison), comparison.cause),
            _place(comparison),
        )
        for comparison in comparisons
    ]


def _message(finding: str, reason: str, cause: CauseNote | None) -> str:
    lines = [finding] if reason in finding else [finding, escaping.plain(reason)]
    if cause is not None:
        lines.append(escaping.plain(cause.paragraph, CAUSE_LIMIT))
    return "\n".join(lines)


def _place(comparison: Comparison) -> Location | None:
    """Return the changed line that explains a regression, else where its benchmark is defined."""
    cause = comparison.cause
    return cause.location if cause is not None and cause.location is not None else comparison.benchmark.location


def _is_inside(path: str) -> bool:
    """Whether GitHub takes the path: relative, inside the repository, with nothing odd in it."""
    return (
        bool(path)
        and len(path.encode(errors="replace")) <= PATH_BYTES
        and not path.startswith(("/", "\\"))
        and ".." not in path.split("/")
        and path.isprintable()
        and max(path) <= "\uffff"
    )
