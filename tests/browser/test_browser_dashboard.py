"""The dashboard in a real browser, opened from disk: every view, its keys, its filters, and nothing from elsewhere."""

from __future__ import annotations

import csv
import re
import shutil
import struct
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from regress_action.analysis import Policy
from regress_action.history import open_history
from regress_action.model.errors import ExitCode
from regress_action.model.measurements import Aliases, Benchmark, Environment, Metric, Report, Run, Series
from regress_action.site.build import Source, build, from_reports
from regress_action.site.inputs import Page as SitePage
from regress_action.site.tables import grown

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CACHE_GET = "b=benchmarks%2Ftest_cache.py%3A%3Atest_cache_get&m=time"
VIEWS = {
    "status": "table tbody tr",
    f"benchmark?{CACHE_GET}": ".main-svg",
    "compare": "table tbody tr",
    "scaling": ".main-svg",
    "history": "canvas#heat",
    "health": "table tbody tr",
    "recommendations": "ol.advice li",
    "audit": "table tbody tr",
}
"""Every view by its address, and what is there once it is drawn."""

STATES = {"status?group=service": "tr.group", f"benchmark?{CACHE_GET}&side=1": ".chart.small .main-svg"}
"""States of views that hold other elements than the views themselves."""

ROWS = "[...document.querySelectorAll('tbody tr')]"
WAIT = "async () => {{ while (!({condition})) await new Promise(requestAnimationFrame); }}"
"""Waits for a condition in JavaScript; the policy of the page forbids the evaluated text of `wait_for_function`."""

HOSTILE = "<img src=x onerror=document.body.dataset.owned=1><script>document.body.dataset.owned=1</script>"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]


@dataclass
class Visit:
    """An open page, with what it complained about and what it asked for."""

    page: Page
    folder: Path
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self, view: str) -> Page:
        """Open a view and wait until it is drawn."""
        self.page.goto("about:blank")
        self.page.goto(f"{(self.folder / 'index.html').as_uri()}#/{view}")
        self.page.wait_for_selector("main[data-drawn]")
        return self.page


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One Chromium for all tests of this module."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert program, "No Chromium was found. Install it (Debian: apt-get install chromium)."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site that `make demo-dashboard` writes."""
    folder = tmp_path_factory.mktemp("demo")
    subprocess.run([sys.executable, ROOT / "examples/demo_history.py", folder / "history"], check=True, cwd=ROOT)
    command = ["-m", "regress_action", "dashboard", "--history", str(folder / "history"), "--out", str(folder / "site")]
    subprocess.run(
        [sys.executable, *command, "--thresholds", ROOT / "examples/services/thresholds.yml"], check=True, cwd=folder
    )
    return folder / "site"


@pytest.fixture
def visit(chromium: Browser, demo: Path) -> Iterator[Visit]:
    """A fresh page on the demo site; at the end, nothing was complained about or asked from elsewhere."""
    yield from visiting(chromium, demo)


