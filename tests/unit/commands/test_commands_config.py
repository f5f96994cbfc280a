"""Settings are found from sub-folders and checked on demand; sides and benchmarks are named briefly."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from regress_action.action.judge import load_rules
from regress_action.cli import root
from regress_action.commands import options
from regress_action.model.errors import SettingsError, UsageError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with settings, two result files and a sub-folder, which is the current folder."""
    (tmp_path / ".git").mkdir()
    (tmp_path / "regress.yml").write_text("suite: api\nthresholds: thresholds.yml\n")
    (tmp_path / "thresholds.yml").write_text("cache: {cache_get_ms: 5, regression_threshold: 1.15}\n")
    (tmp_path / "deep/er").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "deep/er")
    for name, value in (("old", 100), ("new", 101)):
        content = {"parse": {"latency": {"value": value}}, "render": {"latency": {"value": value}}}
        Path(f"{name}.json").write_text(json.dumps(content))
    return tmp_path


def test_settings_are_found_from_a_sub_folder(project: Path) -> None:
    """The nearest regress.yml up to the root of the repository counts, with the files that it names."""
    assert options.project_root() == project
    settings = options.settings_of()
    assert settings.suite == "api"
    assert load_rules(settings, Path.cwd()).policy.limits[0].regression_threshold == 1.15


def test_settings_beyond_the_repository_do_not_count(project: Path) -> None:
    """A regress.yml above the repository belongs to something else."""
    (project / "deep/.git").mkdir()
    assert options.project_root() == Path.cwd()


def test_config_check_shows_what_counts(project: Path) -> None:
    """Settings, thresholds and budgets are listed; a mistake is named before anything is measured."""
    shown = CliRunner().invoke(root, ["config", "check"], catch_exceptions=False).output
    assert "suite: api" in shown
    assert "threshold of cache: 1.15×" in shown
    assert "budget of cache: cache_get 0.005 s" in shown
    (project / "thresholds.yml").write_text("cache: {regresion_threshold: 2}\n")
    with pytest.raises(SettingsError, match="did you mean regression_threshold"):
        CliRunner().invoke(root, ["config", "check"], catch_exceptions=False)


def test_config_check_says_that_there_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings are no error, because the defaults work."""
    monkeypatch.chdir(tmp_path)
    shown = CliRunner().invoke(root, ["config", "check"], catch_exceptions=False)
    said = f"There is no regress.yml in {tmp_path}: the defaults count. `regress-action init` writes one.\n"
    assert (shown.exit_code, shown.output) == (0, said)


def test_config_check_names_what_else_there_is(project: Path) -> None:
    """Each suite of a repository with several has a file of its own."""
    (project / "regress-tests.yml").write_text("suite: tests\n")
    (project / "regress-aliases.yml").write_text("aliases: []\n")
    shown = CliRunner().invoke(root, ["config", "check"], catch_exceptions=False).output
    assert shown.endswith(
        "regress-tests.yml holds another suite: regress-action config check --config regress-tests.yml\n"
    )


def test_config_check_shows_which_renamings_were_proven(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the interval, the pairs and the commits that `renames --write` put there."""
    monkeypatch.chdir(project)
    (project / "regress-aliases.yml").write_text(
        "aliases: [{old: a, new: b}]\nremoved: [{benchmark: gone}]\n"
        "proven: [{old: a, new: b, base: 0123456789abcdef, head: fedc, pairs: 6, low: 0.984, high: 1.024}]\n"
    )
    shown = CliRunner().invoke(root, ["config", "check"], catch_exceptions=False).output.splitlines()

    assert shown[-3:] == [
        "renamed: a is b",
        "proven: a is b; −1.6 to +2.4 % in 6 pairs of 0123456789ab and fedc",
        "removed on purpose: gone",
    ]


@pytest.mark.usefixtures("project")
def test_two_files_are_old_and_new() -> None:
    """`compare OLD NEW` is enough; three files without options are not clear."""
    runner = CliRunner()
    shown = runner.invoke(root, ["compare", "old.json", "new.json", "--json", "-"])
    judged = json.loads(shown.output)
    assert judged["comparisons"][0]["baseline"]["median"] == pytest.approx(1e-7)
    with pytest.raises(UsageError, match="3 files"):
        runner.invoke(root, ["compare", "old.json", "new.json", "old.json"], catch_exceptions=False)


@pytest.mark.usefixtures("project")
def test_a_pattern_selects_benchmarks() -> None:
    """`-k` judges what matches; where nothing does, the nearest names are listed."""
    runner = CliRunner()
    shown = runner.invoke(root, ["compare", "old.json", "new.json", "-k", "par*", "--json", "-"])
    assert [row["benchmark"] for row in json.loads(shown.output)["comparisons"]] == ["parse"]
    with pytest.raises(UsageError, match="No benchmark matches") as caught:
        runner.invoke(root, ["compare", "old.json", "new.json", "-k", "prase"], catch_exceptions=False)
    assert "parse" in caught.value.remedy
