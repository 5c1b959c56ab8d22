"""`--events` and `--notify` as a user meets them: files, pipes, a web hook on loopback, trouble of each."""

from __future__ import annotations

import json
import signal
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any, Final

import pytest
from jsonschema import Draft202012Validator

from tests.acceptance.process import ROOT, Workplace, as_csv, postgres_rows
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess

SCHEMA: Final = json.loads((ROOT / "bulkconn/events/schema.json").read_text("utf-8"))
VALIDATOR: Final = Draft202012Validator(SCHEMA)
HOSTILE: Final = "orders <script>\u202e\u2028 Ω"
_FAST: Final = ("--rate", "200", "--settle-grace", "2")


def read(text: str) -> list[dict[str, Any]]:
    """Read events, each held to the schema."""
    events = [json.loads(line) for line in text.splitlines()]
    for event in events:
        VALIDATOR.validate(event)
    return events


@pytest.fixture
def workplace(open_workplace: OpenWorkplace, emulator: EmulatorProcess) -> Workplace:
    """Give a workplace."""
    return open_workplace(emulator)


class Hook:
    """A web hook that answers with these statuses, the last one for ever."""

    def __init__(self, *statuses: int) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        left = list(statuses)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805 - the library's name; `self` is the hook
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                self.heard.append((handler.path, json.loads(body)))
                handler.send_response(left.pop(0) if len(left) > 1 else left[0])
                handler.send_header("Content-Length", "0")
                handler.end_headers()

            def log_message(handler, *_: object) -> None:  # noqa: N805 - as above
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/services/T0/hook-s3cret"


@contextmanager
def hook(*statuses: int) -> Iterator[Hook]:
    """Listen for the length of the block."""
    made = Hook(*statuses)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        made.server.shutdown()
        thread.join()
        made.server.server_close()


def test_events_tell_what_the_ledger_says(workplace: Workplace, emulator: EmulatorProcess) -> None:
    """Amid faults and a limit: each row's last event is its state, and every line keeps to the schema."""
    emulator.plan_faults(chances={"reset_after_create": 0.1, "no_id": 0.1})
    rows = postgres_rows(60)
    rows[3] |= {"name": HOSTILE}
    workplace.write("inventory.csv", as_csv(rows))
    ended = workplace.run("run", "inventory.csv", *_FAST, "--events", "e.jsonl", "--output", "json")
    assert ended.code == 0, ended.err
    text = (workplace.folder / "e.jsonl").read_text("ascii")
    events = read(text)
    assert "pa55-in-tests" not in text
    assert [events[0]["event"], events[-1]["event"]] == ["run.began", "run.ended"]
    assert events[-1]["summary"] == ended.report
    assert {one["run_id"] for one in events} == {ended.report["run_id"]}
    last = {one["name"]: one for one in events if one["event"].startswith("row.")}
    exported = workplace.export()
    assert {name: one["connection_id"] for name, one in last.items()} == {
        one["name"]: one["connection_id"] for one in exported
    }
    kinds = Counter(one["event"] for one in last.values())
    assert kinds["row.created"] == ended.report["this_run"]["created"]
    assert kinds["row.settled"] == ended.report["this_run"]["settled"]
    assert HOSTILE in last


def test_run_and_settle_tell_their_own_stories(workplace: Workplace, emulator: EmulatorProcess) -> None:
    """Two commands append to one file; doubts that arose show how they ended."""
    workplace.inventory(30)
    emulator.plan_faults(chances={"reset_after_create": 0.3})
    events = ("--events", "e.jsonl")
    assert workplace.run("run", "inventory.csv", "--rate", "200", *events).code == 0
    assert workplace.run("settle", *events).code == 0
    told = read((workplace.folder / "e.jsonl").read_text("ascii"))
    assert [one["command"] for one in told if one["event"] == "run.began"] == ["run", "settle"]
    assert Counter(one["event"] for one in told)["row.settled"] > 0


