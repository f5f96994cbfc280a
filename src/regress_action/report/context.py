"""What a page says beyond the judgement: where things are, how to repeat the measurement, how to accept a change."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """Links, commands and sentences for a page; whatever is None or empty is left out.

    `repository_url` makes commits into links. `reproduce` is one shell command, `accept` one sentence. `waivers` and
    `advice` are sentences, and `elsewhere` is the one that suggests another machine. `folder` is where the page will
    lie, from which links to files lead. `looks` are the numbers of pairs after which the measurement was to be judged
    while it ran, the last being its planned end; empty where it was not.
    """

    suite: str = "default"
    repository_url: str | None = None
    run_url: str | None = None
    summary_url: str | None = None
    dashboard_url: str | None = None
    report_url: str | None = None
    reproduce: str | None = None
    accept: str | None = None
    elsewhere: str | None = None
    waivers: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()
    folder: str | None = None
    looks: tuple[int, ...] = ()
