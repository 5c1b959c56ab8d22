"""The connection to PostgreSQL below a ledger: how it is made, what its errors mean, which of them pass."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg import sql as composed
from psycopg.conninfo import conninfo_to_dict

from bulkconn.core.errors import LedgerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.ledger.database import Cursor
    from bulkconn.ledger.postgres_url import PostgresPlace

#: A pause of the server (a failover, a partition) ends the connection rather than hang the worker.
_CONNECTING: Final = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 12_000,
    "application_name": "bulkconn",
}
_SESSION: Final = (
    "SET statement_timeout = '60s'",
    "SET lock_timeout = '15s'",
    "SET idle_in_transaction_session_timeout = '60s'",
    # Whatever the server's default is: what is committed survives its crash.
    "SET synchronous_commit = on",
    "SET client_encoding = 'UTF8'",
)
#: Classes of SQLSTATE that pass: connection, deadlock and serialization, resources, shutdown, system.
_PASSING: Final = ("08", "40", "53", "57", "58")
_CANCELLED: Final = "57014"


class PostgresDatabase:
    """A psycopg connection as `Database`: one statement a call, `?` for values."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection

    def execute(self, sql: str, values: Sequence[Any] = (), /) -> Cursor:
        """Run one statement."""
        return self.connection.execute(in_psycopg(sql), values or None)

    def executemany(self, sql: str, values: Sequence[Sequence[Any]], /) -> Cursor:
        """Run one statement many times, sent on without waiting for each answer where libpq can do that."""
        cursor = self.connection.cursor()
        cursor.executemany(in_psycopg(sql), values)
        return cursor


@lru_cache(maxsize=512)
def in_psycopg(sql: str) -> Any:  # noqa: ANN401 - psycopg asks for literal strings, ours are put together
    """Give a statement with psycopg's marks for values."""
    return sql.replace("%", "%%").replace("?", "%s") if "?" in sql else sql


def explain(error: psycopg.Error, name: str) -> LedgerError:
    """Translate an error of PostgreSQL for the ledger called `name`; no secret is in it."""
    what = (error.diag.message_primary or str(error).partition("\n")[0]).strip()
    state = error.sqlstate or ""
    if state.startswith("28"):
        fix = "check user and password in --ledger (a password may come from PGPASSWORD or ~/.pgpass)"
    elif state.startswith("3D"):
        fix = "create the database, or correct its name in --ledger"
    elif state.startswith("42501"):
        fix = "let this user create a schema in that database, or use it: GRANT CREATE ON DATABASE ..."
    elif state.startswith("53"):
        fix = "the server is short of room or connections: mend that, then run the same command again"
    else:
        fix = (
            "see that the server runs and can be reached, that user and database are right and the password "
            "is given (also PGPASSWORD or ~/.pgpass will do), then run the same command again"
        )
    return LedgerError(f"ledger {name}: {what}", fix=fix)


def connect(place: PostgresPlace) -> psycopg.Connection[Any]:
    """Connect, each statement committed by itself, and work in the ledger's schema.

    Raises:
        UsageError: the URL cannot be read.
        psycopg.Error: the server cannot be reached, or lets nobody in.
    """
    try:
        parameters = conninfo_to_dict(place.url)
    except psycopg.ProgrammingError:
        # Not chained: libpq's message may repeat the part that holds the password.
        raise UsageError(
            f"the ledger's URL cannot be read: {place}",
            fix="give postgresql://user@host:5432/database; escape special characters as %40 and the like",
        ) from None
    settings: dict[str, Any] = {**_CONNECTING, **parameters}
    connection: psycopg.Connection[Any] = psycopg.connect(autocommit=True, **settings)
    try:
        for statement in _SESSION:
            connection.execute(statement)
        connection.execute(composed.SQL("SET search_path = {}").format(composed.Identifier(place.schema)))
    except BaseException:
        connection.close()
        raise
    return connection


def passes(error: psycopg.Error) -> bool:
    """Tell whether the same may succeed a moment later: the connection is gone, not the right to ask."""
    state = error.sqlstate
    if state is None:
        # No SQLSTATE: the connection broke, or never came to be.
        return isinstance(error, psycopg.OperationalError)
    return state.startswith(_PASSING) and state != _CANCELLED