def test_events_on_stdout_have_it_alone(workplace: Workplace) -> None:
    """The summary in words goes to stderr; beside a JSON summary they are refused before anything is sent."""
    workplace.inventory(3)
    both = workplace.run("run", "inventory.csv", "--events", "-", "--output", "json")
    assert both.code == 2
    assert "standard output" in both.report["stopped"]["reason"]
    ended = workplace.run("run", "inventory.csv", *_FAST, "--events", "-")
    assert ended.code == 0
    assert [one["event"] for one in read(ended.out)][-1] == "run.ended"
    assert "3 created" in ended.err


@pytest.mark.parametrize("place", ["inventory.csv", "inventory.ledger.db", "no/such/folder/e.jsonl"])
def test_events_that_would_spoil_or_cannot_be_written_are_refused(workplace: Workplace, place: str) -> None:
    """Nothing is sent, nothing is spoilt."""
    before = workplace.inventory(3).read_bytes()
    workplace.write("inventory.ledger.db", "")
    ledger = ("--ledger", "inventory.ledger.db")
    ended = workplace.run("run", "inventory.csv", *ledger, "--events", place)
    assert (ended.code, ended.out) == (2, "")
    assert "--events" in ended.err
    assert "fix:" in ended.err
    assert workplace.folder.joinpath("inventory.csv").read_bytes() == before


def test_full_disk_of_events_is_one_warning(workplace: Workplace) -> None:
    """The run does not care."""
    workplace.inventory(20)
    ended = workplace.run("run", "inventory.csv", *_FAST, "--events", "/dev/full")
    assert ended.code == 0
    assert ended.err.count('"events.lost"') == 1
    assert "No space left" in ended.err


def test_events_of_a_killed_run_are_whole_lines(workplace: Workplace, emulator: EmulatorProcess) -> None:
    """SIGKILL at any moment; the next run goes on in the same file."""
    workplace.inventory(200)
    command = ("run", "inventory.csv", "--rate", "100", "--settle-grace", "2", "--events", "e.jsonl")
    running = workplace.start(*command)
    emulator.wait_for(lambda books: books["posts"] >= 60, running)
    running.kill()
    text = (workplace.folder / "e.jsonl").read_text("ascii")
    assert text.endswith("\n")
    assert workplace.run(*command).code == 0
    events = read((workplace.folder / "e.jsonl").read_text("ascii"))
    assert [one["event"] for one in events].count("run.began") == 2
    assert [one["event"] for one in events].count("run.ended") == 1


def test_interrupted_run_says_so_at_the_end(workplace: Workplace, emulator: EmulatorProcess) -> None:
    """SIGTERM: the summary tells it, to the file and to the hook."""
    workplace.inventory(300)
    with hook(200) as hooked:
        running = workplace.start(
            *("run", "inventory.csv", "--rate", "20", "--events", "e.jsonl", "--notify", hooked.url)
        )
        emulator.wait_for(lambda books: books["posts"] >= 5, running)
        running.interrupt(signal.SIGTERM)
        assert running.wait().code == 143
    last = read((workplace.folder / "e.jsonl").read_text("ascii"))[-1]
    assert last["summary"]["exit_code"] == hooked.heard[0][1]["summary"]["exit_code"] == 143


def test_hook_is_told_the_summary_and_a_line_for_people(workplace: Workplace) -> None:
    """It is asked again where that may help, and its address is told to nobody."""
    workplace.inventory(5)
    with hook(503, 429, 200) as hooked:
        ended = workplace.run("run", "inventory.csv", *_FAST, "--output", "json", BULKCONN_NOTIFY=hooked.url)
    assert ended.code == 0
    ((path, said),) = dict(hooked.heard).items()
    assert len(hooked.heard) == 3
    assert path == "/services/T0/hook-s3cret"
    assert said["text"] == f"bulkconn run {ended.report['run_id']} ended with exit code 0: 5 created"
    assert said["summary"] == ended.report
    VALIDATOR.validate({key: value for key, value in said.items() if key != "text"})
    assert "hook-s3cret" not in ended.err + ended.out


