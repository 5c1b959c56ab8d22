"""What the answer to an exploration says of a connection's tables."""

from __future__ import annotations

import pytest

from bulkconn.core.errors import ExitCode
from bulkconn.core.exploring import (
    EXPLORE_COLUMNS,
    Table,
    Unexplored,
    explore_exit_code,
    explored_row,
    read_tables,
)
from bulkconn.core.outcome import Scope
from bulkconn.core.reply import BodyState, Reply
from bulkconn.core.report import Stop
from tests.unit.core.test_verification import GONE, ID, RECORD

ORDERS = {
    "type": "table",
    "name": "orders",
    "path": "public.orders",
    "canPreview": True,
    "canFetchSchema": False,
}
TABLE = Table("orders", "public.orders", "table", can_preview=True, can_fetch_schema=False)


@pytest.mark.parametrize(
    ("body", "tables"),
    [
        pytest.param([ORDERS], (TABLE,), id="an array"),
        pytest.param({"items": [ORDERS]}, (TABLE,), id="items"),
        pytest.param([], (), id="none"),
        pytest.param([{"path": "p", "canFetch": True}], (Table("p", "p", can_fetch_schema=True),), id="path"),
        pytest.param([{"name": "a", "type": 7, "canPreview": "x"}], (Table("a"),), id="odd details"),
        pytest.param([{"name": "a\ud800"}], (Table("a\\ud800"),), id="half a character"),
    ],
)
def test_read_tables_reads_both_forms(body: object, tables: tuple[Table, ...]) -> None:
    """An array, or an object with items; what is not said stays open."""
    assert read_tables(Reply(200, body), ID) == tables


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(Reply(200, {"items": {}}), id="no list"),
        pytest.param(Reply(200, [ORDERS, "x"]), id="an item that is no object"),
        pytest.param(Reply(200, [ORDERS, {"type": "table"}]), id="a table without a name"),
        pytest.param(Reply(200, None, BodyState.CUT), id="cut"),
        pytest.param(Reply(200, [ORDERS], BodyState.NOT_JSON), id="not JSON"),
        pytest.param(Reply(503), id="down"),
        pytest.param(Reply(404), id="another 404"),
        pytest.param(Reply(429), id="throttled"),
    ],
)
def test_read_tables_of_anything_odd_is_not_known_yet(reply: Reply) -> None:
    """Half a list of tables must not pass for a whole one."""
    assert read_tables(reply, ID) is None


def test_read_tables_of_a_refusal_gives_its_cause_without_credentials() -> None:
    """The database's own words are kept, but for what may be a secret."""
    assert read_tables(GONE, ID) == Unexplored("not_found", "the service knows no such connection")
    body = {"type": "https://ns.adobe.com/aep/errors/FLOW-1308-400", "errorMessage": "no login; Password=a"}
    assert read_tables(Reply(400, body), ID) == Unexplored("1308-400", "no login; Password=***")


def test_explored_row_has_every_column() -> None:
    """A table, or an error in its place."""
    row = explored_row(RECORD, TABLE)
    assert tuple(row) == EXPLORE_COLUMNS
    assert (row["key"], row["connection_id"]) == (RECORD.key, ID)
    assert (row["table"], row["error_code"]) == ("orders", None)
    failed = explored_row(RECORD, Unexplored("1308-400", "no"))
    assert tuple(failed) == EXPLORE_COLUMNS
    assert (failed["table"], failed["error_code"], failed["error_message"]) == (None, "1308-400", "no")


@pytest.mark.parametrize(
    ("failed", "unvisited", "stopped", "code"),
    [
        (0, 0, None, ExitCode.OK),
        (1, 0, None, ExitCode.ROWS_UNFINISHED),
        (0, 1, None, ExitCode.ROWS_UNFINISHED),
        (0, 1, Stop("x", Scope.RUN, "y"), ExitCode.STOPPED),
    ],
)
def test_explore_exit_code_is_0_only_where_every_connection_told(
    failed: int, unvisited: int, stopped: Stop | None, code: ExitCode
) -> None:
    """What was not asked was not told."""
    assert explore_exit_code(failed=failed, unvisited=unvisited, stopped=stopped) is code
