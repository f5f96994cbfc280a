"""The variables, CPUs and priority that a suite gets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from integration.measure.measure_repository import SOURCES, Measurer, Repository

NEEDS_AFFINITY = pytest.mark.skipif(sys.platform != "linux", reason="CPU affinity is Linux's")
NEEDS_PROC = pytest.mark.skipif(sys.platform != "linux", reason="the personality of a process is Linux's")
SECRETS = {
    "GITHUB_TOKEN": "s",
    "GH_TOKEN": "s",
    "ACTIONS_RUNTIME_TOKEN": "s",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "s",
    "ACTIONS_ID_TOKEN_REQUEST_URL": "s",
    "INPUT_GITHUB-TOKEN": "s",
    "REGRESS_INPUTS": "s",
    "GITHUB_ENV": "s",
    "GITHUB_PATH": "s",
    "GITHUB_OUTPUT": "s",
    "GITHUB_STATE": "s",
    "GITHUB_STEP_SUMMARY": "s",
}


def _seen(measure: Measurer, *options: str, **variables: str) -> dict[str, str]:
    measured = measure("--runs", "1", *options, "--", "env -0 > {out}", **variables)
    return dict(line.partition("=")[::2] for line in measured.results()[0].split("\0"))


def test_secrets_are_not_passed_to_the_suite(measure: Measurer) -> None:
    """Tokens, the addresses they open and the runner's command files are never passed on; the rest is."""
    seen = _seen(measure, **SECRETS, MY_SETTING="kept", GITHUB_SHA="kept")
    assert not SECRETS.keys() & seen.keys()
    assert (seen["MY_SETTING"], seen["GITHUB_SHA"]) == ("kept", "kept")


def test_secrets_are_not_passed_to_setup(measure: Measurer) -> None:
    """The setup command is the user's code as well."""
    measured = measure("--runs", "1", "--setup", "env > seen", "--", "cat seen > {out}", **SECRETS)
    assert "=s\n" not in measured.results()[0]


def test_clean_env_passes_only_allowed_variables(measure: Measurer) -> None:
    """With --clean-env a variable has to be known, or named with --env-pass."""
    seen = _seen(measure, "--clean-env", "--env-pass", "MINE", MINE="1", OTHER="2", LC_ALL="C", **SECRETS)
    assert seen["MINE"] == "1"
    assert seen["LC_ALL"] == "C"
    assert not {"OTHER", *SECRETS} & seen.keys()


def test_github_job_passes_only_allowed_variables(measure: Measurer) -> None:
    """In a job the suite gets what toolchains need; the log names what it does not get."""
    given = {"CARGO_HOME": "/c", "GITHUB_WORKSPACE": "/w", "CARGO_REGISTRY_TOKEN": "s", "DATABASE_URL": "d"}
    measured = measure("--runs", "1", "--", "env -0 > {out}", GITHUB_ACTIONS="true", **given)
    seen = dict(line.partition("=")[::2] for line in measured.results()[0].split("\0"))
    assert (seen["CARGO_HOME"], seen["GITHUB_WORKSPACE"]) == ("/c", "/w")
    assert not {"CARGO_REGISTRY_TOKEN", "DATABASE_URL"} & seen.keys()
    assert "not passed to the suite: CARGO_REGISTRY_TOKEN, DATABASE_URL" in measured.stdout


@pytest.mark.parametrize("job", [{}, {"GITHUB_ACTIONS": "true"}], ids=["local", "job"])
def test_secrets_are_passed_only_if_named(measure: Measurer, job: dict[str, str]) -> None:
    """REGRESS_HISTORY_TOKEN and the like stay out everywhere; --env-pass names the one that the suite needs."""
    secrets = {
        "REGRESS_HISTORY_TOKEN": "s",
        "AWS_SECRET_ACCESS_KEY": "s",
        "DB_PASSWORD": "s",
        "OPENAI_API_KEY": "s",
        "PIP_INDEX_URL": "https://me:word@example.org/simple",
        "HF_TOKEN": "named",
    }
    seen = _seen(measure, "--env-pass", "HF_TOKEN", **secrets, **job)
    assert seen.keys() & secrets.keys() == {"HF_TOKEN"}


def test_tokens_of_the_job_are_not_passed_even_if_named(measure: Measurer) -> None:
    """--env-pass cannot name the job's own token or the files that command the runner."""
    words = [word for name in SECRETS for word in ("--env-pass", name)]
    assert not _seen(measure, *words, **SECRETS).keys() & SECRETS.keys()


