"""Servers that say rare things, in any language, or are no databases at all."""

from __future__ import annotations

import pytest

from bulkconn.core.reach import Cause
from bulkconn.probe.approach import Protocol
from bulkconn.probe.mysql import probe_mysql
from bulkconn.probe.postgresql import probe_postgresql
from bulkconn.probe.tls import TlsMode
from tests.fakes.strange_servers import (
    mysql_error,
    postgresql_auth_request,
    postgresql_error,
    strange_server,
)
from tests.integration.probe.targets import facts, login_target
from tests.servers.fixtures import PASSWORD

_HTTP = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("fields", "cause", "code"),
    [
        (
            {"S": "FATAL", "C": "28000", "M": f"password {PASSWORD} refused", "R": "auth_failed"},
            Cause.WRONG_PASSWORD,
            "28000",
        ),
        (
            {"S": "SCHWERWIEGEND", "V": "FATAL", "C": "28P01", "M": "Passwort-Authentifizierung gescheitert"},
            Cause.WRONG_PASSWORD,
            "28P01",
        ),
        (
            {"S": "FATAL", "C": "28000", "M": "no pg_hba.conf entry", "R": "ClientAuthentication"},
            Cause.NOT_PERMITTED,
            "28000",
        ),
        ({"S": "FATAL", "C": "53300", "M": "too many clients"}, Cause.OTHER, "53300"),
        ({"S": "FATAL", "C": "57P03", "M": "starting up"}, Cause.OTHER, "57P03"),
        ({"S": "FATAL", "C": "XX000", "M": "Tenant or user not found"}, Cause.OTHER, "XX000"),
    ],
    ids=["redshift", "german", "pg_hba", "full", "starting", "unknown"],
)
async def test_refusal_by_postgresql_is_read_by_number_and_routine(
    fields: dict[str, str], cause: Cause, code: str
) -> None:
    """Whatever language the server speaks; and nothing that it wrote is kept."""
    async with strange_server(answer=postgresql_error(**fields)) as server:
        answer = await probe_postgresql(login_target(Protocol.POSTGRESQL, server.port, host="127.0.0.1"))
    assert facts(answer) == (cause, code, False)
    assert fields["M"] not in answer.message
    assert PASSWORD not in repr(answer)


async def test_password_that_redshift_refused_is_not_sent_again_with_tls() -> None:
    """28000 may have to do with encryption; where the routine says password, it has not."""
    refusal = postgresql_error(S="FATAL", C="28000", M="no", R="auth_failed")
    async with strange_server(answer=refusal) as server:
        target = login_target(Protocol.POSTGRESQL, server.port, TlsMode.ALLOW, host="127.0.0.1")
        assert (await probe_postgresql(target)).cause is Cause.WRONG_PASSWORD
    assert server.visits == 1


async def test_kind_of_login_that_no_driver_speaks_is_said() -> None:
    """Redshift asks for its own digest where a user has a SHA-256 password."""
    async with strange_server(answer=postgresql_auth_request(13)) as server:
        answer = await probe_postgresql(login_target(Protocol.POSTGRESQL, server.port, host="127.0.0.1"))
    assert facts(answer) == (Cause.OTHER, "login_kind", False)
    assert answer.message == "the server wants a kind of login that check does not know"


@pytest.mark.parametrize("tls", [TlsMode.DISABLE, TlsMode.PREFER, TlsMode.REQUIRE])
@pytest.mark.parametrize("reply", [b"", _HTTP], ids=["nothing", "http"])
async def test_server_that_is_no_postgresql_fails_with_a_cause(tls: TlsMode, reply: bytes) -> None:
    """A web server, or one that hangs up: told without a traceback, and not taken for a database."""
    async with strange_server(answer=reply) as server:
        answer = await probe_postgresql(login_target(Protocol.POSTGRESQL, server.port, tls, host="127.0.0.1"))
    assert facts(answer)[0] in {Cause.OTHER, Cause.TLS}


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (1040, Cause.OTHER),
        (1129, Cause.NOT_PERMITTED),
        (1130, Cause.NOT_PERMITTED),
        (1203, Cause.OTHER),
        (9999, Cause.OTHER),
    ],
)
async def test_refusal_by_mysql_is_read_by_number(number: int, cause: Cause) -> None:
    """Nothing that the server wrote is kept."""
    text = f"Host is blocked, by the way {PASSWORD}"
    async with strange_server(greeting=mysql_error(number, text)) as server:
        answer = await probe_mysql(login_target(Protocol.MYSQL, server.port, host="127.0.0.1"))
    assert facts(answer) == (cause, str(number), False)
    assert "by the way" not in answer.message
    assert PASSWORD not in repr(answer)


@pytest.mark.parametrize(
    ("tls", "visits"), [(TlsMode.DISABLE, 1), (TlsMode.ALLOW, 2)], ids=["disable", "allow"]
)
async def test_mysql_that_takes_encrypted_logins_only_is_tried_so_where_allowed(
    tls: TlsMode, visits: int
) -> None:
    """MySQL has a number for it, which MariaDB has not; `allow` goes both ways."""
    async with strange_server(greeting=mysql_error(3159, "insecure transport prohibited")) as server:
        answer = await probe_mysql(login_target(Protocol.MYSQL, server.port, tls, host="127.0.0.1"))
    assert facts(answer) == (Cause.TLS, "3159", False)
    assert server.visits == visits


@pytest.mark.parametrize(
    "greeting",
    [
        b"\x0a",
        b"\x05\0\0\0hello",
        b"\x05\0\0\x07hello",
        b"\x01\0\0\0\xff",
        b"220 mail.example.com ESMTP\r\n" * 100_000,
    ],
    ids=["cut", "short", "out-of-sequence", "empty-error", "mail"],
)
async def test_server_that_is_no_mysql_fails_with_a_cause(greeting: bytes) -> None:
    """Whatever the driver makes of it becomes a sentence."""
    async with strange_server(greeting=greeting) as server:
        answer = await probe_mysql(login_target(Protocol.MYSQL, server.port, host="127.0.0.1"))
    assert facts(answer)[0] is Cause.OTHER
