"""The environment of the suite: variables, CPUs, priority.

In a GitHub job the variables are an allow-list: what toolchains need, and nothing that could be a secret. `--env-pass`
adds names to it. On a person's own machine the suite gets all variables but the secrets.

Both sides of a pair get the same random numbers, which are drawn anew in every pair (common random numbers). Identical
code then lies at the same addresses and has the same hashes on both sides, so that its layout cancels. An edit lies
elsewhere, in each pair at another place, so that its layout is part of the noise and does not look like a change.
"""

from __future__ import annotations

import hashlib
import os
import re
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

# Never passed on, even if named: the job's tokens, the addresses that they are for, the files that command the runner.
_NEVER_PASSED = (
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENV",
    "GITHUB_PATH",
    "GITHUB_OUTPUT",
    "GITHUB_STATE",
    "GITHUB_STEP_SUMMARY",
    "ACTIONS_*",
    "INPUT_*",
    "REGRESS_INPUTS",
    *("REGRESS_LAYOUT", "REGRESS_ADDRESSES", "REGRESS_SOCKETS"),  # those of another measurement, in which this one runs
    *HOOK_VARIABLES,
)
# Passed on only if named: words in a name that make it a secret, and addresses with a password in them.
_SECRET_NAME = re.compile(
    r"TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|API_?KEY|ACCESS_?KEY|AUTH(?!OR)|(^|_)(KEY|PASS|PAT|PWD|DSN)$", re.IGNORECASE
)
_PASSWORD_IN_ADDRESS = re.compile(r"://[^/\s@]*:[^/\s@]+@")
_NO_SECRET = ("PWD", "OLDPWD", "SSH_AUTH_SOCK", "TOKENIZERS_PARALLELISM")
_PERSON = """
    PATH HOME USER LOGNAME SHELL HOSTNAME PWD LANG LANGUAGE LC_* TZ TERM COLUMNS NO_COLOR FORCE_COLOR TMPDIR TEMP
    TMP DISPLAY XDG_* SSL_CERT_* REQUESTS_CA_BUNDLE CURL_CA_BUNDLE NODE_EXTRA_CA_CERTS GIT_SSL_CAINFO HTTP_PROXY
    HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy all_proxy
"""
_JOB = """
    CI GITHUB_ACTIONS GITHUB_WORKSPACE GITHUB_SHA GITHUB_REF GITHUB_REF_NAME GITHUB_REF_TYPE GITHUB_HEAD_REF
    GITHUB_BASE_REF GITHUB_REPOSITORY GITHUB_REPOSITORY_OWNER GITHUB_EVENT_NAME GITHUB_WORKFLOW GITHUB_JOB
    GITHUB_ACTOR GITHUB_RUN_ID GITHUB_RUN_NUMBER GITHUB_RUN_ATTEMPT GITHUB_SERVER_URL GITHUB_API_URL RUNNER_OS
    RUNNER_ARCH RUNNER_NAME RUNNER_ENVIRONMENT RUNNER_TEMP RUNNER_TOOL_CACHE AGENT_TOOLSDIRECTORY ImageOS
    ImageVersion DOCKER_HOST DOCKER_CONFIG DOCKER_CONTEXT REGRESS_SUITE_IMAGE
"""
_TOOLCHAINS = """
    VIRTUAL_ENV CONDA* MAMBA_* MICROMAMBA_* PYTHON* Python*_ROOT_DIR pythonLocation PYENV_* PIP_* PIPX_* UV_*
    POETRY_* PDM_* HATCH_* TOX_* PYTEST_* PKG_CONFIG_PATH JAVA_HOME* JDK_* JAVA_TOOL_OPTIONS JAVA_OPTS GRADLE_*
    MAVEN_* M2_HOME ANT_HOME SBT_* COURSIER_* KOTLIN_HOME SDKMAN_* GOPATH GOROOT GOROOT_* GOBIN GOCACHE GOMODCACHE
    GOENV GOFLAGS GOTOOLCHAIN GOPROXY GONOSUMDB GOSUMDB GOWORK GOMAXPROCS GOGC GOMEMLIMIT GODEBUG GOEXPERIMENT GOOS
    GOARCH GOAMD64 GOARM GOARM64 CGO_* CARGO CARGO_* RUSTUP_* RUSTFLAGS RUSTC RUSTC_* RUST_* RUSTDOCFLAGS NODE
    NODE_* NVM_* NPM_* npm_config_* YARN_* PNPM_* COREPACK_* VOLTA_* FNM_* DENO_* BUN_* RUBY* GEM_* BUNDLE_* RBENV_*
    DOTNET_* NUGET_* MSBUILD* PHP_* COMPOSER_* PERL* JULIA_* R_* MIX_* ERL_* ELIXIR_* REBAR_* GHCUP_* STACK_*
    CABAL_* OPAM* OCAML* SWIFT_* ZIG_* NIM_* DART_* PUB_* FLUTTER_* LUA_* ANDROID_* CHROME* EDGE* GECKO* ASDF_*
    MISE_* NIX_* HOMEBREW_* CC CXX FC AR LD CFLAGS CXXFLAGS CPPFLAGS FFLAGS LDFLAGS CPATH LIBRARY_PATH
    LD_LIBRARY_PATH LD_PRELOAD DYLD_* MAKEFLAGS CMAKE_* CTEST_* NINJA_* MESON_* CCACHE_* SCCACHE_* VCPKG_* CONAN_*
    BAZEL* CUDA* NVIDIA_* ROCM_* HIP_* OMP_* OPENBLAS_* MKL_* BLIS_* NUMEXPR_* VECLIB_* KMP_* GOMP_* MALLOC_*
    TOKENIZERS_PARALLELISM
"""
_ALLOWED = (*_PERSON.split(), *_JOB.split(), *_TOOLCHAINS.split())