def visiting(chromium: Browser, folder: Path) -> Iterator[Visit]:
    """Open a page on a site, and check at the end that it was silent."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    visit = Visit(page, folder)
    page.on("console", lambda message: visit.complaints.append(message.text))
    page.on("pageerror", lambda error: visit.complaints.append(str(error)))
    page.on("request", lambda request: visit.requests.append(request.url))
    yield visit
    page.close()
    assert visit.complaints == []
    assert [url for url in visit.requests if not url.startswith(("file:", "data:", "about:", "blob:"))] == []


def wait_until(page: Page, condition: str) -> None:
    """Wait until a condition in JavaScript holds; the time limit of the test ends it."""
    page.evaluate(WAIT.format(condition=condition))


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_drawn_from_its_address(visit: Visit, view: str) -> None:
    """A link to any view shows it, without a word on the console and without a request to the network."""
    visit.open(view).wait_for_selector(VIEWS[view])


@pytest.mark.parametrize("view", [*VIEWS, *STATES])
def test_no_view_has_a_serious_accessibility_violation(visit: Visit, view: str) -> None:
    """As axe sees it, in both themes."""
    page = visit.open(view)
    page.wait_for_selector((VIEWS | STATES)[view])
    for _ in range(2):
        violations = Axe().run(page).response["violations"]
        assert [violation["id"] for violation in violations if violation["impact"] in ("serious", "critical")] == []
        page.click("#theme")
        page.wait_for_selector((VIEWS | STATES)[view])
    visit.complaints.clear()  # axe itself asks for the style sheet, which the page's policy refuses


@pytest.mark.parametrize("width", [1280, 800, 390])
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_fits_the_screen(visit: Visit, view: str, width: int) -> None:
    """On a desktop, a tablet and a telephone the page does not scroll sideways."""
    visit.page.set_viewport_size({"width": width, "height": 800})
    page = visit.open(view)
    page.wait_for_selector(VIEWS[view])

    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_the_most_urgent_series_comes_first(visit: Visit) -> None:
    """The planted step that nobody accepted."""
    page = visit.open("status")

    first = page.inner_text("tbody tr:first-child")
    assert "regressed" in first
    assert "simple_operation" in first
    assert "+42 %" in first


def test_search_filters_and_is_kept_in_the_address(visit: Visit) -> None:
    """The address of what is shown can be sent to somebody."""
    page = visit.open("status")
    page.keyboard.press("/")
    page.keyboard.type("cache_get")
    wait_until(page, f"{ROWS}.every(row => row.innerText.includes('cache_get'))")

    assert "q=cache_get" in page.url
    again = visit.open(page.url.partition("#/")[2])
    assert again.input_value("#search") == "cache_get"
    assert again.locator("tbody tr").count() == page.locator("tbody tr").count()


def test_a_filter_and_a_state_narrow_the_table(visit: Visit) -> None:
    """Service by its list, state by its card."""
    page = visit.open("status")
    page.select_option("select[name=service]", "workers")
    page.wait_for_selector("tbody tr:has-text('workers')")
    page.click("button.card.improved")
    wait_until(page, f"{ROWS}.length > 0 && {ROWS}.every(row => row.innerText.includes('improved'))")

    assert "service=workers" in page.url
    assert "status=improved" in page.url


def test_a_header_sorts_and_says_so(visit: Visit) -> None:
    """First descending, then ascending."""
    page = visit.open("status")
    page.click("th button:has-text('Change')")
    page.wait_for_selector("th[aria-sort=descending]")
    page.click("th button:has-text('Change')")
    page.wait_for_selector("th[aria-sort=ascending]")

    assert "sort=ratio" in page.url


def test_the_keys_reach_every_place(visit: Visit) -> None:
    """`j` and Enter open the first benchmark, a digit opens a view, `t` changes the theme."""
    page = visit.open("status")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector(".main-svg")
    assert "/benchmark?" in page.url
    page.keyboard.press("8")
    page.wait_for_selector("h2:has-text('Decisions')")
    theme = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("t")
    assert page.evaluate("document.documentElement.dataset.theme") != theme


def test_dark_mode_follows_the_system(chromium: Browser, demo: Path) -> None:
    """Until somebody chooses a theme."""
    for scheme, background in (("dark", "rgb(13, 17, 23)"), ("light", "rgb(255, 255, 255)")):
        page = chromium.new_page(color_scheme=scheme)  # type: ignore[arg-type]
        page.goto((demo / "index.html").as_uri())
        page.wait_for_selector("main[data-drawn]")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
        page.close()


def test_a_zoom_is_kept_in_the_address(visit: Visit) -> None:
    """The range of a chart is part of the link."""
    page = visit.open(f"benchmark?{CACHE_GET}")
    page.wait_for_selector(".main-svg")
    box = page.locator("#chart .nsewdrag").first.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 120, steps=5)
    page.mouse.up()
    wait_until(page, "location.hash.includes('from=')")


def test_every_axis_of_a_benchmark_is_drawn(visit: Visit) -> None:
    """By order, logarithmic, in per cent of the reference, and with every run."""
    for parameters in ("&x=order", "&y=log", "&y=percent", "&raw=1"):
        visit.open(f"benchmark?{CACHE_GET}{parameters}").wait_for_selector(".main-svg")


def test_what_a_view_shows_can_be_downloaded(visit: Visit) -> None:
    """As CSV, with a row per series."""
    page = visit.open("status")
    with page.expect_download() as download:
        page.click("button.download")
    text = Path(download.value.path()).read_text(encoding="utf-8")

    assert text.startswith("status,benchmark,metric,")
    assert len(text.splitlines()) == 71


def test_two_machines_are_compared(visit: Visit) -> None:
    """The second configuration of the demo is a tenth faster."""
    page = visit.open("compare?kind=machines&a=0&b=1")
    page.wait_for_selector("tbody tr")

    assert "−10 %" in page.inner_text("tbody")


def test_series_are_grouped(visit: Visit) -> None:
    """A heading for each service with the number of its series, and the choice in the address."""
    page = visit.open("status")
    page.select_option("select[name=group]", "service")
    page.wait_for_selector("tr.group")

    assert "group=service" in page.url
    headings = page.locator("tr.group").all_inner_texts()
    assert "orchestration 8 series" in headings
    assert len(headings) == len(set(headings))


def test_metrics_stand_side_by_side(visit: Visit) -> None:
    """Each other metric of the benchmark gets a chart of its own."""
    page = visit.open(f"benchmark?{CACHE_GET}&side=1")

    page.wait_for_selector(".chart.small .main-svg")
    assert "peak_memory" in page.inner_text("figcaption")


def test_releases_and_branches_are_compared(chromium: Browser, tmp_path: Path) -> None:
    """By their names; a branch stands for its newest report, and an old release can still be chosen."""
    reports = [
        Report(
            (Series(Benchmark("parse"), Metric("time", "s"), (2.0 if number < 10 else 1.5 if number < 299 else 3.0,)),),
            (Run(),),
            commit=f"{number:040x}",
            branch="main" if number < 299 else "topic",
            created=f"2026-01-01T{number // 60:02}:{number % 60:02}:00Z",
        )
        for number in range(300)
    ]
    releases = {f"{5:040x}": "v1.0", f"{250:040x}": "v2.0"}
    build([from_reports(reports)], tmp_path, Policy(), SitePage(releases=releases))
    for visit in visiting(chromium, tmp_path):
        page = visit.open("compare?kind=releases")
        page.wait_for_selector("tbody tr")
        assert "2 s" in page.inner_text("tbody tr")
        assert "−25 %" in page.inner_text("tbody tr")
        page.select_option("select[name=kind]", "branches")
        page.wait_for_selector("tbody tr:has-text('2.0×')")


def test_one_report_shows_no_change(chromium: Browser, tmp_path: Path) -> None:
    """There is nothing that it could have changed against, so ±0 % would be a claim."""
    series = Series(Benchmark("parse"), Metric("time", "s"), (2.0,))
    only = Report((series,), (Run(),), commit=f"{1:040x}", created="2026-01-01T00:00:00Z")
    build([from_reports([only])], tmp_path, Policy(), SitePage())
    for visit in visiting(chromium, tmp_path):
        page = visit.open("status")
        page.wait_for_selector("footer:has-text('from 1 report.')")
        row = page.inner_text("tbody tr")
        assert "too few reports" in row
        assert "–" in row
        assert "±0" not in row


def test_a_served_site_reloads_after_a_new_report(chromium: Browser, tmp_path: Path) -> None:
    """Whoever looks at a site on this machine sees the next report without doing anything."""
    history = open_history("history", repository=tmp_path, environ={})
    for number in (1, 2):
        history.append(_single(number))
    command = ["-m", "regress_action", "dashboard", "--history", "history", "--serve", "--port", "0"]
    with subprocess.Popen([sys.executable, "-u", *command], cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            address = next(line.split()[0] for line in process.stdout if line.startswith("http"))
            page = chromium.new_page()
            page.goto(address)
            page.wait_for_selector("footer:has-text('from 2 reports')")
            history.append(_single(3))
            page.wait_for_selector("footer:has-text('from 3 reports')", timeout=60_000)
            page.close()
        finally:
            process.terminate()


def _single(number: int) -> Report:
    """Return a report of one benchmark."""
    series = Series(Benchmark("parse"), Metric("time", "s"), (1.0,))
    return Report((series,), (Run(),), commit=f"{number:040x}", created=f"2026-01-{number:02}T00:00:00Z")


def test_the_exponent_of_the_growth_is_shown(visit: Visit) -> None:
    """The demo's parser grows like n to the power of 1.08."""
    page = visit.open("scaling")

    assert "n^1.08" in page.inner_text("tbody")


