"""How far a change of credentials has come: over SQLite and PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.names import EndpointKey, RunId
from bulkconn.core.rotation import Rotated, RotationEnd
from tests.integration.ledger.building import RUN, START, at, endpoint
from tests.integration.ledger.test_verifications import NAMES, OK, opened, word

if TYPE_CHECKING:
    from pathlib import Path

    from bulkconn.ledger.stored import StoredLedger

SECOND = RunId("run-2")


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """Name a kind of ledger."""
    return str(request.param)


def key(name: str) -> EndpointKey:
    """Give the key of a row."""
    return EndpointKey(f"prod/postgresql/{name}")


def rotated(name: str, **changes: object) -> Rotated:
    """Give the news that a row was rotated."""
    return Rotated(key(name), at(3), RotationEnd.ROTATED, **changes)  # type: ignore[arg-type]  # fields' own types


async def names_unverified(ledger: StoredLedger, round_id: RunId) -> list[str]:
    """Give the names of rows that a round has rotated and not verified."""
    return [row.name for row in await ledger.rotated_unverified(round_id, after=None, limit=10)]


async def test_rotated_row_has_its_new_etag_and_content(kind: str, tmp_path: Path) -> None:
    """Fingerprint and cells follow what was sent; None leaves them, but an unknown etag is forgotten."""
    async with opened(kind, tmp_path) as ledger:
        cells = {"server": "new.test", "x_owner": "Zoë"}
        news = [rotated("a", etag='"2"', fingerprint="f2", cells=cells), rotated("b")]
        await ledger.keep_rotations(RUN, RUN, news)
        records = await ledger.records([key("a"), key("b")])
        first, second = records[key("a")], records[key("b")]
        assert (first.etag, first.fingerprint, dict(first.cells)) == ('"2"', "f2", cells)
        assert first.updated_at == at(3)
        assert (second.etag, second.fingerprint, dict(second.cells)) == (None, "f1", endpoint().cells)


async def test_failed_row_keeps_what_it_has_and_is_not_done(kind: str, tmp_path: Path) -> None:
    """A cause with half a character in it is kept as well; a later success takes its place."""
    async with opened(kind, tmp_path) as ledger:
        before = await ledger.records([key("a")])
        failed = Rotated(key("a"), at(3), RotationEnd.FAILED, "1312-400", "no \ud800\0", "r")
        await ledger.keep_rotations(RUN, RUN, [failed])
        assert await ledger.records([key("a")]) == before
        assert await ledger.rotated(RUN, [key("a")]) == set()
        await ledger.keep_rotations(RUN, RUN, [rotated("a", etag='"2"')])
        assert await ledger.rotated(RUN, [key("a"), key("b"), key("x")]) == {key("a")}


async def test_rounds_do_not_know_each_others_rows(kind: str, tmp_path: Path) -> None:
    """A rotation that begins anew has done nothing yet."""
    async with opened(kind, tmp_path) as ledger:
        await ledger.keep_rotations(RUN, RUN, [rotated(name, etag="1") for name in NAMES])
        assert await ledger.rotated(RUN, [key(name) for name in NAMES]) == {key(name) for name in NAMES}
        await ledger.begin_run(SECOND, START, {"command": "rotate"})
        assert await ledger.rotated(SECOND, [key(name) for name in NAMES]) == set()
        await ledger.keep_rotations(SECOND, SECOND, [rotated("b", etag="2")])
        assert await ledger.rotated(SECOND, [key(name) for name in NAMES]) == {key("b")}


async def test_rotated_rows_are_to_be_verified_until_the_round_has_a_word(kind: str, tmp_path: Path) -> None:
    """A word of another round says nothing about the new credentials."""
    async with opened(kind, tmp_path) as ledger:
        await ledger.keep_verifications(RUN, RUN, [word(name, OK) for name in NAMES])
        await ledger.begin_run(SECOND, START, {"command": "rotate"})
        await ledger.keep_rotations(SECOND, SECOND, [rotated("a"), rotated("c")])
        assert await names_unverified(ledger, SECOND) == ["a", "c"]
        rest = await ledger.rotated_unverified(SECOND, after=key("a"), limit=10)
        assert [row.name for row in rest] == ["c"]
        await ledger.keep_verifications(SECOND, SECOND, [word("a", OK)])
        assert await names_unverified(ledger, SECOND) == ["c"]
