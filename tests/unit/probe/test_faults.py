"""What faults of the operating system and of TLS mean."""

from __future__ import annotations

import errno
import socket
import ssl

import pytest

from bulkconn.core.reach import Cause
from bulkconn.probe.faults import read_fault, unexpected


def certificate_fault(number: int) -> ssl.SSLCertVerificationError:
    """Give what a handshake raises for a certificate."""
    error = ssl.SSLCertVerificationError(1, "no")
    error.verify_code = number
    return error


@pytest.mark.parametrize(
    ("error", "cause", "code"),
    [
        (socket.gaierror(socket.EAI_NONAME, "?"), Cause.DNS, "EAI_NONAME"),
        (socket.gaierror(socket.EAI_AGAIN, "?"), Cause.DNS, "EAI_AGAIN"),
        (UnicodeError("label too long"), Cause.DNS, "not_a_name"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "?"), Cause.REFUSED, "refused"),
        (TimeoutError(errno.ETIMEDOUT, "?"), Cause.TIMEOUT, "no_connection"),
        (OSError(errno.EHOSTUNREACH, "?"), Cause.UNREACHABLE, "EHOSTUNREACH"),
        (OSError(errno.ENETUNREACH, "?"), Cause.UNREACHABLE, "ENETUNREACH"),
        (PermissionError(errno.EACCES, "?"), Cause.UNREACHABLE, "EACCES"),
        (ConnectionResetError(errno.ECONNRESET, "?"), Cause.OTHER, "closed"),
        (BrokenPipeError(errno.EPIPE, "?"), Cause.OTHER, "closed"),
        (certificate_fault(10), Cause.TLS, "X509-10"),
        (certificate_fault(18), Cause.TLS, "X509-18"),
        (certificate_fault(62), Cause.TLS, "X509-62"),
        (certificate_fault(99), Cause.TLS, "X509-99"),
        (ssl.SSLError(1, "?"), Cause.TLS, "handshake"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_fault_of_the_network_has_its_cause(error: OSError | UnicodeError, cause: Cause, code: str) -> None:
    """Each is told by a number, never by its text."""
    answer = read_fault(error)
    assert answer is not None
    assert (answer.cause, answer.code) == (cause, code)
    assert answer.message


def test_fault_without_a_number_tells_nothing() -> None:
    """Such as what asyncio makes of several addresses that all fail."""
    assert read_fault(OSError("Multiple exceptions: hunter2")) is None


def test_error_that_nobody_expected_is_told_by_its_class_alone() -> None:
    """Its text may hold anything."""
    answer = unexpected(ValueError("hunter2"))
    assert (answer.cause, answer.code) == (Cause.OTHER, "ValueError")
    assert "hunter2" not in repr(answer)