def test_names_of_result_files_stay_text(chromium: Browser, tmp_path: Path) -> None:
    """In every view, a name that is markup is shown as it is spelled."""
    environment = Environment(runner=HOSTILE, os=HOSTILE, cpu=HOSTILE, runtime=HOSTILE)
    reports = [
        Report(
            tuple(
                Series(Benchmark(f"{HOSTILE}[{size}]", HOSTILE), Metric(f"{HOSTILE}{kind}", HOSTILE), (value * size,))
                for size in (1, 2, 3)
                for kind in ("", "2")
            ),
            (Run(),),
            suite=HOSTILE,
            commit=f"{number:040x}",
            branch=HOSTILE,
            created=f"2026-01-{number + 1:02}T00:00:00Z",
            environment=environment,
            provenance=(("actor", HOSTILE),),
        )
        for number, value in enumerate([1.0] * 12 + [2.0] * 10)
    ]
    build([from_reports(reports, name=HOSTILE)], tmp_path, Policy(), SitePage(title=HOSTILE, note=HOSTILE))
    for visit in visiting(chromium, tmp_path):
        for view in (*VIEWS, "status?q=img"):
            page = visit.open(view)
            page.wait_for_timeout(300)
            assert page.evaluate("document.body.dataset.owned") is None
            assert page.locator("img").count() == 0
        page = visit.open("status")
        page.click("tbody a")
        page.wait_for_selector(".main-svg")
        assert page.evaluate("document.body.dataset.owned") is None
        assert page.locator("img").count() == 0


