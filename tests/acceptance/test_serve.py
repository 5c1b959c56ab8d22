"""`bulkconn serve`: the page live in a real browser, who may see it, and how it ends."""

from __future__ import annotations

import http.client
import json
import re
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.fakes.browser import complaints_of, running_browser
from tests.fakes.full_ledger import ROWS, make_full_ledger
from tests.fakes.postgres import fresh_schema
from tests.integration.ledger.building import open_ledger
from tests.unit.cli.console import Console, postgres_rows, running_emulator

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from playwright.sync_api import Browser

TOKEN = "the-token-of-these-tests"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser for all tests of this file."""
    with running_browser() as running:
        yield running


@pytest.fixture
def console(tmp_path: Path) -> Console:
    """Give a folder with a full ledger."""
    make_full_ledger(lambda: open_ledger(tmp_path / "full.ledger.db"))
    return Console(tmp_path)


class Serving:
    """`bulkconn serve` as a process that listens."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.said = process.stdout.readline()
        found = re.search(r" at (http://\S+/) \(read-only, until Ctrl-C\)$", self.said)
        assert found, (self.said, process.communicate()[1])
        self.url = found[1]
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def link(self) -> str:
        """Give the link that is printed once."""
        assert self.process.stderr is not None
        return self.process.stderr.readline().removeprefix("open this link once: ").strip()

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: str | None = None
    ) -> tuple[int, dict[str, str], str]:
        """Send one request; gives status, headers and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request(method, path, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, text

    def stop(self) -> tuple[int, str, str]:
        """Send SIGTERM; gives exit code and what was said since."""
        self.process.send_signal(signal.SIGTERM)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err


@contextmanager
def serving(console: Console, *flags: str, **env: str) -> Iterator[Serving]:
    """Serve a ledger on a free port."""
    process = console.start("serve", "--port", "0", *flags, **env)
    try:
        yield Serving(process)
    finally:
        process.kill()
        process.communicate()


# --- in a browser ---------------------------------------------------------------------------------


def test_page_follows_a_run_that_goes_on(browser: Browser, tmp_path: Path) -> None:
    """Nobody reloads anything: headline, totals, chart and rows change while rows are created."""
    console = Console(tmp_path)
    console.write("eu.csv", postgres_rows(60))
    with running_emulator("--latency", "0.05") as env:
        console.env.update(env)
        first = console.write("first.csv", postgres_rows(3, start=900))
        assert console.run("run", first, "--ledger", "eu.ledger.db").returncode == 0
        with serving(console, "--ledger", "eu.ledger.db") as served, browser.new_context() as context:
            page = context.new_page()
            complaints = complaints_of(page)
            page.goto(served.url)
            page.get_by_text("All 3 rows have their connection").wait_for()
            page.get_by_text("Live", exact=True).wait_for()
            page.get_by_text("The same in figures").click()
            page.get_by_label("Search").fill("db 05")
            run = console.start("run", "eu.csv", "--ledger", "eu.ledger.db", "--rate", "15")
            page.get_by_text(re.compile(r"^\d+ of 63 rows have their connection")).wait_for()
            page.get_by_text("All 63 rows have their connection").wait_for()
            assert run.communicate(timeout=60)
            assert run.returncode == 0
            page.locator("#found").get_by_text("of 63 rows").wait_for()
            assert "db 059" in page.locator("#rows-body").inner_text()
            assert page.locator("#timeline-figures").get_attribute("open") is not None
            assert page.title() == "All 63 rows have their connection \u2013 bulkconn"
            assert complaints == []


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_live_page_fits_every_width(browser: Browser, console: Console, width: int) -> None:
    """The same page as the report's, with the same manners."""
    with (
        serving(console) as served,
        browser.new_context(viewport={"width": width, "height": 800}, color_scheme="dark") as context,
    ):
        page = context.new_page()
        complaints = complaints_of(page)
        page.goto(served.url)
        page.get_by_text("Live", exact=True).wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.get_by_role("status").first.inner_text() == "Live"
        page.get_by_role("link", name="The whole report").click()
        page.locator("#found").get_by_text(f"{ROWS} rows").wait_for()
        assert page.evaluate("window.pwned") is None
        assert complaints == []


