"""The variables, CPUs and priority that a suite gets."""

from __future__ import annotations

import json
import os
import sys

import pytest

from integration.measure.measure_repository import SOURCES, Measurer

NEEDS_AFFINITY = pytest.mark.skipif(sys.platform != "linux", reason="CPU affinity is Linux's")
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
