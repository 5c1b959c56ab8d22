"""A login to PostgreSQL or Redshift.

asyncpg, because its errors carry the SQLSTATE that the server sent: its sentences are in whatever
language the server speaks, and may repeat what they were told.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import asyncpg

from bulkconn.core.reach import Answer, Cause, Depth, Result
from bulkconn.probe.connections import look_closer
from bulkconn.probe.faults import CLOSED, NO_TLS, failed, read_fault, unexpected
from bulkconn.probe.tls import ATTEMPTS, tls_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.probe.target import Login, Target

_REFUSED: Final = "28000"
_UNKNOWN_LOGIN: Final = "the server wants a kind of login that check does not know"
_WRONG: Final = (Cause.WRONG_PASSWORD, "the server refused user name or password")
#: By SQLSTATE, after PostgreSQL's appendix "Error Codes".
_MEANINGS: Final[Mapping[str, tuple[Cause, str]]] = MappingProxyType(
    {
        "28P01": _WRONG,
        _REFUSED: (
            Cause.NOT_PERMITTED,
            "the server lets this user not in from here, to this database, or encrypted as the row says",
        ),
        "3D000": (Cause.NO_SUCH_DATABASE, "the server has no such database"),
        "42501": (Cause.NOT_PERMITTED, "the user may not connect to this database"),
        "55000": (Cause.NOT_PERMITTED, "the database takes no connections"),
        "53300": (Cause.OTHER, "the server takes no more connections"),
        "57P03": (Cause.OTHER, "the server is starting, stopping or recovering"),
    }
)
_MAYBE_TLS: Final = (Cause.NOT_PERMITTED, _REFUSED)


async def probe_postgresql(target: Target) -> Answer:
    """Log in, `select 1`, and leave.

    Cancel: the connection is closed.
    """
    assert target.login is not None  # noqa: S101 - `read_target` saw to it
    answers: list[Answer] = []
    for is_encrypted in ATTEMPTS[target.login.tls]:
        answer = await _log_in(target, target.login, is_encrypted=is_encrypted)
        is_about_tls = answer.cause is Cause.TLS or (answer.cause, answer.code) == _MAYBE_TLS
        if not is_about_tls:
            return answer
        answers.append(answer)
    # A server that spoke of the user tells more than one that did not get so far.
    return next((answer for answer in answers if answer.code == _REFUSED), answers[-1])


async def _log_in(target: Target, login: Login, *, is_encrypted: bool) -> Answer:
    try:
        connection = await asyncpg.connect(
            host=target.address.host,
            port=target.address.port,
            user=login.username,
            password=login.password.get_secret_value(),
            database=login.database,
            ssl=tls_context(login.tls) if is_encrypted else False,
            # Whoever calls has a timeout over all of it.
            timeout=None,
            # Not what this user's environment says.
            direct_tls=False,
            target_session_attrs="any",
            server_settings={"application_name": "bulkconn check"},
        )
        try:
            # The simple protocol: no prepared statement, which poolers and Redshift take badly.
            await connection.execute("select 1")
            await connection.close()
        finally:
            connection.terminate()
    except asyncpg.PostgresError as error:
        return _read_refusal(error, is_encrypted=is_encrypted)
    except asyncpg.InterfaceError:
        # Among others what Redshift asks of users with a SHA-256 password, which no open driver speaks.
        return failed(Cause.OTHER, "login_kind", _UNKNOWN_LOGIN, encrypted=is_encrypted)
    except (OSError, UnicodeError) as error:
        return await _read_fault(target, error)
    return Answer(Result.OK, tested=Depth.LOGIN, encrypted=is_encrypted)


def _read_refusal(error: asyncpg.PostgresError, *, is_encrypted: bool) -> Answer:
    code = error.sqlstate or ""
    if isinstance(error, asyncpg.ConnectionDoesNotExistError):
        return CLOSED
    # Redshift, and PostgreSQL where LDAP or PAM decides, have no number for a wrong password; the routine
    # that says so is the one for passwords.
    if code == _REFUSED and error.server_source_function == "auth_failed":
        cause, message = _WRONG
    else:
        cause, message = _MEANINGS.get(code, (Cause.OTHER, "the server refused the login"))
    return failed(cause, code, message, encrypted=is_encrypted)


async def _read_fault(target: Target, error: OSError | UnicodeError) -> Answer:
    # asyncpg says in this very class what the server answered to the wish for TLS, and that it left.
    if type(error) is ConnectionError:
        return NO_TLS if "rejected SSL" in str(error) else CLOSED
    return read_fault(error) or await look_closer(target.address, default=unexpected(error))