@pytest.mark.parametrize("statuses", [(404,), (500,)])
def test_hook_that_does_not_take_it_is_a_warning(workplace: Workplace, statuses: tuple[int, ...]) -> None:
    """The exit code is the run's own."""
    workplace.inventory(2)
    with hook(*statuses) as hooked:
        ended = workplace.run("run", "inventory.csv", *_FAST, "--notify", hooked.url)
    assert ended.code == 0
    assert f"it answered {statuses[0]}" in ended.err
    assert len(hooked.heard) == (1 if statuses == (404,) else 3)
    assert "hook-s3cret" not in ended.err + ended.out


def test_hook_that_is_not_there_is_a_warning_and_hears_of_refusals_else(workplace: Workplace) -> None:
    """Nobody listens: a warning. Somebody does: an inventory that is refused is told too."""
    workplace.inventory(2)
    with hook(200) as hooked:
        url = hooked.url
        workplace.write("bad.csv", "name,source\nx,nothing\n")
        assert workplace.run("run", "bad.csv", "--notify", url).code == 3
        assert workplace.run("run", "inventory.csv", "--rate", "nought", "--notify", url).code == 2
        assert workplace.run("settle", "--ledger", "none.db", "--notify", url).code == 2
    # Wrong flags are refused before anybody listens.
    assert [said["summary"]["exit_code"] for _, said in hooked.heard] == [3, 2]
    ended = workplace.run("run", "inventory.csv", *_FAST, "--notify", url)
    assert ended.code == 0
    assert "could not be reached" in ended.err
    assert "hook-s3cret" not in ended.err + ended.out


@pytest.mark.parametrize("url", ["http://example.com/s3cret", "ftp://x/s3cret", "s3cret", "https:///s3cret"])
def test_hook_that_is_no_safe_address_is_refused_without_repeating_it(workplace: Workplace, url: str) -> None:
    """Before anything is sent."""
    workplace.inventory(2)
    ended = workplace.run("run", "inventory.csv", "--notify", url)
    assert ended.code == 2
    assert "--notify" in ended.err
    assert "s3cret" not in ended.err + ended.out


def test_hook_may_be_named_by_a_file(workplace: Workplace, tmp_path: Path) -> None:
    """Containers are given secrets as files."""
    workplace.inventory(2)
    with hook(204) as hooked:
        secret = tmp_path / "hook-url"
        secret.write_text(f"{hooked.url}\n")
        assert workplace.run("run", "inventory.csv", *_FAST, BULKCONN_NOTIFY_FILE=str(secret)).code == 0
    assert len(hooked.heard) == 1


def test_worker_tells_what_its_shards_do_and_their_sum_at_the_end(workplace: Workplace) -> None:
    """Events bear the id of the submitted run; the hook hears the sum of the shards when the worker ends."""
    workplace.inventory(30)
    with fresh_schema() as url, hook(200) as hooked:
        workplace.env["BULKCONN_LEDGER"] = url
        submitted = workplace.run("submit", "inventory.csv", "--shard-rows", "10", "--output", "json")
        words = ("--exit-when-idle", "--rate", "200", "--events", "e.jsonl", "--notify", hooked.url)
        ended = workplace.run("worker", *words)
        assert (submitted.code, ended.code) == (0, 0), ended.err
    events = read((workplace.folder / "e.jsonl").read_text("ascii"))
    run_id = submitted.report["run_id"]
    began = [one for one in events if one["event"] == "run.began"]
    assert [(one["run_id"], one["rows"], one["to_send"]) for one in began] == [(run_id, 10, 10)] * 3
    created = [one for one in events if one["event"] == "row.created"]
    assert ({one["run_id"] for one in created}, len({one["key"] for one in created})) == ({run_id}, 30)
    assert (events[-1]["event"], events[-1]["run_id"]) == ("run.ended", None)
    summary = events[-1]["summary"]
    assert (summary["rows"], summary["counts"]["created"], summary["exit_code"]) == (30, 30, 0)
    assert (summary["this_run"]["created"], summary["this_run"]["posts"]) == (30, 30)
    assert [one["summary"] for _, one in hooked.heard] == [summary]
    assert hooked.url not in ended.err + ended.out