def test_measurer_sources_are_not_on_the_suites_path(measure: Measurer) -> None:
    """The measurer's own folder is removed from PYTHONPATH; the user's part stays, behind what Python starts with."""
    both = os.pathsep.join([str(SOURCES), "lib"])
    start, *rest = _seen(measure, PYTHONPATH=both)["PYTHONPATH"].split(os.pathsep)
    assert (os.path.basename(start), rest) == ("python_start", ["lib"])  # noqa: PTH119 - it is text


def test_hash_seed_is_set(measure: Measurer) -> None:
    """--hash-seed fixes the order of Python's sets."""
    assert _seen(measure, "--hash-seed", "7")["PYTHONHASHSEED"] == "7"


PLACES = """
kinds = (object, lambda: bytes(90), lambda: "x" * 900)
places = [[id(it) % 4096 for it in [make() for _ in range(8)]] for make in kinds]
print([places, hash("x")])
"""


PYTEST = "-m pytest -sq -p no:cacheprovider -p pytest_benchmark.plugin --benchmark-max-time=0.01"


@pytest.mark.parametrize(
    ("options", "program"),
    [
        (("--interleave", "run"), "program.py"),
        (("--interleave", "lockstep"), f"{PYTEST} program.py --benchmark-json={{out}}"),
    ],
    ids=["command", "pytest"],
)
def test_both_sides_of_a_pair_have_one_layout(
    repository: Repository, measure: Measurer, options: tuple[str, ...], program: str
) -> None:
    """Objects lie at the same places, strings have the same hashes; every pair draws others, which the file names."""
    for _ in range(2):
        repository.commit(program_dot_py=f"{PLACES}\ndef test_it(benchmark): benchmark(int)\n")
    words = ("--base", "HEAD~1", "--pairs", "3", *options, "--", f"{sys.executable} {program}")
    measured = measure(*words, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert measured.status == 0, measured.stderr
    seen = {
        (run["pair"], run["side"]): (next(line for line in log.splitlines() if "[[[" in line), run["layout"])
        for run in measured.runs
        for log in [(measured.out / f"runs/{run['side']}-{run['pair']:02}.log").read_text()]
    }
    # In the first pair, one side may compile modules that are installed for both.
    pairs = [[seen[pair, side] for side in ("base", "head")] for pair in (2, 3)]
    assert [base for base, _ in pairs] == [head for _, head in pairs]
    assert len({line for (line, _), _ in pairs}) == len({layout for (_, layout), _ in pairs}) == 2


READ = "print(open('/proc/self/personality').read().strip())"
FIX = f"import ctypes; ctypes.CDLL(None).personality(0x40000); {READ}"
OLD_RELEASE = "import ctypes, os, sys; ctypes.CDLL(None).personality(0x20000); os.execv(sys.argv[1], sys.argv[1:])"


@NEEDS_PROC
def test_addresses_of_a_python_program_are_fixed(measure: Measurer) -> None:
    """Where the system allows it, and of no other command, whose layout nothing else draws."""
    allowed = subprocess.run([sys.executable, "-c", FIX], check=True, capture_output=True, text=True).stdout
    pair = ("--overwrite", "--base", "HEAD~1", "--pairs", "1", "--interleave", "run", "--")
    for command, expected in (
        ((sys.executable, "-c", READ), allowed),
        ((sys.executable, "-I", "-c", READ), "00000000\n"),
        (("cat", "/proc/self/personality"), "00000000\n"),
    ):
        measured = measure(*pair, *command)
        assert measured.status == 0, measured.stderr
        assert [(measured.out / f"runs/{side}-01.log").read_text() for side in ("base", "head")] == [expected] * 2


@NEEDS_PROC
def test_addresses_of_a_compiled_program_that_python_starts_are_random(
    repository: Repository, measure: Measurer
) -> None:
    """Once a run has shown that there is one: nothing else draws its layout."""
    for _ in range(2):
        shutil.copy("/bin/cat", repository.folder / "built")
        repository.commit(start_dot_py="import os, sys; os.execv(sys.argv[1], sys.argv[1:])")
    program = (sys.executable, "start.py", "./built", "/proc/self/personality")
    measured = measure("--base", "HEAD~1", "--pairs", "2", "--interleave", "run", "--", *program)
    assert measured.status == 0, measured.stderr
    later = [(measured.out / f"runs/{side}-02.log").read_text() for side in ("base", "head")]
    assert later == ["00000000\n"] * 2


@NEEDS_PROC
def test_what_a_job_set_besides_stays(measure: Measurer) -> None:
    """A job may run as on another system, such as one of 32 bits, and fixed addresses do not end that."""
    allowed = subprocess.run([sys.executable, "-c", FIX], check=True, capture_output=True, text=True).stdout
    words = ("--base", "HEAD~1", "--pairs", "1", "--interleave", "run", "--", sys.executable, "-c", READ)
    _, stderr = (first := measure.start(*words, wrapper=(sys.executable, "-c", OLD_RELEASE))).communicate(timeout=60)
    assert first.returncode == 0, stderr
    assert int((measure.out / "runs/head-01.log").read_text(), 16) == int(allowed, 16) | 0x20000


def test_hash_seed_of_the_user_wins(measure: Measurer) -> None:
    """One that was asked for, or is set, is the same in all pairs; one side alone draws its own."""
    command = ("--base", "HEAD~1", "--pairs", "2", "--", "env -0 > {out}")
    for options, variables in ((("--hash-seed", "7"), {}), ((), {"PYTHONHASHSEED": "7"})):
        measured = measure("--overwrite", *options, *command, **variables)
        assert ["PYTHONHASHSEED=7" in result.split("\0") for result in measured.results()] == [True, True]
    alone = measure("--overwrite", "--runs", "1", "--", "env -0 > {out}")
    assert "REGRESS_LAYOUT" not in alone.results()[0]
    assert "PYTHONHASHSEED" not in alone.results()[0]
    assert alone.runs[0]["layout"] is None


@NEEDS_PROC
def test_layout_of_an_outer_measurement_is_not_taken_over(measure: Measurer) -> None:
    """A measurement that another one measures draws its own."""
    outer = {"REGRESS_LAYOUT": "7", "REGRESS_ADDRESSES": "fixed", "REGRESS_SOCKETS": "/"}
    measured = measure("--runs", "1", "--", "env > {out}; cat /proc/self/personality", **outer)
    assert (measured.out / "runs/head-01.log").read_text() == "00000000\n"
    assert not any(f"{name}=" in measured.results()[0] for name in outer)


def test_sigpipe_has_its_default_action_in_the_suite(measure: Measurer) -> None:
    """Python ignores SIGPIPE, and what is ignored would stay so in the suite."""
    measured = measure("--runs", "1", "--", "yes | head -n 1")
    assert (measured.out / "runs/head-01.log").read_text() == "y\n"


def test_nice_applies_to_the_suite(measure: Measurer) -> None:
    """--nice reaches the suite and not the measurer."""
    assert measure("--runs", "1", "--nice", "3", "--", "nice > {out}").results() == [f"{os.nice(0) + 3}\n"]


@NEEDS_AFFINITY
def test_cpus_pin_the_suite(measure: Measurer) -> None:
    """--cpus binds every process of the suite, and the cores of the fingerprint are those."""
    cpu = max(os.sched_getaffinity(0))
    code = "import json, os, sys; json.dump(sorted(os.sched_getaffinity(0)), open(sys.argv[1], 'w'))"
    measured = measure("--runs", "1", "--cpus", str(cpu), "--", sys.executable, "-c", code, "{out}")
    assert json.loads(measured.results()[0]) == [cpu]
    assert measured.document["environment"]["cores"] == 1


@NEEDS_AFFINITY
def test_unknown_cpu_is_refused(measure: Measurer) -> None:
    """The CPUs that can be used are named."""
    measured = measure("--cpus", "4096", "--", "true")
    assert measured.status == 2
    assert "CPU 4096 cannot be used here" in measured.stderr


def test_toolchain_of_the_suite_is_named(measure: Measurer) -> None:
    """It is asked in the tree, where the setup may have made it, and no part of what decides comparability."""
    made = "mkdir -p own && printf '#!/bin/sh\necho Python 9.9' > own/python && chmod +x own/python"
    environment = measure("--runs", "1", "--setup", made, "--", "own/python bench.py").document["environment"]
    assert environment["toolchain"] == "Python 9.9"
    assert environment["runtime"].startswith("CPython 3.")


def test_environment_is_described(measure: Measurer) -> None:
    """The fingerprint names the runner's class, not the runner."""
    variables = {"RUNNER_ENVIRONMENT": "github-hosted", "ImageOS": "ubuntu24", "RUNNER_NAME": "GitHub Actions 12"}
    document = measure("--runs", "1", "--runtime", "rust 1.90", "--", "true", **variables).document
    environment = document["environment"]
    assert sorted(environment) == ["cores", "cpu", "memory", "os", "runner", "runtime"]
    assert environment["runner"] == "github-hosted ubuntu24"
    assert environment["runtime"] == "rust 1.90"
    assert environment["memory"].endswith(" GiB")
    assert "unknown" not in environment.values()