def test_link_opens_the_page_once_and_the_token_opens_it_again(browser: Browser, console: Console) -> None:
    """The link leaves a cookie and no token in the address; a second reader types the token."""
    with serving(console, "--host", "0.0.0.0") as served:  # noqa: S104 - that is the point
        link = served.link()
        token = link.rpartition("=")[2]
        here = f"http://127.0.0.1:{served.port}/"
        with browser.new_context() as context:
            page = context.new_page()
            assert (page.goto(here) or pytest.fail("no answer")).status == 401
            page.goto(f"{here}?token={token}")
            page.get_by_text("Live", exact=True).wait_for()
            assert page.url == here
            (cookie,) = context.cookies()
            assert cookie["httpOnly"]
            assert token not in cookie["value"]
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(f"{here}?token={token}")
            assert "links work once" in page.get_by_role("alert").inner_text()
            page.get_by_label("Token").fill("a guess")
            page.get_by_role("button", name="Look").click()
            assert page.get_by_role("alert").inner_text() == "That is not the token."
            page.get_by_label("Token").fill(token)
            page.keyboard.press("Enter")
            page.get_by_text("Live", exact=True).wait_for()
            assert page.url == here
        code, out, err = served.stop()
    assert (code, out, err) == (0, "", "")


def test_page_says_when_the_ledger_cannot_be_read_and_goes_on(browser: Browser, console: Console) -> None:
    """A ledger that is gone for a while is told in words; once it is back the page is live again."""
    ledger = console.folder / "full.ledger.db"
    with serving(console) as served, browser.new_context() as context:
        page = context.new_page()
        page.goto(served.url)
        page.get_by_text("Live", exact=True).wait_for()
        ledger.rename(console.folder / "elsewhere")
        page.get_by_text("no ledger at").wait_for()
        assert served.ask("GET", "/figures.json")[0] == 503
        (console.folder / "elsewhere").rename(ledger)
        page.get_by_text("Live", exact=True).wait_for()


# --- over HTTP ------------------------------------------------------------------------------------


def test_server_says_what_a_browser_may_do(console: Console) -> None:
    """A strict policy on every answer, nothing in caches, and no way to write."""
    with serving(console) as served:
        status, headers, text = served.ask("GET", "/")
        assert status == 200
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
        assert text.endswith("</html>\n")
        for path in ("/nothing", "/../etc/passwd"):
            status, headers, _ = served.ask("GET", path)
            assert status == 404
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
        assert {served.ask(method, "/")[0] for method in ("POST", "PUT", "DELETE")} == {405}
        assert served.ask("HEAD", "/")[::2] == (200, "")
        figures: dict[str, Any] = json.loads(served.ask("GET", "/figures.json")[2])
    assert figures["rows"] == ROWS


def test_foreign_names_are_refused(console: Console) -> None:
    """A web site that points its own name at this machine sees nothing (DNS rebinding)."""
    with serving(console, "--allow-host", "reports.corp.example") as served:
        port = served.port
        assert served.ask("GET", "/figures.json", {"Host": f"evil.example:{port}"})[0] == 421
        assert served.ask("GET", "/events", {"Host": "evil.example"})[0] == 421
        assert served.ask("GET", "/figures.json", {"Host": "reports.corp.example"})[0] == 200
        assert served.ask("GET", "/figures.json", {"Host": f"localhost:{port}"})[0] == 200


