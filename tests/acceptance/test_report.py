"""`bulkconn report` as a command, and its page in a real browser."""

from __future__ import annotations

import csv
import io
import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.browser import complaints_of, running_browser
from tests.fakes.full_ledger import FAILED, HOSTILE, ROWS, make_full_ledger
from tests.fakes.postgres import fresh_schema
from tests.integration.ledger.building import open_ledger, open_postgres_ledger
from tests.unit.cli.console import PASSWORD, Console, postgres_rows, running_emulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

WIDTHS = (360, 768, 1440)


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Console:
    """Give a folder with a full ledger and its report."""
    folder = tmp_path_factory.mktemp("report")
    make_full_ledger(lambda: open_ledger(folder / "full.ledger.db"))
    made = Console(folder)
    done = made.run("report", "-o", "report.html")
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"a report of {ROWS} rows written to report.html\n"
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser for all tests of this file."""
    with running_browser() as running:
        yield running


@pytest.fixture
def page(browser: Browser, console: Console) -> Iterator[Page]:
    """Give the report in the browser; nothing may be complained of until the test ends."""
    opened = browser.new_page(viewport={"width": 1440, "height": 900})
    complaints = complaints_of(opened)
    opened.goto((console.folder / "report.html").as_uri())
    yield opened
    assert complaints == []
    assert opened.evaluate("window.pwned") is None
    opened.close()


def names(page: Page) -> list[str]:
    """Give the names of the rows that are seen."""
    return page.locator("#rows-body button.open").all_inner_texts()


# --- the command ----------------------------------------------------------------------------------


def test_report_of_a_real_run_holds_its_rows_and_no_secret(tmp_path: Path) -> None:
    """From an inventory to a page, json, csv and md; the password is in none of them."""
    console = Console(tmp_path)
    console.write("eu.csv", postgres_rows(12))
    with running_emulator() as env:
        console.env.update(env)
        assert console.run("run", "eu.csv").returncode == 0
    for suffix in ("html", "json", "csv", "md"):
        done = console.run("report", "-o", f"r.{suffix}")
        assert done.returncode == 0, done.stderr
        assert PASSWORD not in (tmp_path / f"r.{suffix}").read_text()
    data = json.loads((tmp_path / "r.json").read_text())
    assert data["counts"]["created"] == data["rows"] == data["latency"]["answers"] == 12
    assert sum(bar["created"] for bar in data["timeline"]["bars"]) == 12
    assert data["timeline"]["paces"][0]["rate_per_s"] == data["timeline"]["paces"][0]["ceiling_per_s"] == 10
    assert "| created | 12 | 100 % |" in (tmp_path / "r.md").read_text()
    lines = csv.DictReader(io.StringIO((tmp_path / "r.csv").read_text()))
    assert {"of": "rows", "name": "", "figure": "created", "value": "12"} in list(lines)
    shown = console.run("report")
    assert shown.stdout.startswith("<!doctype html>")
    assert shown.stdout.rstrip().endswith("</html>")


def test_report_of_a_run_that_is_unknown_says_what_to_do(console: Console) -> None:
    """One line what, one line what to do, and no file."""
    done = console.run("report", "--run", "nobody", "-o", "none.html")
    assert done.returncode == 2
    assert done.stderr.startswith("error: this ledger has no run nobody\n  fix: ")
    assert not (console.folder / "none.html").exists()


def test_report_that_cannot_be_written_leaves_the_old_one(console: Console) -> None:
    """A folder that is not there is usage, not a traceback."""
    done = console.run("report", "-o", "missing/report.html")
    assert done.returncode == 2
    assert "cannot write" in done.stderr
    assert "Traceback" not in done.stderr


def test_report_of_a_shared_ledger_is_the_same(tmp_path: Path) -> None:
    """PostgreSQL gives the same figures as a file; its password is masked."""
    with fresh_schema() as url:
        make_full_ledger(lambda: open_postgres_ledger(url))
        done = Console(tmp_path).run("report", "--ledger", url, "--format", "json")
    data: dict[str, Any] = json.loads(done.stdout)
    assert data["rows"] == ROWS
    assert data["counts"]["failed"] == FAILED
    assert data["fleet"] == []


# --- the page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_fits_every_width_in_light_and_dark(
    browser: Browser, console: Console, width: int, scheme: Any
) -> None:
    """Nothing sticks out sideways, one picture of each is seen, and paper and ink change places."""
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme) as context:
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto((console.folder / "report.html").as_uri())
        for button in page.locator("#rows-body button.open").all()[: len(HOSTILE)]:
            button.click()
        for details in page.locator("details > summary").all():
            details.click()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        outside = page.evaluate(
            """width => [...document.querySelectorAll("body *")].filter((one) => {
                if (one.closest("svg, .scroll, .skip, thead")) return false;
                const box = one.getBoundingClientRect();
                return box.width && (box.right > width + 0.5 || box.left < -0.5);
            }).map((one) => one.outerHTML.slice(0, 80))""",
            width,
        )
        assert outside == []
        assert page.locator("#time svg.chart:visible").count() == 1
        assert page.locator("#latency svg.chart:visible").count() == 1
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(re.findall(r"\d+", paper)[0])
        assert red > 200 if scheme == "light" else red < 60
        assert complaints == []


def test_page_has_charts_with_bars_lines_and_words(page: Page) -> None:
    """Who cannot see the picture hears its figures; who wants them exactly unfolds a table."""
    chart = page.get_by_role("img", name=re.compile(r"Answers per second over .*227 created.*8 refused"))
    assert chart.locator("rect.created").count() > 20
    assert chart.locator("rect.closed").count() == 1
    assert chart.locator("path.pace").count() == chart.locator("path.ceiling").count() == 1
    assert page.get_by_role(
        "img", name=re.compile(r"236 answers by how long they took: median 250 ms")
    ).count()
    page.get_by_text("The same in figures").click()
    assert page.locator("#timeline-figures tbody tr").count() > 20


def test_search_narrows_the_rows_and_says_how_many(page: Page) -> None:
    """Words in any order, in names, errors, ids and files; the state beside it."""
    found = page.locator("#found")
    assert found.inner_text() == f"{ROWS} rows"
    page.get_by_label("Search").fill("ID-001 database")
    assert found.inner_text() == f"10 of {ROWS} rows"
    assert names(page)[0] == "database 010"
    page.get_by_label("Search").fill("1312-400 refused MYSQL")
    assert found.inner_text() == f"{FAILED} of {ROWS} rows"
    page.get_by_label("Search").fill("")
    page.get_by_role("combobox", name="State").select_option("failed")
    assert found.inner_text() == f"{FAILED} of {ROWS} rows"
    page.get_by_label("Search").fill("nothing of the kind")
    assert found.inner_text() == f"0 of {ROWS} rows"
    assert names(page) == []


def test_headings_sort_the_rows_up_and_down(page: Page) -> None:
    """A heading says how it sorts, and numbers in names count as numbers."""
    heading = page.get_by_role("columnheader", name="Name")
    assert heading.get_attribute("aria-sort") == "none"
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    rising = names(page)
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    falling = names(page)
    assert rising != falling
    assert falling[0].startswith(("n\u00e4", "resu", "\u2039"))
    page.get_by_role("columnheader", name="State").get_by_role("button").click()
    states = page.locator("#rows-body td:nth-child(2)").all_inner_texts()
    assert states == sorted(states)
    assert heading.get_attribute("aria-sort") == "none"


def test_pages_of_rows_turn(page: Page) -> None:
    """A hundred rows at a time, the last page with the rest."""
    assert len(names(page)) == 100
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()
    assert len(names(page)) == ROWS - 200
    assert page.get_by_role("button", name="Next").is_disabled()
    assert "Page 3 of 3" in page.get_by_role("navigation", name="Pages of rows").inner_text()


def test_hostile_names_are_text(page: Page) -> None:
    """Tags, directions of writing and four kilobytes of a name stay words; nothing of them runs."""
    shown = names(page)
    assert shown[0] == HOSTILE[0]
    assert shown[1] == HOSTILE[1]
    assert shown[2].startswith("\u2039U+202E\u203a")
    assert page.locator("#rows-body img, #rows-body script").count() == 0
    page.locator("#rows-body button.open").nth(3).click()
    assert page.locator("#rows-body .more dd").first.inner_text() == HOSTILE[3]
    assert page.evaluate("window.pwned") is None


def test_page_can_be_used_with_the_keyboard_alone(page: Page) -> None:
    """Skip link, search, sorting and unfolding by Tab, Enter and the keys themselves."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("id-0020")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "only"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.get_by_role("columnheader", name="Name").get_attribute("aria-sort") == "ascending"
    page.locator("#rows-body button.open").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert "prod/redshift/20" in page.locator(".more").inner_text()
    page.keyboard.press("Enter")
    assert page.locator(".more").count() == 0


