"""What the operating system's and TLS's faults mean. Only our own sentences and safe codes leave here."""

from __future__ import annotations

import errno
import socket
import ssl
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from bulkconn.core.reach import Answer, Cause, Result

if TYPE_CHECKING:
    from collections.abc import Mapping

#: OpenSSL's numbers for what is wrong with a certificate (`X509_V_ERR_...`).
_CERTIFICATE_FAULTS: Final[Mapping[int, str]] = MappingProxyType(
    {
        9: "the server's certificate is not valid yet",
        10: "the server's certificate has expired",
        18: "the server's certificate is self-signed",
        19: "the server's certificate comes from an authority that this machine does not know",
        20: "the server's certificate comes from an authority that this machine does not know",
        21: "the server's certificate comes from an authority that this machine does not know",
        62: "the server's certificate is for another host name",
        64: "the server's certificate is for another IP address",
    }
)
_UNREACHABLE: Final = frozenset(
    {
        *(errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL),
        # A firewall of this machine's own says these.
        *(errno.EACCES, errno.EPERM),
    }
)

#: A host that lets nothing through, and one that takes the connection and is silent, look alike to a driver.
NO_CONNECTION: Final = Answer(
    Result.FAILED, Cause.TIMEOUT, "no_connection", "no connection came about in time, nor was one refused"
)
SILENT: Final = Answer(
    Result.FAILED,
    Cause.TIMEOUT,
    "silent",
    "the connection was taken, but the server did not answer in time",
)
CLOSED: Final = Answer(
    Result.FAILED,
    Cause.OTHER,
    "closed",
    "the connection was closed before the login was done: another kind of server, a proxy, or one that is "
    "full",
)
NO_TLS: Final = Answer(
    Result.FAILED, Cause.TLS, "not_offered", "the server offers no TLS, and the row asks for it"
)


def failed(cause: Cause, code: str, message: str, *, encrypted: bool | None = None) -> Answer:
    """Give the answer of a row that was tried in vain."""
    return Answer(Result.FAILED, cause, code, message, encrypted=encrypted)


def unexpected(error: BaseException) -> Answer:
    """Give the answer where an error is of no kind that is known: its class is told and nothing else."""
    name = type(error).__name__
    return failed(Cause.OTHER, name, f"the driver gave up ({name}): another kind of server, perhaps")


def read_fault(error: OSError | UnicodeError) -> Answer | None:
    """Say what a fault of the network means; None for one that does not tell.

    asyncio joins the faults of a host's several addresses into one that has no number.
    """
    match error:
        case UnicodeError():
            return failed(Cause.DNS, "not_a_name", "no host can have this name")
        case socket.gaierror():
            return _read_name_fault(error)
        case ssl.SSLCertVerificationError():
            number = getattr(error, "verify_code", 0)
            text = _CERTIFICATE_FAULTS.get(number, "the server's certificate was not accepted")
            return failed(Cause.TLS, f"X509-{number}", text)
        case ssl.SSLError():
            # OpenSSL's name of the reason; an event loop raises some without one.
            name = getattr(error, "reason", None) or "handshake"
            return failed(Cause.TLS, name, "the TLS handshake failed")
        case ConnectionRefusedError():
            return failed(Cause.REFUSED, "refused", "nothing listens on this port")
        case TimeoutError():
            return NO_CONNECTION
        case ConnectionError():
            return CLOSED
        case _ if error.errno in _UNREACHABLE:
            name = errno.errorcode[error.errno or 0]
            return failed(Cause.UNREACHABLE, name, "no route leads there from this machine")
        case _:
            return None


def _read_name_fault(error: socket.gaierror) -> Answer:
    if error.errno == socket.EAI_AGAIN:
        message = "the name could not be looked up: the resolver gave no answer"
        return failed(Cause.DNS, "EAI_AGAIN", message)
    return failed(Cause.DNS, "EAI_NONAME", "no such host name is known here")