def test_token_of_the_environment_is_needed_everywhere(console: Console) -> None:
    """Also on loopback once it is set; it is never repeated."""
    secret = console.write("token", f"{TOKEN}\n")
    with serving(console, BULKCONN_SERVE_TOKEN_FILE=secret) as served:
        for path in ("/", "/events", "/report.html", "/figures.json", "/nothing"):
            assert served.ask("GET", path)[0] == 401
        assert served.ask("GET", "/figures.json", {"Authorization": f"Bearer {TOKEN}x"})[0] == 401
        assert served.ask("GET", "/figures.json", {"Authorization": f"Bearer {TOKEN}"})[0] == 200
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        status, headers, _ = served.ask("POST", "/token", form, f"token={TOKEN}")
        assert status == 303
        cookie = headers["set-cookie"].partition(";")[0]
        assert served.ask("GET", "/figures.json", {"Cookie": cookie})[0] == 200
        assert served.ask("POST", "/token", form, f"token={'x' * 9000}")[0] == 413
        code, out, err = served.stop()
    assert code == 0
    assert TOKEN not in served.said + out + err
    assert "BULKCONN_SERVE_TOKEN" in err


def test_token_that_can_be_guessed_is_refused(console: Console) -> None:
    """Short ones are usage; the message does not repeat it."""
    done = console.run("serve", "--port", "0", BULKCONN_SERVE_TOKEN="hunter2")
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    assert "  fix: " in done.stderr


def test_sigterm_ends_in_time_with_open_streams(console: Console) -> None:
    """Streams never end by themselves; a server that waited for them would be killed."""
    with serving(console) as served:
        streams = []
        for _ in range(3):
            connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=20)
            connection.request("GET", "/events")
            answer = connection.getresponse()
            assert answer.readline().startswith(b"event: parts")
            streams.append((connection, answer))
        code, out, err = served.stop()
        assert (code, out, err) == (0, "", "")
        for connection, answer in streams:
            answer.read()
            connection.close()


def test_serving_writes_nothing(console: Console) -> None:
    """The ledger is the same, byte for byte, after it was looked at."""
    ledger = console.folder / "full.ledger.db"
    before = ledger.read_bytes()
    with serving(console) as served:
        assert served.ask("GET", "/")[0] == 200
        assert served.ask("GET", "/report.html")[0] == 200
    assert ledger.read_bytes() == before


def test_what_is_wrong_from_the_start_is_told_there(tmp_path: Path, console: Console) -> None:
    """No ledger, no such run, a port that is taken: an exit code and a remedy, not an empty page."""
    assert console.run("serve", "--ledger", "none.ledger.db").returncode == 2
    done = console.run("serve", "--run", "nobody")
    assert done.returncode == 2
    assert "this ledger has no run nobody" in done.stderr
    with serving(console) as served:
        taken = console.run("serve", "--port", str(served.port))
    assert taken.returncode == 2
    assert "cannot listen on 127.0.0.1" in taken.stderr


def test_fleet_is_shown_with_its_shards_and_workers(browser: Browser, tmp_path: Path) -> None:
    """A run of several shards: queued, then worked on, then done, with the pace that workers share."""
    console = Console(tmp_path)
    console.write("eu.csv", postgres_rows(40))
    with running_emulator("--latency", "0.05") as env, fresh_schema() as url:
        console.env.update(env, BULKCONN_LEDGER=url)
        submitted = console.run("submit", "eu.csv", "--shard-rows", "10", "--output", "json")
        assert submitted.returncode == 0, submitted.stderr
        run_id = json.loads(submitted.stdout)["run_id"]
        with serving(console, "--run", run_id) as served, browser.new_context() as context:
            page = context.new_page()
            complaints = complaints_of(page)
            page.goto(served.url)
            fleet = page.get_by_role("region", name="Workers and queue")
            fleet.get_by_text("4 queued").wait_for()
            assert "0 workers at work" in fleet.inner_text()
            worker = console.start("worker", "--exit-when-idle", "--rate", "10", "--log-level", "error")
            fleet.get_by_text("1 worker at work").wait_for()
            fleet.get_by_text("requests a second").wait_for()
            fleet.get_by_text("4 done").wait_for(timeout=60_000)
            page.get_by_text("All 40 rows have their connection").wait_for()
            worker.communicate(timeout=60)
            assert complaints == []