@pytest.mark.parametrize("width", [360, 1440])
def test_page_tells_screen_readers_what_is_what(browser: Browser, console: Console, width: int) -> None:
    """Regions, headings, a table of rows and cells, labels: also where the style makes rows blocks."""
    with browser.new_context(viewport={"width": width, "height": 900}) as context:
        page = context.new_page()
        page.goto((console.folder / "report.html").as_uri())
        tree = page.locator("body").aria_snapshot()
    for part in (
        '- heading "227 of 240 rows have their connection" [level=1]',
        '- region "Outcome"',
        '- region "What needs somebody"',
        '- region "Answers over time"',
        '- region "Rows"',
        '- search "Rows"',
        '- searchbox "Search"',
        '- combobox "State"',
        '- table "Rows"',
        '- columnheader "Name',
        # Where rows are blocks the label is read with it.
        '- cell "State created"' if width == 360 else '- cell "created"',
        '- button "Next"',
    ):
        assert part in tree, part


def test_page_on_paper_is_light_and_shows_every_row(browser: Browser, console: Console) -> None:
    """Even from a dark screen; controls are left out, and rows beyond the first hundred are there."""
    with browser.new_context(color_scheme="dark", viewport={"width": 688, "height": 900}) as context:
        page = context.new_page()
        page.goto((console.folder / "report.html").as_uri())
        page.emulate_media(media="print")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert page.get_by_role("columnheader", name="Sandbox").last.bounding_box()["height"] > 1  # type: ignore[index]  # it is seen
        assert page.evaluate("document.documentElement.scrollWidth") == 688
        assert not page.locator("#tools").is_visible()
        assert not page.locator("#pages").is_visible()
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        assert len(names(page)) == ROWS
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert len(names(page)) == 100
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF-")


def test_page_without_scripts_still_shows_rows_and_charts(browser: Browser, console: Console) -> None:
    """A mail program shows what a browser without scripts does."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto((console.folder / "report.html").as_uri())
        assert page.locator("#rows-body tr").count() == 100
        assert page.locator("#rows-body tr").first.inner_text().startswith(HOSTILE[0])
        assert not page.locator("#tools").is_visible()
        assert page.locator("#time svg.chart:visible").count() == 1
