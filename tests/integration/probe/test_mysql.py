"""Logins to a real MariaDB: right and wrong, with TLS and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.reach import Cause
from bulkconn.probe.approach import Protocol
from bulkconn.probe.mysql import probe_mysql
from bulkconn.probe.tls import TlsMode
from tests.integration.probe.targets import PLAIN, TLS, facts, login_target
from tests.servers.fixtures import WRONG_PASSWORD

if TYPE_CHECKING:
    from bulkconn.core.reach import Answer
    from tests.servers.mariadb import MariaDb


async def ask(server: MariaDb, tls: TlsMode, **login: str) -> Answer:
    """Log in to it."""
    return await probe_mysql(login_target(Protocol.MYSQL, server.port, tls, **login))


@pytest.mark.parametrize(
    ("tls", "encrypted"),
    [(TlsMode.DISABLE, PLAIN), (TlsMode.PREFER, TLS), (TlsMode.REQUIRE, TLS)],
)
async def test_login_with_tls_on_is_encrypted_as_the_row_says(
    mariadb: MariaDb, tls: TlsMode, *, encrypted: bool
) -> None:
    """A server that offers TLS is asked for it in the very modes that want it."""
    assert facts(await ask(mariadb, tls)) == (None, "", encrypted)


@pytest.mark.parametrize("tls", [TlsMode.DISABLE, TlsMode.PREFER])
async def test_login_with_tls_off_is_plain_where_the_row_allows(
    mariadb_without_tls: MariaDb, tls: TlsMode
) -> None:
    """Modes that do not insist on TLS do without it."""
    assert facts(await ask(mariadb_without_tls, tls)) == (None, "", PLAIN)


@pytest.mark.parametrize("tls", [TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
async def test_login_with_tls_off_fails_where_the_row_insists(
    mariadb_without_tls: MariaDb, tls: TlsMode
) -> None:
    """The driver would go on without TLS; the probe does not."""
    assert facts(await ask(mariadb_without_tls, tls)) == (Cause.TLS, "not_offered", None)


@pytest.mark.parametrize("tls", [TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
async def test_certificate_of_an_unknown_authority_is_not_accepted(mariadb: MariaDb, tls: TlsMode) -> None:
    """Modes that verify refuse whom this machine does not know."""
    answer = await ask(mariadb, tls)
    assert answer.cause is Cause.TLS
    assert "an authority that this machine does not know" in answer.message


@pytest.mark.usefixtures("known_authority")
async def test_certificate_of_a_known_authority_is_accepted(mariadb: MariaDb) -> None:
    """The host's name is part of it in one mode only."""
    for tls in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL):
        assert facts(await ask(mariadb, tls)) == (None, "", TLS)
    assert facts(await ask(mariadb, TlsMode.VERIFY_CA, host="127.0.0.1")) == (None, "", TLS)
    assert facts(await ask(mariadb, TlsMode.VERIFY_FULL, host="127.0.0.1")) == (Cause.TLS, "X509-64", None)


@pytest.mark.parametrize("tls", [TlsMode.DISABLE, TlsMode.PREFER, TlsMode.REQUIRE])
async def test_wrong_password_is_named_in_every_mode(mariadb: MariaDb, tls: TlsMode) -> None:
    """1045; in clear it may also mean that the user must come encrypted, and the words say so."""
    for login in ({"password": WRONG_PASSWORD}, {"username": "nobody"}):
        answer = await ask(mariadb, tls, **login)
        assert facts(answer) == (Cause.WRONG_PASSWORD, "1045", tls is not TlsMode.DISABLE)
        assert ("or it wants TLS" in answer.message) is (tls is TlsMode.DISABLE)


@pytest.mark.parametrize(
    ("login", "cause", "code"),
    [
        ({"username": "all_seeing", "database": "nowhere"}, Cause.NO_SUCH_DATABASE, "1049"),
        ({"database": "forbidden"}, Cause.NOT_PERMITTED, "1044"),
        ({"username": "locked"}, Cause.NOT_PERMITTED, "4151"),
        ({"username": "expired"}, Cause.NOT_PERMITTED, "1820"),
    ],
    ids=["no-database", "no-privilege", "locked", "expired"],
)
async def test_refusal_of_a_right_password_says_why(
    mariadb: MariaDb, login: dict[str, str], cause: Cause, code: str
) -> None:
    """The server's own numbers tell what is wrong."""
    assert facts(await ask(mariadb, TlsMode.PREFER, **login)) == (cause, code, TLS)


async def test_user_who_must_come_encrypted_gets_in_so(mariadb: MariaDb) -> None:
    """The TLS mode of a row decides whether such a user gets in."""
    assert facts(await ask(mariadb, TlsMode.PREFER, username="only_tls")) == (None, "", TLS)
    assert facts(await ask(mariadb, TlsMode.DISABLE, username="only_tls"))[0] is Cause.WRONG_PASSWORD