def test_machines_and_renames_are_marked_on_a_chart(chromium: Browser, tmp_path: Path) -> None:
    """With the earlier name in words as well."""
    machines = [Environment(cpu=f"cpu {number}") for number in range(2)]
    reports = [
        Report(
            (Series(Benchmark("old" if number < 6 else "new"), Metric("time", "s"), (1.0, 1.1)),),
            (Run(), Run()),
            commit=f"{number:040x}",
            created=f"2026-01-{number + 1:02}T00:00:00Z",
            environment=machines[number >= 10 and number % 2],
        )
        for number in range(20)
    ]
    tables = grown([], [(report, "") for report in reports], aliases=Aliases(renamed=(("old", "new"),)))
    build([Source(tables)], tmp_path, Policy(), SitePage())
    for visit in visiting(chromium, tmp_path):
        page = visit.open("benchmark?b=new&m=time&machine=0")
        page.wait_for_selector(".main-svg")
        words = page.locator("#chart .annotation").all_text_contents()
        assert "renamed from old" in words
        assert "cpu 1 begins" in words
        assert "Earlier: old." in page.inner_text("main")


def test_a_near_zoom_shows_every_run(visit: Visit) -> None:
    """Of the newest reports, whose runs are kept; farther away there are medians alone."""
    runs = "document.querySelector('#chart').data.filter(trace => trace.meta === 'runs' && trace.visible).length"
    page = visit.open(f"benchmark?{CACHE_GET}")
    page.wait_for_selector(".main-svg")
    assert page.evaluate(runs) == 0
    newest = page.evaluate("document.querySelector('#chart').data.find(trace => trace.customdata).x.at(-1).getTime()")
    page.evaluate(
        f"Plotly.relayout(document.querySelector('#chart'), {{'xaxis.range[0]': new Date({newest} - 20 * 864e5)"
        f".toISOString().slice(0, 19).replace('T', ' '), 'xaxis.range[1]': new Date({newest}).toISOString()"
        ".slice(0, 19).replace('T', ' ')})"
    )
    wait_until(page, f"{runs} === 2")


