"""Secrets from a Vault, as a user meets them: a refused one, a sealed store, settings and extras missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import as_csv, postgres_rows
from tests.fakes.in_background import in_background
from tests.fakes.vault_server import FakeVault, TokenOnFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess, Workplace

TOKEN = "hvs.MARKTOKEN"
SECRET = "p@ss MARKSECRET"


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    """Give a Vault with the passwords of ten databases, of which the token may read all but db-0003."""
    content = {f"secret/data/db-{number:04d}": {"password": SECRET} for number in range(1, 11)}
    readable = tuple(path for path in content if not path.endswith("0003"))
    fake = FakeVault(secrets=dict(content), tokens={TOKEN: TokenOnFile(may_read=readable)})
    with in_background(fake):
        yield fake


@pytest.fixture
def place(emulator: EmulatorProcess, vault: FakeVault, open_workplace: OpenWorkplace) -> Workplace:
    """Give a workplace whose inventory has references into the Vault."""
    settings = {
        "VAULT_ADDR": vault.url,
        "VAULT_TOKEN": TOKEN,
        "BULKCONN_OUTPUT": "json",
        "BULKCONN_RATE": "300",
    }
    place = open_workplace(emulator, BULKCONN_SETTLE_GRACE="2", **settings)
    rows = [row | {"password": f"vault://secret/{row['name']}#password"} for row in postgres_rows(10)]
    place.write("inventory.csv", as_csv(rows))
    return place


def test_run_with_secrets_in_vault_creates_all_but_the_denied_one(place: Workplace, vault: FakeVault) -> None:
    """Exit 1: one row failed with its reason and remedy; the policy mended, it is sent when asked for."""
    ended = place.run("run", "inventory.csv")
    assert (ended.code, ended.report["counts"]["created"], ended.report["counts"]["failed"]) == (1, 9, 1)
    (failed,) = [row for row in place.export() if row["state"] == "failed"]
    assert failed["name"] == "db-0003"
    assert failed["error_code"] == "secret_denied"
    assert failed["error_message"] == "vault://secret/db-0003#password: Vault denies it to us"
    assert failed["password"] == "vault://secret/db-0003#password"
    status = place.run("status", BULKCONN_OUTPUT="text").out
    assert "fix: let bulkconn read it (the store's policy), then run with --retry-failed" in status
    vault.tokens[TOKEN] = TokenOnFile()
    again = place.run("run", "inventory.csv", "--retry-failed")
    assert (again.code, again.report["counts"]["created"]) == (0, 10)
    _check_nothing_leaked(place, ended.out + ended.err + status)


def test_run_with_a_sealed_vault_ends_with_4_and_goes_on_when_it_is_open(
    place: Workplace, vault: FakeVault, emulator: EmulatorProcess
) -> None:
    """Exit 4: all rows pending, nothing sent, the store named; the same command again creates them."""
    vault.is_sealed = True
    vault.tokens[TOKEN] = TokenOnFile()
    ended = place.run("run", "inventory.csv", "--max-wait", "0.5")
    report = ended.report
    assert (ended.code, report["counts"]["pending"], report["this_run"]["posts"]) == (4, 10, 0)
    assert report["stopped"]["reason"].startswith(f"Vault at {vault.url} is sealed (status 503)")
    assert report["stopped"]["fix"].endswith("then run the same command again")
    vault.is_sealed = False
    again = place.run("run", "inventory.csv")
    assert (again.code, again.report["counts"]["created"]) == (0, 10)
    assert emulator.ask("GET", "books")["duplicates"] == []
    _check_nothing_leaked(place, ended.out + ended.err)


def test_run_with_a_token_that_has_ended_ends_with_4(place: Workplace, vault: FakeVault) -> None:
    """Exit 4 at once: no row is at fault, and patience would not help."""
    vault.tokens.clear()
    ended = place.run("run", "inventory.csv")
    assert (ended.code, ended.report["counts"]["pending"]) == (4, 10)
    assert ended.report["stopped"]["reason"] == f"Vault at {vault.url} does not take VAULT_TOKEN"


@pytest.mark.parametrize("command", [("plan", "--offline"), ("run",)], ids=" ".join)
def test_command_without_vault_settings_ends_with_3_and_says_what_to_set(
    command: tuple[str, ...], place: Workplace, vault: FakeVault
) -> None:
    """Exit 3, before anything is sent or asked: each cell by its place."""
    ended = place.run(*command, "inventory.csv", VAULT_ADDR="")
    assert ended.code == 3
    found = ended.report["diagnostics"]
    assert [(one["row"], one["column"]) for one in found] == [(row, "password") for row in range(2, 12)]
    assert {one["fix"].partition(",")[0] for one in found} == {"set VAULT_ADDR to its address"}
    assert vault.asked == []
    assert not list(place.folder.glob("*.ledger.db"))


@pytest.mark.parametrize(
    ("reference", "extra", "library"),
    [
        ("keyring://pg/reader", "keyring", "keyring"),
        ("aws-sm://prod/pg", "aws", "boto3"),
        ("azure-kv://my-vault/pg", "azure", "azure"),
        ("gcp-sm://my-project/pg", "gcp", "google"),
    ],
)
def test_command_without_the_extra_of_a_reference_ends_with_3_and_says_what_to_install(
    reference: str, extra: str, library: str, place: Workplace
) -> None:
    """Exit 3, with the words to type."""
    hiding = (
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == '{library}':\n"
        "            raise ModuleNotFoundError(name=name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    place.write("sitecustomize.py", hiding)
    place.write("inventory.csv", as_csv([postgres_rows(1)[0] | {"password": reference}]))
    path = f"{place.folder}:{place.env['PYTHONPATH']}"
    ended = place.run("plan", "--offline", "inventory.csv", PYTHONPATH=path)
    assert ended.code == 3, ended.err
    (one,) = ended.report["diagnostics"]
    scheme = reference.partition(":")[0]
    assert one["message"].endswith(f"{scheme}:// needs the extra `{extra}`, which is not installed")
    assert one["fix"].startswith(f"install it with: python3 -m pip install 'bulkconn[{extra}]', then run")


def _check_nothing_leaked(place: Workplace, said: str) -> None:
    seen = said.encode() + b"".join(one.read_bytes() for one in place.folder.glob("*.ledger.db*"))
    exported = json.dumps(place.export()).encode()
    assert b"MARK" not in seen + exported
