"""The tables that a connection offers: what the answer to `GET /connections/{id}/explore` says."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from bulkconn.core.classify import classify_create
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import OutcomeKind
from bulkconn.core.reply import BodyState
from bulkconn.core.verification import is_not_found, without_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.record import LedgerRecord
    from bulkconn.core.reply import Reply
    from bulkconn.core.report import Stop

#: What `explore` writes of each table; a connection that failed has one row with its error and no table.
EXPLORE_COLUMNS: Final = (
    *("key", "name", "source", "sandbox", "connection_id"),
    *("table", "path", "type", "can_preview", "can_fetch_schema"),
    *("error_code", "error_message"),
)


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a folder of them. None stands for what the service does not say."""

    name: str
    path: str | None = None
    type: str | None = None
    can_preview: bool | None = None
    can_fetch_schema: bool | None = None


@dataclass(frozen=True, slots=True)
class Unexplored:
    """Why a connection does not tell its tables; `message` holds no secret."""

    code: str
    message: str


def read_tables(reply: Reply, connection_id: str) -> tuple[Table, ...] | Unexplored | None:
    """Read the answer: tables, or why there are none to be had; None: it does not say.

    Pages differ about its form: the tabular guide shows an array, that of Snowflake streaming an object with
    `items`. Both are read.
    """
    if is_not_found(reply, connection_id):
        return Unexplored("not_found", "the service knows no such connection")
    if reply.status != HTTPStatus.OK:
        outcome = classify_create(reply)
        if outcome.kind is not OutcomeKind.REJECTED:
            return None
        return Unexplored(outcome.code, without_credentials(outcome.message))
    items = reply.body.get("items") if isinstance(reply.body, dict) else reply.body
    if reply.body_state is not BodyState.WHOLE or not isinstance(items, list):
        return None
    tables = [_table(item) for item in items]
    return tuple(table for table in tables if table is not None) if all(tables) else None


def explored_row(record: LedgerRecord, found: Table | Unexplored) -> Mapping[str, str | float | bool | None]:
    """Give one row of what `explore` writes, by `EXPLORE_COLUMNS`."""
    values: tuple[str | bool | None, ...]
    if isinstance(found, Unexplored):
        values = (None, None, None, None, None, found.code, found.message)
    else:
        values = (found.name, found.path, found.type, found.can_preview, found.can_fetch_schema, None, None)
    whose = (record.key, record.name, record.source, record.sandbox, record.connection_id)
    return dict(zip(EXPLORE_COLUMNS, (*whose, *values), strict=True))


def explore_exit_code(*, failed: int, unvisited: int, stopped: Stop | None) -> ExitCode:
    """Give the exit code of an exploration that was not interrupted: 0 when every connection answered."""
    if stopped is not None:
        return ExitCode.STOPPED
    return ExitCode.ROWS_UNFINISHED if failed or unvisited else ExitCode.OK


def _table(item: object) -> Table | None:
    if not isinstance(item, dict):
        return None
    path = _text(item.get("path"))
    name = _text(item.get("name")) or path
    if name is None:
        return None
    fetches = item.get("canFetchSchema", item.get("canFetch"))
    return Table(name, path, _text(item.get("type")), _boolean(item.get("canPreview")), _boolean(fetches))


def _text(value: object) -> str | None:
    # Half a character, which JSON can carry and no file can, becomes its escape.
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) and value else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None