def test_the_health_of_the_gate_shows_what_a_planted_slowdown_does(visit: Visit) -> None:
    """A doubling is caught everywhere, and nothing planted hardly alarms."""
    page = visit.open("health")
    (first, _) = page.locator("table:has(caption:has-text('made worse')) tbody tr").all_inner_texts()

    assert first.split("\t")[-1] == "100 %"
    assert page.locator("table:has(caption:has-text('class of runners')) tbody tr").count() == 1


def test_a_drift_says_in_the_status_when_it_reaches_its_budget(visit: Visit) -> None:
    """The demo's database query, which was found as several steps for the worse."""
    page = visit.open("status?q=database_query")

    assert re.search(r"reaches 100 ms in about \d months", page.inner_text("tbody"))


def test_the_heat_map_can_be_downloaded(visit: Visit) -> None:
    """A row for each series, with its part of the time in columns."""
    page = visit.open("history")
    with page.expect_download() as download:
        page.locator("button.download").first.click()
    text = Path(download.value.path()).read_text(encoding="utf-8")

    assert text.startswith("benchmark,metric,machine,unit,reference,part 1,")
    assert len(text.splitlines()) == 71


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_prints_dark_on_white_on_a4(visit: Visit, view: str) -> None:
    """Nothing is cut at the edge of the sheet, whatever the theme, and what can only be clicked is left out."""
    visit.page.emulate_media(color_scheme="dark")
    page = visit.open(view)
    page.wait_for_selector(VIEWS[view])
    page.set_viewport_size({"width": 703, "height": 1032})  # A4 without its margins of 12 mm, at 96 pixels an inch
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")

    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    assert not page.locator("nav").is_visible()
    assert page.pdf(format="A4").startswith(b"%PDF")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_a_name_is_no_formula_in_a_download(chromium: Browser, tmp_path: Path, start: str) -> None:
    """A spreadsheet shows it as text."""
    name = f'{start}HYPERLINK("https://example.org","x")'
    report = Report((Series(Benchmark(name), Metric("time", "s"), (1.0,)),), (Run(),), commit="a" * 40)
    build([from_reports([report])], tmp_path, Policy(), SitePage())
    for visit in visiting(chromium, tmp_path):
        page = visit.open("status")
        with page.expect_download() as download:
            page.click("button.download")
        _, row = csv.reader(Path(download.value.path()).read_text(encoding="utf-8").splitlines())
        assert row[1] == f"'{name}"


PNG = [sys.executable, "-m", "regress_action", "trend", "--history", "history", "-k", "parse", "--png", "charts"]


def test_a_chart_becomes_a_png(tmp_path: Path) -> None:
    """Twice as large as the SVG, drawn by the same browser without a network."""
    open_history("history", repository=tmp_path, environ={}).extend([_single(number) for number in range(1, 9)])

    subprocess.run(PNG, cwd=tmp_path, check=True, capture_output=True)

    (chart,) = (tmp_path / "charts").iterdir()
    assert chart.suffix == ".png"
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert struct.unpack(">II", chart.read_bytes()[16:24]) == (1440, 440)


def test_without_a_browser_there_is_no_png(tmp_path: Path) -> None:
    """The error names the SVG files, which need none."""
    open_history("history", repository=tmp_path, environ={}).extend([_single(number) for number in range(1, 9)])

    done = subprocess.run(PNG, cwd=tmp_path, check=False, capture_output=True, text=True, env={"PATH": ""})

    assert done.returncode == ExitCode.INFRASTRUCTURE
    assert "--svg" in done.stderr
