"""Settings are merged weakest first, and a wrong one is explained."""

from pathlib import Path

import pytest

from regress_action.model.errors import SettingsError
from regress_action.settings import Settings, load


def test_defaults_need_no_file(tmp_path: Path) -> None:
    """Without a file and without options every setting has its documented default."""
    assert load({}, root=tmp_path) == Settings()


def test_inputs_win_over_the_file(tmp_path: Path) -> None:
    """What is given on the command line or as an input outranks regress.yml."""
    (tmp_path / "regress.yml").write_text("runs: 7\nsuite: from-file\n")
    settings = load({"runs": "12"}, root=tmp_path)
    assert (settings.runs, settings.suite) == (12, "from-file")


def test_empty_inputs_count_as_not_given(tmp_path: Path) -> None:
    """A runner passes every input, unset ones as empty text; those must not hide the file's values."""
    (tmp_path / "regress.yml").write_text("fail-on: moderate\n")
    assert load({"fail-on": "", "carry": (), "base": None}, root=tmp_path).fail_on == "moderate"


def test_lists_come_as_lines_or_as_yaml(tmp_path: Path) -> None:
    """An action input is text, so several values are lines or comma-separated; YAML may hold a list."""
    (tmp_path / "regress.yml").write_text("carry: [a, b]\n")
    assert load({}, root=tmp_path).carry == ("a", "b")
    assert load({"carry": "x\n y , z\n"}, root=tmp_path).carry == ("x", "y", "z")


def test_a_token_never_comes_from_a_file_nor_shows(tmp_path: Path) -> None:
    """A token committed by mistake is ignored, and one that is given is not printed."""
    (tmp_path / "regress.yml").write_text("github-token: committed\n")
    assert load({}, root=tmp_path).github_token.get_secret_value() == ""
    assert "s3cret" not in repr(load({"github-token": "s3cret", "notify-urls": "slack://s3cret"}, root=tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("runs: many\n", "runs (in regress.yml)"),
        ("regresion_threshold: 1.1\n", "no such setting; regression_threshold stands in the thresholds file"),
        ("rnus: 3\n", "rnus (in regress.yml): there is no such setting; did you mean runs?"),
        ("xyzzy: 3\n", "xyzzy (in regress.yml): there is no such setting"),
        (
            "benchmarks: [{match: x, treshold: 1.5}]\n",
            "benchmarks.0.treshold (in regress.yml): there is no such setting",
        ),
        ("fail-on: always\n", "fail-on (in regress.yml)"),
        ("benchmarks: [{match: 'x', threshold: 0.5}]\n", "benchmarks.0.threshold"),
        ("- a\n- b\n", "holds a list"),
        ("a: [1\n", "is not YAML"),
        ("a: !!python/object/apply:os.system ['true']\n", "is not YAML"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path: Path, text: str, message: str) -> None:
    """The error names the setting and the file it stands in."""
    (tmp_path / "regress.yml").write_text(text)
    with pytest.raises(SettingsError) as error:
        load({}, root=tmp_path)
    assert message in str(error.value)


def test_a_named_config_must_exist(tmp_path: Path) -> None:
    """A config file that was asked for and is absent is an error, not silence."""
    with pytest.raises(SettingsError, match="cannot be read"):
        load({"config": "absent.yml"}, root=tmp_path)
