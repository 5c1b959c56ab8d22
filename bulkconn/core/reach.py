"""What `check` finds out of each row: whether its database can be reached and logged in to from here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.endpoint import Endpoint


class Result(StrEnum):
    """How a row stands."""

    #: As much of the way was gone as `Depth` says, and nothing stood against it.
    OK = "ok"
    #: It was tried, or one like it was, in vain.
    FAILED = "failed"
    #: Nothing is known: there was nothing to try, or trying might have done harm.
    NOT_CHECKED = "not_checked"


class Cause(StrEnum):
    """Why a row is not ok."""

    #: The host name has no address, as far as this machine can find out.
    DNS = "dns"
    #: The host answers, and nothing listens on the port.
    REFUSED = "refused"
    #: No answer in time.
    TIMEOUT = "timeout"
    #: No route leads to the host.
    UNREACHABLE = "unreachable"
    #: The encryption that the row asks for did not come about.
    TLS = "tls"
    #: The server refused user name or password; few servers say which of the two.
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - the name of a cause
    #: The login is right, and the server has no such database.
    NO_SUCH_DATABASE = "no_such_database"
    #: The server does not let this user, or this address, in.
    NOT_PERMITTED = "not_permitted"
    #: A secret reference could not be resolved.
    SECRET = "secret"  # noqa: S105 - the name of a cause
    #: The row does not say, in a way that can be read, where and how to connect.
    UNREADABLE = "unreadable"
    #: The source has no address that could be known.
    NO_ADDRESS = "no_address"
    #: Anything else; `code` says more.
    OTHER = "other"


class Depth(StrEnum):
    """How far the way was gone."""

    #: A TCP connection.
    TCP = "tcp"
    #: A TLS handshake, the certificate verified.
    TLS = "tls"
    #: A login, and `select 1`.
    LOGIN = "login"


_ALLOW_LIST: Final = "let this machine's address in (firewall, security group, allow list)"

#: One remedy for each cause.
FIXES: Final[Mapping[Cause, str]] = MappingProxyType(
    {
        Cause.DNS: "correct the host name; a name of a private network resolves only inside that network",
        Cause.REFUSED: "correct host and port, or start the server",
        Cause.TIMEOUT: f"{_ALLOW_LIST}, or correct host and port; --timeout waits longer",
        Cause.UNREACHABLE: "check this machine's network, VPN and routes, or correct the host",
        Cause.TLS: "mend the server's certificate, or change the row's TLS mode; SSL_CERT_FILE names a "
        "certificate authority that this machine does not know",
        Cause.WRONG_PASSWORD: "correct user name and password, or what the reference stands for",
        Cause.NO_SUCH_DATABASE: "correct the database's name, or create it",
        Cause.NOT_PERMITTED: f"grant the user this login, or {_ALLOW_LIST}",
        Cause.SECRET: "make the secret available, then run the same command",
        Cause.UNREADABLE: "correct the row; values in quotes or braces go better as auth=basic",
        Cause.NO_ADDRESS: "nothing to do here; after `bulkconn run`, Experience Platform itself will tell",
        Cause.OTHER: "see the server's log at this time",
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of probing a database. `message` is our own sentence: what a server wrote is never kept.

    `code` is safe to show: an SQLSTATE, an error number, or a word of ours. `tested` is how far the way
    was gone, None where it ended before anything was reached; `encrypted` None where that is not known.
    `seconds` is what it took. With `is_tried` False no connection was opened for this row: like ones had
    failed alike before.
    """

    result: Result
    cause: Cause | None = None
    code: str = ""
    message: str = ""
    tested: Depth | None = None
    encrypted: bool | None = None
    seconds: float = 0.0
    is_tried: bool = True

    def again(self, why: str, *, result: Result = Result.FAILED) -> Answer:
        """Give this answer for a row that is not tried any more, and say why not."""
        message = f"{self.message}; not tried again: {why}"
        return replace(self, result=result, message=message, seconds=0.0, is_tried=False)


#: A row as it is shown and written, by documented key.
Row = dict[str, str | int | float | bool | None]

#: The keys of a row, in the documented order.
ROW_KEYS: Final = (
    *("key", "name", "source", "platform_cloud", "sandbox", "result", "cause", "code", "message", "fix"),
    *("host", "port", "tested", "encrypted", "tried", "seconds", "inventory_file", "inventory_row"),
)


@dataclass(frozen=True, slots=True)
class RowReach:
    """A row with its answer; `host` and `port` where the row says them."""

    endpoint: Endpoint
    answer: Answer
    host: str | None = None
    port: int | None = None

    def as_mapping(self) -> Row:
        """Give the documented keys in their order; nothing of them is secret."""
        endpoint, answer = self.endpoint, self.answer
        return {
            "key": endpoint.key,
            "name": endpoint.name,
            "source": endpoint.source,
            "platform_cloud": endpoint.platform_cloud.value,
            "sandbox": endpoint.sandbox,
            "result": answer.result.value,
            "cause": answer.cause.value if answer.cause else None,
            "code": answer.code or None,
            "message": answer.message or None,
            "fix": FIXES[answer.cause] if answer.cause else None,
            "host": self.host,
            "port": self.port,
            "tested": answer.tested.value if answer.tested else None,
            "encrypted": answer.encrypted,
            "tried": answer.is_tried,
            "seconds": round(answer.seconds, 3),
            "inventory_file": endpoint.file,
            "inventory_row": endpoint.row,
        }
