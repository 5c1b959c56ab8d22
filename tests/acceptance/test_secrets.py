"""No secret in anything that any command leaves behind, at debug level, in any encoding."""

from __future__ import annotations

import base64
import contextlib
import html
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from aiohttp import web

from tests.acceptance.process import as_csv
from tests.fakes.in_background import in_background
from tests.fakes.vault_server import FakeVault
from tests.fakes.web_server import Call, WebServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import OpenWorkplace, StartEmulator
    from tests.acceptance.process import EmulatorProcess, Running, Workplace

#: Each holds a mark that nothing else holds, between letters that encodings change.
_SECRETS = {
    "literal": 'p@ss"<&>MARKLITERAL\\/+= ü é%41',
    "json": "{'MARKJSON'}\tü;\"",
    "env": "e$MARKENV&x=1/+",
    "file": "f#MARKFILE/\"'+",
    "whole": "w@MARKWHOLE!/+",
    "built": "b@MARKBUILT!/+=ü",
    "client": "c-MARKCLIENT-secret/+=",
    "vault": "v#MARKVAULT/\"'+ü",
    "vaulttoken": "hvs.MARKVAULTTOKEN",
    "secretid": "s-MARKSECRETID/+=",
    "aws": "a\\MARKAWS&=%41",
    "awskey": "k/MARKAWSKEY+",
}
_FAULTS = ["ok", "echo", "status_400", "reset_after_create"]
#: Few of these, because a run slows down at each.
_SLOWING = ["literal-status_500_before", "whole-status_500_after"]


def _rows() -> list[dict[str, str]]:
    """Give a row for each way to state a secret, times each fault."""
    common = {"source": "postgres", "platform_cloud": "azure", "sandbox": "dev"}
    basic = {"auth": "basic", "port": "5432", "database": "d", "username": "u", "sslMode": "Require"}
    built = {"auth": "connection_string", "port": "5432", "database": "d", "username": "u"}
    whole = f"Server=h;Database=d;Port=5432;UID=u;Password={_SECRETS['whole']}"
    ways = {
        "literal": basic | {"password": _SECRETS["literal"]},
        "env": basic | {"password": "env://PG_PASSWORD"},
        "file": basic | {"password": "file://password.txt"},
        "whole": {"auth": "connection_string", "connectionString": whole},
        "built": built | {"password": _SECRETS["built"]},
        "vault": basic | {"password": "vault://secret/db/pg#password"},
        "novault": basic | {"password": "vault://secret/db/no#password"},
        "aws": basic | {"password": "aws-sm://prod/pg#password"},
        "noaws": basic | {"password": "aws-sm://prod/no"},
    }
    return [
        {"name": f"{way}-{fault}", **common, **cells}
        | ({} if way == "whole" else {"server": f"{way}.example.com"})
        for way, cells in ways.items()
        for fault in [*_FAULTS, "status_500_before", "status_500_after"]
        if fault in _FAULTS or f"{way}-{fault}" in _SLOWING
    ]


def _forms() -> Iterator[tuple[str, bytes]]:
    """Give every secret in every form in which it could leak, and its mark alone."""
    for name, secret in _SECRETS.items():
        raw = secret.encode()
        mark = next(part for part in secret.replace("MARK", " MARK").split() if part.startswith("MARK"))
        word = mark[: 4 + len(name)].encode()
        assert word == f"MARK{name.upper()}".encode()
        yield name, word
        yield name, raw
        yield name, quote(secret, safe="").encode()
        yield name, quote_plus(secret).encode()
        yield name, html.escape(secret).encode()
        yield name, json.dumps(secret)[1:-1].encode()
        yield name, json.dumps(secret, ensure_ascii=False)[1:-1].encode()
        for content in (raw, word):
            for offset in range(3):
                # The letters in the middle do not depend on what stands before and behind.
                coded = base64.b64encode(b"\0" * offset + content)
                yield name, coded[4 if offset else 0 : -4]
                yield name, coded[4 if offset else 0 : -4].replace(b"+", b"-").replace(b"/", b"_")


_FORMS = sorted({(name, form) for name, form in _forms() if len(form) >= 8})


def _leaks(content: bytes) -> set[str]:
    return {f"{name} as {form.decode(errors='replace')}" for name, form in _FORMS if form in content}


@pytest.fixture
def emulator(start_emulator: StartEmulator) -> EmulatorProcess:
    """Give an emulator that repeats requests in its errors, and fails in other ways."""
    emulator = start_emulator("--latency", "0.02")
    script = {row["name"]: [row["name"].partition("-")[2]] for row in _rows()}
    emulator.plan_faults(by_name=script | {f"json-{fault}": [fault] for fault in _FAULTS})
    return emulator


