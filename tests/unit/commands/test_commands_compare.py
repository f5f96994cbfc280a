"""Waivers in force are listed in every report, used or not."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from regress_action.action.judge import load_rules
from regress_action.commands.compare import compare_files
from regress_action.commands.output import deliver
from regress_action.settings import Settings


def test_every_report_lists_the_waivers_in_force(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On the terminal, in Markdown and in HTML; the one that has expired is not listed."""
    monkeypatch.chdir(tmp_path)
    for side in ("base", "head"):
        for number in range(5):
            content = {"parse": {"latency": {"value": 100 + number}}}
            (tmp_path / f"{side}{number}.json").write_text(json.dumps(content))
    today = datetime.now(UTC).date()
    waivers = "\n".join(
        f"- {{benchmark: {name}, metric: time, ceiling: 1.3, reason: worth it all, expires: {today + timedelta(days)}}}"
        for name, days in (("other_one", 9), ("bygone", -9))
    )
    (tmp_path / "regress-waivers.yml").write_text(f"waivers:\n{waivers}\n")
    judged = compare_files(["base*.json"], ["head*.json"], load_rules(Settings(), tmp_path))
    deliver(judged, markdown="report.md", html="report.html")
    shown = (capsys.readouterr().out, Path("report.md").read_text(), Path("report.html").read_text())
    for text in shown:
        assert "one (time) up to 1.3× until" in text.replace("\n", " ")
        assert "bygone" not in text
