"""`--check-specs`: the organisation's own word beats Adobe's pages; a check that cannot be made is told."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.process import as_csv, postgres_rows

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator
    from tests.acceptance.process import EmulatorProcess, Workplace

POSTGRES = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
BASIC = "Basic Authentication"
LEDGER = "inventory.ledger.db"
FORMAT_1 = Path(__file__).parents[1] / "integration" / "ledger" / "formats" / "format-1.db"
HOUR_US = 3_600_000_000


def offer(emulator: EmulatorProcess, schema: object, name: str = BASIC, **changes: object) -> None:
    """Let the service state this schema for PostgreSQL."""
    listed = [{"name": name, "type": "own", "spec": schema}]
    document = {"id": POSTGRES, "name": "pg", "version": "1.0", "authSpec": listed, **changes}
    emulator.ask("POST", "specs", {"document": document})


def schema_of(**properties: object) -> dict[str, Any]:
    """Give a schema that the rows of these tests fulfil, with changes."""
    names = ("server", "port", "database", "username", "sslMode")
    listed: dict[str, object] = {name: {"type": "string"} for name in names}
    listed["password"] = {"type": "string", "format": "password"}
    return {"type": "object", "properties": listed | properties, "required": ["server", "password"]}


def asked(emulator: EmulatorProcess) -> list[tuple[str, str]]:
    """Give sandbox and path of every lookup of a spec."""
    return [
        (one["sandbox"], one["path"])
        for one in emulator.requests("GET")
        if one["path"].startswith("/connectionSpecs")
    ]


def age(place: Workplace, hours: float) -> None:
    """Let the ledger's copies be so old."""
    with closing(sqlite3.connect(place.folder / LEDGER)) as ledger:
        ledger.execute("UPDATE specs SET read_at = read_at - ?", (int(hours * HOUR_US),))
        ledger.commit()


def copies(place: Workplace) -> int:
    """Count the ledger's copies."""
    with closing(sqlite3.connect(place.folder / LEDGER)) as ledger:
        return int(ledger.execute("SELECT count(*) FROM specs").fetchone()[0])


