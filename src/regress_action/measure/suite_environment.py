"""The environment of the suite: variables, CPUs, priority."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import MeasureUsageError
from regress_action.measure.git import HOOK_VARIABLES
from regress_action.measure.process_tree import MARKER_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.measure.options import Options

# Never passed on: what speaks for the job (tokens, and the addresses they open) and what commands the runner.
_NEVER_PASSED = (
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "ACTIONS_*TOKEN*",
    "ACTIONS_ID_TOKEN_REQUEST_*",
    "ACTIONS_RUNTIME_*",
    "ACTIONS_RESULTS_URL",
    "ACTIONS_CACHE_URL",
    "INPUT_*",
    "REGRESS_INPUTS",
    *HOOK_VARIABLES,
)
# Passed on by --clean-env: where tools and their files are, the language, and that this is CI.
_ALLOWED = (
    *(
        "PATH",
        "HOME",
        "USER",
        "LOGNAME",
        "SHELL",
        "LANG",
        "LANGUAGE",
        "LC_*",
        "TZ",
        "TERM",
        "CI",
        "TMPDIR",
        "TEMP",
        "TMP",
    ),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONPATH", "PYTHONHASHSEED", "XDG_*", "SSL_CERT_*"),
    *("JAVA_HOME", "GOPATH", "GOROOT", "GOCACHE", "GOMODCACHE", "GOFLAGS", "CARGO_HOME", "RUSTUP_HOME", "NODE_PATH"),
    *("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "CUDA_*", "OMP_NUM_THREADS", "PKG_CONFIG_PATH"),
)


@dataclass(frozen=True, slots=True)
class SuiteEnvironment:
    """What one process of the suite runs with."""

    variables: Mapping[str, str]
    cpus: tuple[int, ...] = ()
    nice: int = 0


def suite_environment(options: Options, session_id: str, inherited: Mapping[str, str]) -> SuiteEnvironment:
    """Return the environment that the options ask for.

    Raises:
        MeasureUsageError: a CPU does not exist here, or the priority may not be raised.
    """
    variables = variables_for_suite(inherited, clean=options.clean_env, keep=options.keep_env) | {
        MARKER_VARIABLE: session_id
    }
    if options.hash_seed is not None:
        variables["PYTHONHASHSEED"] = str(options.hash_seed)
    _check_cpus(options.cpus)
    if options.nice < 0 and os.geteuid() != 0:
        raise MeasureUsageError("--nice below 0 is for root only.", remedy="Leave it out, or give a positive number.")
    return SuiteEnvironment(variables, options.cpus, options.nice)


def variables_for_suite(inherited: Mapping[str, str], *, clean: bool, keep: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the variables of `inherited` that the suite gets: no secrets, and if `clean` only allowed names."""
    kept = {name: value for name, value in inherited.items() if not _matches(name, _NEVER_PASSED)}
    if clean:
        kept = {name: value for name, value in kept.items() if _matches(name, (*_ALLOWED, *keep))}
    return _without_own_sources(kept)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _without_own_sources(variables: dict[str, str]) -> dict[str, str]:
    """Take the measurer's own sources off PYTHONPATH."""
    own = str(Path(__file__).resolve().parents[2])
    parts = variables.pop("PYTHONPATH", "").split(os.pathsep)
    rest = [part for part in parts if part and not (Path(part).is_absolute() and os.path.realpath(part) == own)]
    return variables | ({"PYTHONPATH": os.pathsep.join(rest)} if rest else {})


def _check_cpus(cpus: tuple[int, ...]) -> None:
    if not cpus:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise MeasureUsageError("--cpus works on Linux only.", remedy="Leave it out on this system.")
    usable = os.sched_getaffinity(0)
    if missing := sorted(set(cpus) - usable):
        raise MeasureUsageError(
            f"CPU {missing[0]} cannot be used here.",
            meaning=f"This process may use {', '.join(map(str, sorted(usable)))}.",
            remedy="Correct --cpus.",
        )
