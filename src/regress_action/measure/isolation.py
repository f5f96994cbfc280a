"""What the suite is given of its surroundings: variables, CPUs, priority."""

from __future__ import annotations

import os
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from regress_action.measure.errors import CallError
from regress_action.measure.family import MARK
from regress_action.measure.git import HOOK_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regress_action.measure.call import Call

# Never passed on: what speaks for the job (tokens, and the addresses they open) and what commands the runner.
_SECRET = (
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
# What --clean-env lets through: where tools and their files are, the language, and that this is CI.
_PLAIN = (
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
class Isolation:
    """How one process of the suite is set apart."""

    variables: Mapping[str, str]
    cpus: tuple[int, ...] = ()
    nice: int = 0


def isolate(call: Call, mark: str, inherited: Mapping[str, str]) -> Isolation:
    """Return the isolation a call asks for.

    Raises:
        CallError: a CPU does not exist here, or the priority may not be raised.
    """
    variables = suite_variables(inherited, clean=call.clean_env, keep=call.keep_env) | {MARK: mark}
    if call.hash_seed is not None:
        variables["PYTHONHASHSEED"] = str(call.hash_seed)
    _check_cpus(call.cpus)
    if call.nice < 0 and os.geteuid() != 0:
        raise CallError("--nice below 0 is for root only.", remedy="Leave it out, or give a positive number.")
    return Isolation(variables, call.cpus, call.nice)


def suite_variables(inherited: Mapping[str, str], *, clean: bool, keep: tuple[str, ...] = ()) -> dict[str, str]:
    """Return what of `inherited` the suite may see: no secrets of the job, and if `clean` only what is listed."""
    kept = {name: value for name, value in inherited.items() if not _matches(name, _SECRET)}
    if clean:
        kept = {name: value for name, value in kept.items() if _matches(name, (*_PLAIN, *keep))}
    return _without_ourselves(kept)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _without_ourselves(variables: dict[str, str]) -> dict[str, str]:
    """Take our own sources off PYTHONPATH, where whoever started us may have put them."""
    ours = str(Path(__file__).resolve().parents[2])
    parts = variables.pop("PYTHONPATH", "").split(os.pathsep)
    left = [part for part in parts if part and not (Path(part).is_absolute() and os.path.realpath(part) == ours)]
    return variables | ({"PYTHONPATH": os.pathsep.join(left)} if left else {})


def _check_cpus(cpus: tuple[int, ...]) -> None:
    if not cpus:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise CallError("--cpus works on Linux only.", remedy="Leave it out on this system.")
    usable = os.sched_getaffinity(0)
    if missing := sorted(set(cpus) - usable):
        raise CallError(
            f"CPU {missing[0]} cannot be used here.",
            meaning=f"This process may use {', '.join(map(str, sorted(usable)))}.",
            remedy="Correct --cpus.",
        )
