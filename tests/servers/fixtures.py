"""Private servers as fixtures, one of each for a whole session, with the same users and databases in each.

| user | password | may |
|---|---|---|
| `reader` | `PASSWORD` | use database `sales` |
| `locked` | `PASSWORD` | not log in |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from tests.servers.certificates import Certificates
from tests.servers.mariadb import private_mariadb
from tests.servers.postgresql import private_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.mariadb import MariaDb
    from tests.servers.postgresql import Postgres

#: Letters that not every client writes alike; nothing else holds the mark in it.
PASSWORD: Final = "p-MARKRIGHT-€ü"
WRONG_PASSWORD: Final = "p-MARKWRONG-€ü"

_POSTGRES_SETUP: Final = (
    f"create role reader login password '{PASSWORD}'",
    f"create role locked nologin password '{PASSWORD}'",
    *(f"create database {name}" for name in ("sales", "only_tls", "only_plain", "forbidden")),
    "revoke connect on database forbidden from public",
)
_MARIADB_SETUP: Final = (
    f"create user reader identified by '{PASSWORD}'",
    f"create user only_tls identified by '{PASSWORD}' require ssl",
    f"create user locked identified by '{PASSWORD}' account lock",
    f"create user expired identified by '{PASSWORD}' password expire",
    f"create user all_seeing identified by '{PASSWORD}'",
    *("create database sales", "create database forbidden", "grant select on *.* to all_seeing"),
    *(f"grant select on sales.* to {name}" for name in ("reader", "only_tls", "expired")),
)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Give an authority and a server's certificate."""
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def postgres(certificates: Certificates) -> Iterator[Postgres]:
    """Give a PostgreSQL with TLS."""
    with private_postgres(certificates) as server:
        if server is None:
            pytest.skip("no PostgreSQL with TLS is installed")
        server.run(*_POSTGRES_SETUP)
        yield server


@pytest.fixture(scope="session")
def postgres_without_tls() -> Iterator[Postgres]:
    """Give a PostgreSQL without TLS."""
    with private_postgres() as server:
        if server is None:
            pytest.skip("no PostgreSQL can be started here")
        server.run(*_POSTGRES_SETUP)
        yield server


@pytest.fixture(scope="session")
def mariadb(certificates: Certificates) -> Iterator[MariaDb]:
    """Give a MariaDB with TLS."""
    with private_mariadb(certificates) as server:
        if server is None:
            pytest.skip("no MariaDB is installed")
        server.run(*_MARIADB_SETUP)
        yield server


@pytest.fixture(scope="session")
def mariadb_without_tls() -> Iterator[MariaDb]:
    """Give a MariaDB without TLS."""
    with private_mariadb() as server:
        if server is None:
            pytest.skip("no MariaDB is installed")
        server.run(*_MARIADB_SETUP)
        yield server