def test_plan_asks_once_for_each_sandbox_and_source_and_makes_no_ledger(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """However many rows there are; what the service shows may differ from sandbox to sandbox."""
    rows = [{**row, "sandbox": sandbox} for sandbox in ("dev", "prod") for row in postgres_rows(20)]
    place.write("inventory.csv", as_csv(rows))
    ended = place.run("plan", "inventory.csv", "--check-specs")
    assert (ended.code, ended.report["counts"]["pending"], ended.report["diagnostics"]) == (0, 40, [])
    path = f"/connectionSpecs/{POSTGRES}"
    assert sorted(asked(emulator)) == [("dev", path), ("prod", path)]
    assert ended.report["this_run"]["lookups"] >= 2
    assert not (place.folder / LEDGER).exists()
    text = place.run("plan", "inventory.csv", "--check-specs", "--output", "text").out
    assert "connection specs: 2 answers of the service, 0 copies of the ledger\n" in text


def test_run_creates_what_the_service_takes_and_its_ledger_answers_for_an_hour(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """A plan and the run that follows ask once; an older copy is asked for anew."""
    place.inventory(3)
    ended = place.run("run", "inventory.csv", "--check-specs")
    assert (ended.code, ended.report["counts"]["created"]) == (0, 3)
    assert place.run("plan", "inventory.csv", "--check-specs").code == 0
    assert place.run("run", "inventory.csv", "--check-specs").code == 0
    assert len(asked(emulator)) == 1
    age(place, 1.1)
    assert place.run("plan", "inventory.csv", "--check-specs").code == 0
    assert place.run("plan", "inventory.csv", "--check-specs").code == 0
    assert len(asked(emulator)) == 2


def test_row_that_a_copy_refuses_is_judged_by_the_service_anew(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """Whoever has had the organisation's specs mended need not wait for the copy to grow old."""
    place.inventory(1)
    place.run("run", "inventory.csv", "--check-specs")
    strict = schema_of(sslMode={"enum": ["Verify-Full"]})
    with closing(sqlite3.connect(place.folder / LEDGER)) as ledger:
        document = {"version": "1.0", "authSpec": [{"name": BASIC, "spec": strict}]}
        ledger.execute("UPDATE specs SET document = ?", (json.dumps(document),))
        ledger.commit()
    for command in ("plan", "run"):
        place.inventory(2)
        ended = place.run(command, "inventory.csv", "--check-specs")
        assert (ended.code, ended.report["diagnostics"]) == (0, [])
    assert len(asked(emulator)) == 2
    offer(emulator, strict)
    ended = place.run("plan", "inventory.csv", "--check-specs")
    assert ended.code == 0
    place.write("inventory.csv", as_csv([{**postgres_rows(3)[2], "sslMode": "Nonsense"}]))
    ended = place.run("plan", "inventory.csv", "--check-specs")
    assert (ended.code, ended.report["diagnostics"][0]["allowed"]) == (3, "Verify-Full")


def test_copy_from_the_future_is_asked_for_anew(place: Workplace, emulator: EmulatorProcess) -> None:
    """A clock that was set back makes no copy young."""
    place.inventory(1)
    place.run("run", "inventory.csv", "--check-specs")
    age(place, -2)
    place.run("plan", "inventory.csv", "--check-specs")
    assert len(asked(emulator)) == 2


def test_row_that_the_service_would_refuse_is_told_with_both_words_and_nothing_is_sent(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """File, row and column, what was found and is allowed, what our catalogue says; no secret."""
    offer(
        emulator,
        schema_of(
            sslMode={"enum": ["Verify-Full", "None"]},
            password={"type": "string", "format": "password", "minLength": 30},
        ),
    )
    place.inventory(2)
    for command in ("plan", "run"):
        ended = place.run(command, "inventory.csv", "--check-specs")
        assert (ended.code, ended.report["counts"]["invalid"]) == (3, 2)
        second, first, *_ = ended.report["diagnostics"]
        assert (first["severity"], first["file"], first["row"]) == ("error", "inventory.csv", 2)
        assert (first["column"], first["found"], first["allowed"]) == (
            "password",
            None,
            "at least 30 characters",
        )
        assert (second["column"], second["found"], second["allowed"]) == (
            "sslMode",
            "Require",
            "Verify-Full, None",
        )
        assert "(sandbox dev, read 20" in second["message"]
        assert "; our catalogue, after Adobe's pages, says required, one of Disable, " in second["message"]
        assert "pa55-in-tests" not in ended.out + ended.err
    assert emulator.counts()["posts"] == 0
    assert not (place.folder / LEDGER).exists()


def test_row_that_only_the_service_knows_is_created_as_it_says(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """A value that no page lists, and a parameter that no page has: accepted with a word, sent as given."""
    offer(
        emulator,
        {
            **schema_of(
                sslMode={"enum": ["Strict"]}, region={"type": "string"}, useTunnel={"type": "boolean"}
            ),
            "additionalProperties": False,
        },
    )
    row = {**postgres_rows(1)[0], "sslMode": "Strict", "region": "eu", "use_tunnel": "true"}
    place.write("inventory.csv", as_csv([row]))
    assert place.run("run", "inventory.csv").code == 3
    ended = place.run("run", "inventory.csv", "--check-specs")
    assert (ended.code, ended.report["counts"]["created"]) == (0, 1)
    (warning,) = ended.report["diagnostics"]
    assert warning["message"].startswith("the service takes sslMode=Strict (sandbox dev, read ")
    (connection,) = emulator.connections()
    params = connection["auth"]["params"]
    assert (params["sslMode"], params["region"], params["useTunnel"]) == ("Strict", "eu", True)
    (exported,) = place.export()
    assert (exported["region"], exported["useTunnel"]) == ("eu", "true")


def test_source_and_auth_spec_that_are_not_offered_are_told_at_their_columns(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """A run would be answered 1415 and 1413, row after row."""
    place.inventory(1)
    offer(emulator, schema_of(), name="Own Authentication")
    (error,) = place.run("plan", "inventory.csv", "--check-specs").report["diagnostics"]
    assert (error["column"], error["found"], error["allowed"]) == ("auth", BASIC, "Own Authentication")
    emulator.ask("DELETE", f"specs/{POSTGRES}")
    ended = place.run("plan", "inventory.csv", "--check-specs")
    (error,) = ended.report["diagnostics"]
    assert (ended.code, error["column"], error["found"]) == (3, "source", "postgres")
    assert POSTGRES in error["message"]


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"$ref": "#"},
        {"properties": {"server": {"$ref": "http://127.0.0.1:1/schema"}, "port": {"pattern": "(?<p>"}}},
        {"x-values": ["x"] * 50_000},
        {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#"},
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_schema_that_is_odd_never_stops_a_run(
    schema: object, place: Workplace, emulator: EmulatorProcess
) -> None:
    """What cannot be read is a warning, and the catalogue's word stands."""
    offer(emulator, schema)
    place.inventory(2)
    ended = place.run("run", "inventory.csv", "--check-specs")
    assert (ended.code, ended.report["counts"]["created"]) == (0, 2), ended
    assert "Traceback" not in ended.err
    assert {one["severity"] for one in ended.report["diagnostics"]} <= {"warning"}


def test_answer_that_is_no_connection_spec_never_stops_a_run(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """It is asked for a few times, because a service may stumble; then the catalogue's word stands."""
    emulator.ask("POST", "specs", {"document": {"id": POSTGRES, "authSpec": 5}})
    place.inventory(1)
    ended = place.run("plan", "inventory.csv", "--check-specs")
    assert ended.code == 0
    (warning,) = ended.report["diagnostics"]
    assert warning["message"] == (
        "what the service says of postgres in sandbox dev cannot be read: it has no list of auth specs; "
        "our catalogue's word stands, after Adobe's pages"
    )


@pytest.mark.parametrize(
    ("faults", "reason"),
    [
        (["get_status_403"], "403025: Profile is not valid"),
        (["get_status_404_plain"], "http-404: "),
        (["get_status_500"] * 4, "postgres in sandbox dev was not checked against the service: An internal"),
    ],
    ids=["permission", "wrong-path", "down"],
)
def test_check_that_cannot_be_made_stops_the_run_before_anything_is_sent(
    faults: list[str], reason: str, place: Workplace, emulator: EmulatorProcess
) -> None:
    """The user asked for it: exit 4, and the same command later."""
    place.inventory(2)
    for command in ("plan", "run"):
        emulator.plan_faults(queue=faults)
        ended = place.run(command, "inventory.csv", "--check-specs")
        assert (ended.code, ended.report["counts"]["pending"]) == (4, 2), ended
        assert ended.report["stopped"]["reason"].startswith(reason)
        assert ended.report["stopped"]["fix"]
    assert emulator.counts()["posts"] == 0
    assert not (place.folder / LEDGER).exists()
    text = place.run("run", "inventory.csv", "--check-specs", "--output", "text")
    assert (text.code, "created  2" in text.out) == (0, True)


def test_trouble_that_passes_is_sat_out(place: Workplace, emulator: EmulatorProcess) -> None:
    """A lookup is repeated like any other, at the gate that a 429 closes."""
    emulator.plan_faults(queue=["get_status_500", "get_status_429:1", "get_cut_body"])
    place.inventory(1)
    assert place.run("run", "inventory.csv", "--check-specs").code == 0


def test_sandbox_that_does_not_exist_keeps_its_rows_and_others_go_on(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """As without the check: its rows are pending, exit 4."""
    rows = postgres_rows(2)
    rows[0]["sandbox"] = "nowhere"
    place.write("inventory.csv", as_csv(rows))
    ended = place.run("run", "inventory.csv", "--check-specs")
    assert (ended.code, ended.report["counts"]["created"], ended.report["counts"]["pending"]) == (4, 1, 1)
    assert "2100-404" in ended.report["stopped"]["reason"]
    assert emulator.counts()["posts"] == 1


def test_old_copy_is_used_where_the_service_cannot_be_asked(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """Better than nothing; its time is told."""
    place.inventory(1)
    place.run("run", "inventory.csv", "--check-specs")
    age(place, 48)
    emulator.plan_faults(queue=["get_status_500"] * 4)
    ended = place.run("plan", "inventory.csv", "--check-specs")
    (warning,) = ended.report["diagnostics"]
    assert "could not be asked anew: An internal error" in warning["message"]
    assert "; the copy of 20" in warning["message"]
    assert ended.code == 1


def test_offline_takes_the_ledgers_copy_or_says_what_is_missing(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """No credentials are needed, however old the copy is."""
    place.inventory(1)
    bare = {"BULKCONN_CLIENT_SECRET": "", "BULKCONN_ORG_ID": ""}
    ended = place.run("plan", "inventory.csv", "--check-specs", "--offline", **bare)
    (warning,) = ended.report["diagnostics"]
    assert (ended.code, warning["row"], warning["column"]) == (1, 2, "source")
    assert warning["message"] == (
        "postgres in sandbox dev was not checked against the service: "
        "the ledger has no copy of what it says (--offline)"
    )
    offer(emulator, schema_of(sslMode={"enum": ["Require"]}))
    assert place.run("run", "inventory.csv").code == 0
    assert place.run("plan", "inventory.csv", "--check-specs").code == 0
    assert copies(place) == 1
    age(place, 1000)
    assert place.run("plan", "inventory.csv", "--check-specs", "--offline", **bare).code == 0
    place.write("inventory.csv", as_csv([{**postgres_rows(1)[0], "sslMode": "Allow"}]))
    ended = place.run("plan", "inventory.csv", "--check-specs", "--offline", **bare)
    assert (ended.code, ended.report["diagnostics"][0]["allowed"]) == (3, "Require")
    assert len(asked(emulator)) == 1


def test_plan_without_credentials_says_that_the_check_needs_them(place: Workplace) -> None:
    """What was asked for is not left out in silence."""
    place.inventory(1)
    ended = place.run("plan", "inventory.csv", "--check-specs", BULKCONN_CLIENT_SECRET="")
    assert ended.code == 2
    assert "BULKCONN_CLIENT_SECRET" in ended.report["stopped"]["reason"]


def test_check_can_be_asked_for_by_variable_and_by_file(place: Workplace, emulator: EmulatorProcess) -> None:
    """Like every switch."""
    place.inventory(1)
    assert place.run("plan", "inventory.csv", BULKCONN_CHECK_SPECS="1").code == 0
    place.write("bulkconn.toml", "check-specs = true\n")
    assert place.run("plan", "inventory.csv").code == 0
    assert len(asked(emulator)) == 2


def test_plan_beside_a_run_asks_for_itself_and_leaves_its_ledger_alone(
    start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """One process writes a ledger: a copy that cannot be kept is asked for again next time."""
    emulator = start_emulator("--latency", "0.4")
    place = open_workplace(emulator, BULKCONN_OUTPUT="json", BULKCONN_RATE="5")
    place.inventory(40)
    running = place.start("run", "inventory.csv")
    emulator.wait_for(lambda counts: counts["posts"] > 0, running)
    ended = place.run("plan", "inventory.csv", "--check-specs")
    assert ended.report["stopped"] is None, ended
    assert not running.is_over
    assert "specs.not_kept" in ended.err
    running.interrupt(signal.SIGTERM)
    assert running.wait().code == 143


def test_ledger_of_format_1_is_migrated_by_run_and_not_by_plan(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """A plan leaves a ledger to the program that wrote it; a run brings it up to date and goes on."""
    path = place.folder / LEDGER
    shutil.copyfile(FORMAT_1, path)
    with closing(sqlite3.connect(path)) as ledger:
        ledger.execute("UPDATE meta SET base_url = ?", (emulator.env["BULKCONN_BASE_URL"],))
        ledger.commit()
    content = path.read_bytes()
    rows = postgres_rows(14)
    place.write("inventory.csv", as_csv([{**row, "x_team": "sales"} for row in rows]))
    ended = place.run("plan", "inventory.csv", "--check-specs")
    assert (ended.code, ended.report["counts"]["pending"], ended.report["counts"]["failed"]) == (1, 2, 1)
    assert path.read_bytes() == content
    ended = place.run("run", "inventory.csv", "--check-specs", "--settle-grace", "1")
    assert (ended.report["counts"]["created"], ended.report["counts"]["in_doubt"]) == (11, 0)
    assert copies(place) == 1


def test_pace_is_one_for_specs_names_and_rows(
    start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """No second passes the ceiling, also where the check ends and the run begins."""
    emulator = start_emulator("--sandbox", "s0:azure", *[
        word for number in range(1, 12) for word in ("--sandbox", f"s{number}:azure")
    ])  # fmt: skip
    place = open_workplace(emulator, BULKCONN_RATE="12", BULKCONN_OUTPUT="json")
    rows = [{**postgres_rows(1)[0], "sandbox": f"s{number}"} for number in range(12)]
    place.write("inventory.csv", as_csv(rows))
    for command in ("plan", "run"):
        assert place.run(command, "inventory.csv", "--check-specs").code == 0
    assert emulator.counts()["max_per_second"] <= 12


def test_signal_during_the_check_ends_at_once_and_leaves_nothing(
    start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """Nothing was begun: no ledger, exit 130."""
    emulator = start_emulator()
    emulator.plan_faults(queue=["get_slow:30"])
    place = open_workplace(emulator, BULKCONN_OUTPUT="json")
    place.inventory(1)
    running = place.start("run", "inventory.csv", "--check-specs")
    emulator.wait_for(lambda _: bool(asked(emulator)), running)
    running.interrupt(signal.SIGINT)
    ended = running.wait(25)
    assert (ended.code, ended.report["exit_code"]) == (130, 130)
    assert not (place.folder / LEDGER).exists()


def test_no_secret_is_in_anything_that_a_check_leaves_behind(
    place: Workplace, emulator: EmulatorProcess
) -> None:
    """Values are judged in clear and never told: not in faults, logs, ledger or copies."""
    rules = {"type": "string", "format": "password", "pattern": "^[a-z]+$", "enum": ["x"], "maxLength": 3}
    strict = {
        **schema_of(password=rules),
        "oneOf": [{"properties": {"password": {"const": "y"}}}, {"required": ["nothing"]}],
        "dependencies": {"password": ["realm"]},
    }
    place.write("inventory.json", json.dumps([{**postgres_rows(1)[0], "password": "p@MARKED;ü"}]))
    offer(emulator, strict)
    texts = []
    for words in (("plan",), ("run",), ("run", "--skip-invalid")):
        ended = place.run(
            *words, "inventory.json", "--check-specs", "--log-level", "debug", BULKCONN_DEBUG="1"
        )
        texts.append(ended.out + ended.err)
        assert "password" in ended.out
    offer(emulator, schema_of())
    assert place.run("run", "inventory.json", "--check-specs", "--log-level", "debug").code == 0
    found = [path for path in place.folder.iterdir() if path.name != "inventory.json"]
    assert any(path.name.endswith(".ledger.db") for path in found)
    texts += [path.read_bytes().decode("latin-1") for path in found]
    assert "MARKED" not in "".join(texts)