_LARGEST_HASH_SEED = 2**32 - 1  # that Python takes; 0 stands for no random hashes
_STACK_STEP = 16  # bytes, to which the stack is aligned
_PAGE = 4096


@dataclass(frozen=True, slots=True)
class SuiteEnvironment:
    """What one process of the suite runs with; `withheld` are the names of variables that it does not get."""

    variables: Mapping[str, str]
    cpus: tuple[int, ...] = ()
    nice: int = 0
    withheld: tuple[str, ...] = ()


def suite_environment(options: Options, session_id: str, inherited: Mapping[str, str]) -> SuiteEnvironment:
    """Return the environment that the options ask for.

    Raises:
        MeasureUsageError: a CPU does not exist here, or the priority may not be raised.
    """
    allow_list = options.clean_env or inherited.get("GITHUB_ACTIONS") == "true"
    passed = passed_variables(inherited, allow_list=allow_list, names=options.env_pass)
    variables = _without_own_sources(dict(passed)) | {MARKER_VARIABLE: session_id}
    if options.hash_seed is not None:
        variables["PYTHONHASHSEED"] = str(options.hash_seed)
    _check_cpus(options.cpus)
    if options.nice < 0 and os.geteuid() != 0:
        raise MeasureUsageError("--nice below 0 is for root only.", remedy="Leave it out, or give a positive number.")
    return SuiteEnvironment(variables, options.cpus, options.nice, _withheld(inherited, passed))


def layout_of_pair(session_id: str, pair: int) -> int:
    """Return the number from which the layout of both sides of a pair is drawn, which is a hash seed of Python too."""
    digest = hashlib.sha256(f"{session_id} {pair}".encode()).digest()
    return int.from_bytes(digest[:8], "little") % _LARGEST_HASH_SEED + 1


def layout_variables(layout: int, inherited: Mapping[str, str], *, fixed_addresses: bool) -> dict[str, str]:
    """Return the variables by which Python processes draw their layout from a number; a given hash seed stays.

    With `fixed_addresses` the kernel draws none; blanks move the stack then, which lies below the variables.
    """
    blanks = " " * (layout * _STACK_STEP % _PAGE)
    return {
        "REGRESS_LAYOUT": f"{layout}{blanks}",
        "PYTHONHASHSEED": inherited.get("PYTHONHASHSEED") or str(layout),
        **({"REGRESS_ADDRESSES": "fixed"} if fixed_addresses else {}),
    }


def passed_variables(inherited: Mapping[str, str], *, allow_list: bool, names: tuple[str, ...] = ()) -> dict[str, str]:
    """Return the variables of `inherited` that the suite gets: no secrets, with `allow_list` known names only.

    `names` are passed in any case, unless they are the job's own tokens or command the runner.
    """
    return {
        name: value
        for name, value in inherited.items()
        if not _matches(name, _NEVER_PASSED)
        and (name in names or (not _is_secret(name, value) and (not allow_list or _matches(name, _ALLOWED))))
    }


def _is_secret(name: str, value: str) -> bool:
    return name not in _NO_SECRET and bool(_SECRET_NAME.search(name) or _PASSWORD_IN_ADDRESS.search(value))


def _withheld(inherited: Mapping[str, str], passed: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names that a person may miss: those that were not passed on, without the runner's own."""
    own = ("GITHUB_*", "RUNNER_*", "REGRESS_*", *_NEVER_PASSED)
    return tuple(sorted(name for name in inherited.keys() - passed.keys() if not _matches(name, own)))


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