@pytest.fixture
def stores() -> Iterator[dict[str, str]]:
    """Give the settings for a Vault and an AWS whose refusals repeat every secret there is."""
    vault = FakeVault(
        secrets={"secret/data/db/pg": {"password": _SECRETS["vault"]}},
        logins={"approle": {"role_id": "r", "secret_id": _SECRETS["secretid"]}},
        granted_prefix=_SECRETS["vaulttoken"],
        is_leaky=True,
    )

    def aws(call: Call) -> web.Response:
        if b"prod/pg" in call.body:
            return web.json_response({"SecretString": json.dumps({"password": _SECRETS["aws"]})})
        error = {
            "__type": "ResourceNotFoundException",
            "message": repr(_SECRETS),
            "SecretString": _SECRETS["aws"],
        }
        return web.json_response(error, status=400)

    with in_background(vault), in_background(WebServer(aws)) as server:
        yield {
            "VAULT_ADDR": vault.url,
            "VAULT_ROLE_ID": "r",
            "VAULT_SECRET_ID": _SECRETS["secretid"],
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url,
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": _SECRETS["awskey"],
            "AWS_REGION": "eu-west-1",
        }
        assert any(path.startswith("secret/data/db/no") for path in vault.paths())


@pytest.mark.slow
@pytest.mark.parametrize(("output", "log_format"), [("text", "console"), ("json", "json")])
def test_secrets_of_all_kinds_are_in_no_artefact_of_any_command(
    output: str,
    log_format: str,
    emulator: EmulatorProcess,
    stores: dict[str, str],
    open_workplace: OpenWorkplace,
    tmp_path: Path,
) -> None:
    """stdout, stderr, ledger files, exports, command lines and the emulator's books hold none."""
    place = open_workplace(
        emulator,
        PG_PASSWORD=_SECRETS["env"],
        BULKCONN_CLIENT_SECRET=_SECRETS["client"],
        BULKCONN_OUTPUT=output,
        BULKCONN_LOG_FORMAT=log_format,
        BULKCONN_LOG_LEVEL="debug",
        BULKCONN_DEBUG="1",
        BULKCONN_RATE="50",
        BULKCONN_SETTLE_GRACE="1",
        BULKCONN_LEDGER="all.ledger.db",
        **stores,
    )
    inventories = _write_inventories(place)
    seen: list[tuple[str, bytes]] = []
    planned = place.start("plan", *inventories)
    seen += _watch(planned, place)
    assert planned.wait().code == 0, planned.wait().err
    first = place.start("run", *inventories)
    seen += _watch(first, place)
    assert first.wait().code == 1, first.wait().err
    for words in (
        ("run", *inventories, "--retry-failed"),
        ("settle",),
        ("verify",),
        ("explore", "-o", "tables.csv"),
        ("rotate", *inventories, "--verify"),
        ("status",),
        ("export",),
        *(("export", "-o", f"rows.{ending}") for ending in ("csv", "jsonl", "json")),
    ):
        assert place.run(*words).code in {0, 1}
    own = {place.folder / name for name in (*inventories, "password.txt")}
    seen += [(one.name, one.read_bytes()) for one in tmp_path.rglob("*") if one.is_file() and one not in own]
    for route in ("books", "requests"):
        seen.append((route, json.dumps(emulator.ask("GET", route), ensure_ascii=False).encode()))
    names = {name for name, _ in seen}
    assert {"all.ledger.db", "all.ledger.db-wal", "rows.csv", "rows.json", "rows.jsonl"} <= names
    assert {name: _leaks(content) for name, content in seen if _leaks(content)} == {}
    # The search itself works: it finds what the inventories hold.
    assert {leak.partition(" ")[0] for path in own for leak in _leaks(path.read_bytes())} >= {
        "literal",
        "json",
        "file",
        "whole",
        "built",
    }


def _write_inventories(place: Workplace) -> list[str]:
    place.write("password.txt", f"{_SECRETS['file']}\n")
    rows = _rows()
    for row in rows:
        if row.get("password") == "file://password.txt":
            row["password"] = f"file://{place.folder}/password.txt"
    place.write("all.csv", as_csv(rows))
    nested = {"server": "j", "port": "5432", "database": "d", "username": "u", "sslMode": "Require"}
    params = nested | {"password": _SECRETS["json"]}
    common = {"source": "postgres", "platform_cloud": "azure", "sandbox": "dev", "auth": "basic"}
    listed = [{"name": f"json-{fault}", **common, "params": params} for fault in _FAULTS]
    place.write("all.json", json.dumps(listed, ensure_ascii=False))
    return ["all.csv", "all.json"]


def _watch(running: Running, place: Workplace) -> list[tuple[str, bytes]]:
    """Give what other users and a copy of the disk could see while a command runs."""
    seen: dict[tuple[str, bytes], None] = {}
    while not running.is_over:
        with contextlib.suppress(OSError):
            seen["cmdline", Path(f"/proc/{running.process.pid}/cmdline").read_bytes()] = None
        for path in place.folder.glob("all.ledger.db*"):
            with contextlib.suppress(OSError):
                seen[path.name, path.read_bytes()] = None
        time.sleep(0.1)
    return list(seen)
