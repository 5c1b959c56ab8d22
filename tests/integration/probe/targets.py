"""Targets for the tests of this folder, and what they ask of an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.reach import Depth, Result
from bulkconn.core.secret import SecretStr
from bulkconn.probe.target import Address, Login, Target
from bulkconn.probe.tls import TlsMode
from tests.servers.fixtures import PASSWORD

if TYPE_CHECKING:
    from bulkconn.core.reach import Answer, Cause
    from bulkconn.probe.approach import Protocol

PLAIN: Final = False
TLS: Final = True


def login_target(
    protocol: Protocol,
    port: int,
    tls: TlsMode = TlsMode.DISABLE,
    *,
    host: str = "localhost",
    username: str = "reader",
    password: str = PASSWORD,
    database: str = "sales",
) -> Target:
    """Give a login to a server on this machine."""
    return Target(protocol, Address(host, port), Login(username, SecretStr(password), database, tls))


def connection_target(protocol: Protocol, port: int, *, host: str = "localhost") -> Target:
    """Give a connection to a server on this machine."""
    return Target(protocol, Address(host, port))


def facts(answer: Answer) -> tuple[Cause | None, str, bool | None]:
    """Give cause, code and encryption of a login's answer; the rest must agree with them."""
    assert answer.result is (Result.OK if answer.cause is None else Result.FAILED)
    assert answer.tested is (Depth.LOGIN if answer.cause is None else None)
    assert bool(answer.message) is (answer.cause is not None)
    return answer.cause, answer.code, answer.encrypted
