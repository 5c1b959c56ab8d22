"""Logins to a real PostgreSQL: right and wrong, with TLS and without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.reach import Cause
from bulkconn.probe.approach import Protocol
from bulkconn.probe.postgresql import probe_postgresql
from bulkconn.probe.tls import TlsMode
from tests.integration.probe.targets import PLAIN, TLS, facts, login_target
from tests.servers.fixtures import WRONG_PASSWORD

if TYPE_CHECKING:
    from bulkconn.core.reach import Answer
    from tests.servers.postgresql import Postgres


async def ask(server: Postgres, tls: TlsMode, **login: str) -> Answer:
    """Log in to it."""
    return await probe_postgresql(login_target(Protocol.POSTGRESQL, server.port, tls, **login))


@pytest.mark.parametrize(
    ("tls", "encrypted"),
    [
        (TlsMode.DISABLE, PLAIN),
        (TlsMode.ALLOW, PLAIN),
        (TlsMode.PREFER, TLS),
        (TlsMode.REQUIRE, TLS),
    ],
)
async def test_login_with_tls_on_is_encrypted_as_the_row_says(
    postgres: Postgres, tls: TlsMode, *, encrypted: bool
) -> None:
    """A server that offers TLS is asked for it in the very modes that want it."""
    assert facts(await ask(postgres, tls)) == (None, "", encrypted)


@pytest.mark.parametrize("tls", [TlsMode.DISABLE, TlsMode.ALLOW, TlsMode.PREFER])
async def test_login_with_tls_off_is_plain_where_the_row_allows(
    postgres_without_tls: Postgres, tls: TlsMode
) -> None:
    """Modes that do not insist on TLS do without it."""
    assert facts(await ask(postgres_without_tls, tls)) == (None, "", PLAIN)


@pytest.mark.parametrize("tls", [TlsMode.REQUIRE, TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
async def test_login_with_tls_off_fails_where_the_row_insists(
    postgres_without_tls: Postgres, tls: TlsMode
) -> None:
    """No password is sent in clear by a row that asks for TLS."""
    assert facts(await ask(postgres_without_tls, tls)) == (Cause.TLS, "not_offered", None)


@pytest.mark.parametrize("tls", [TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL])
async def test_certificate_of_an_unknown_authority_is_not_accepted(postgres: Postgres, tls: TlsMode) -> None:
    """Modes that verify refuse whom this machine does not know."""
    answer = await ask(postgres, tls)
    assert answer.cause is Cause.TLS
    assert "an authority that this machine does not know" in answer.message


@pytest.mark.usefixtures("known_authority")
async def test_certificate_of_a_known_authority_is_accepted(postgres: Postgres) -> None:
    """The host's name is part of it in one mode only."""
    for tls in (TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL):
        assert facts(await ask(postgres, tls)) == (None, "", TLS)
    assert facts(await ask(postgres, TlsMode.VERIFY_CA, host="127.0.0.1")) == (None, "", TLS)
    answer = await ask(postgres, TlsMode.VERIFY_FULL, host="127.0.0.1")
    assert facts(answer) == (Cause.TLS, "X509-64", None)
    assert answer.message == "the server's certificate is for another IP address"


@pytest.mark.parametrize("tls", [TlsMode.DISABLE, TlsMode.ALLOW, TlsMode.PREFER, TlsMode.REQUIRE])
async def test_wrong_password_is_named_in_every_mode(postgres: Postgres, tls: TlsMode) -> None:
    """28P01, whether encrypted or not."""
    encrypted = tls in {TlsMode.PREFER, TlsMode.REQUIRE}
    for login in ({"password": WRONG_PASSWORD}, {"username": "nobody"}):
        answer = await ask(postgres, tls, **login)
        assert facts(answer) == (Cause.WRONG_PASSWORD, "28P01", encrypted)


@pytest.mark.parametrize(
    ("login", "cause", "code"),
    [
        ({"database": "nowhere"}, Cause.NO_SUCH_DATABASE, "3D000"),
        ({"database": "forbidden"}, Cause.NOT_PERMITTED, "42501"),
        ({"username": "locked"}, Cause.NOT_PERMITTED, "28000"),
    ],
    ids=["no-database", "no-privilege", "no-login"],
)
async def test_refusal_of_a_right_password_says_why(
    postgres: Postgres, login: dict[str, str], cause: Cause, code: str
) -> None:
    """The server's own numbers tell what is wrong."""
    assert facts(await ask(postgres, TlsMode.PREFER, **login))[:2] == (cause, code)


@pytest.mark.parametrize(
    ("database", "tls", "expected"),
    [
        ("only_tls", TlsMode.DISABLE, (Cause.NOT_PERMITTED, "28000", PLAIN)),
        ("only_tls", TlsMode.ALLOW, (None, "", TLS)),
        ("only_plain", TlsMode.PREFER, (None, "", PLAIN)),
        ("only_plain", TlsMode.REQUIRE, (Cause.NOT_PERMITTED, "28000", TLS)),
    ],
)
async def test_database_that_insists_on_the_other_way_is_tried_so_where_allowed(
    postgres: Postgres, database: str, tls: TlsMode, expected: tuple[Cause | None, str, bool]
) -> None:
    """`allow` and `prefer` go both ways; `disable` and `require` do not."""
    assert facts(await ask(postgres, tls, database=database)) == expected


async def test_wrong_password_is_sent_once_in_the_modes_that_go_both_ways(postgres: Postgres) -> None:
    """A check must not use up twice as many logins as it has rows."""
    before = _failed_logins(postgres)
    for tls in (TlsMode.ALLOW, TlsMode.PREFER):
        await ask(postgres, tls, password=WRONG_PASSWORD)
    assert _failed_logins(postgres) - before == 2


def _failed_logins(server: Postgres) -> int:
    return server.log.read_text("utf-8", "replace").count("password authentication failed")
