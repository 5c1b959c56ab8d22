"""A login to MySQL or MariaDB."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import aiomysql
from pymysql.constants import CLIENT
from pymysql.err import MySQLError

from bulkconn.core.reach import Answer, Cause, Depth, Result
from bulkconn.probe.connections import look_closer
from bulkconn.probe.faults import CLOSED, NO_TLS, failed, read_fault, unexpected
from bulkconn.probe.tls import ATTEMPTS, TlsMode, tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.probe.target import Login, Target

_ENCRYPTED_ONLY: Final = 3159
_LOST: Final = frozenset({2006, 2013})
_WRONG_NUMBER: Final = 1045
_WRONG: Final = (Cause.WRONG_PASSWORD, "the server refused user name or password")
_WRONG_OR_PLAIN: Final = (
    Cause.WRONG_PASSWORD,
    "the server refused user name or password, or it wants TLS: it does not say which",
)
_LOCKED: Final = (Cause.NOT_PERMITTED, "the account is locked")
_EXPIRED: Final = (Cause.NOT_PERMITTED, "the password has expired")
_UNKNOWN_LOGIN: Final = (Cause.OTHER, "the server wants a kind of login that check does not know")
_FULL: Final = (Cause.OTHER, "the server takes no more connections")
#: By error number, after the reference of MySQL's server errors and MariaDB's list of error codes, which
#: differ from 1900 upward.
_MEANINGS: Final[Mapping[int, tuple[Cause, str]]] = MappingProxyType(
    {
        _WRONG_NUMBER: _WRONG,
        1698: _WRONG,
        1044: (Cause.NOT_PERMITTED, "the user may not use this database, or there is none of this name"),
        1049: (Cause.NO_SUCH_DATABASE, "the server has no such database"),
        1129: (Cause.NOT_PERMITTED, "the server has blocked this machine after many failed connections"),
        1130: (Cause.NOT_PERMITTED, "the server lets nobody in from this machine's address"),
        1040: _FULL,
        1203: _FULL,
        1226: _FULL,
        1820: _EXPIRED,
        1862: _EXPIRED,
        3118: _LOCKED,
        3955: _LOCKED,
        4150: _LOCKED,
        4151: _LOCKED,
        1251: _UNKNOWN_LOGIN,
        2059: _UNKNOWN_LOGIN,
        _ENCRYPTED_ONLY: (
            Cause.TLS,
            "the server takes encrypted connections only, and the row asks for none",
        ),
    }
)


class _NoTls(Exception):
    """The server offers no TLS, and the row wants nothing else."""


class _Session(aiomysql.Connection):
    """A connection that sends no password in clear where TLS is asked for.

    aiomysql itself goes on without TLS, and without a word, when the server does not offer it.
    """

    def __init__(self, *, must_encrypt: bool, **named: Any) -> None:  # noqa: ANN401 - aiomysql's own
        super().__init__(**named)
        self._must_encrypt = must_encrypt

    @property
    def is_encrypted(self) -> bool:
        """Whether TLS came about."""
        return bool(self._secure)

    async def open(self) -> None:
        """Connect and log in."""
        await self._connect()

    async def _request_authentication(self) -> None:
        # The server has said what it can, and nothing has been sent yet.
        if self._must_encrypt and not self.server_capabilities & CLIENT.SSL:
            raise _NoTls
        await super()._request_authentication()


async def probe_mysql(target: Target) -> Answer:
    """Log in, `select 1`, and leave.

    Cancel: the connection is closed.
    """
    assert target.login is not None  # noqa: S101 - `read_target` saw to it
    attempts = ATTEMPTS[target.login.tls]
    answer = await _log_in(target, target.login, is_encrypted=attempts[0])
    # Only where encryption has to do with it, so that a wrong password is never sent twice.
    if answer.cause is Cause.TLS and len(attempts) > 1:
        return await _log_in(target, target.login, is_encrypted=attempts[1])
    return answer


async def _log_in(target: Target, login: Login, *, is_encrypted: bool) -> Answer:
    session = _Session(
        host=target.address.host,
        port=target.address.port,
        user=login.username,
        # aiomysql writes passwords in Latin-1, servers and other clients in UTF-8: this way it is UTF-8.
        password=login.password.get_secret_value().encode().decode("latin-1"),
        db=login.database,
        charset="utf8mb4",
        ssl=tls_context(login.tls) if is_encrypted else None,
        must_encrypt=is_encrypted and login.tls is not TlsMode.PREFER,
        program_name="bulkconn check",
    )
    try:
        await session.open()
        await session.query("select 1")
        await session.ensure_closed()
    except _NoTls:
        return NO_TLS
    except MySQLError as error:
        return await _read_error(target, error, is_encrypted=session.is_encrypted)
    except (OSError, UnicodeError) as error:
        return read_fault(error) or await look_closer(target.address, default=unexpected(error))
    # What the driver makes of a server of another kind: anything, from an index to a struct error.
    except Exception as error:  # noqa: BLE001 - see above
        return unexpected(error)
    finally:
        session.close()
    return Answer(Result.OK, tested=Depth.LOGIN, encrypted=session.is_encrypted)


async def _read_error(target: Target, error: MySQLError, *, is_encrypted: bool) -> Answer:
    beneath = error.__cause__
    if isinstance(beneath, OSError | UnicodeError):
        return read_fault(beneath) or await look_closer(target.address, default=unexpected(beneath))
    number = error.args[0] if error.args else None
    if number in _LOST:
        return CLOSED
    if not isinstance(number, int):
        return unexpected(error)
    cause, message = _MEANINGS.get(number, (Cause.OTHER, "the server refused the login"))
    if number == _WRONG_NUMBER and not is_encrypted:
        cause, message = _WRONG_OR_PLAIN
    return failed(cause, str(number), message, encrypted=is_encrypted)
