"""Where credentials may be sent to: HTTPS, or plain HTTP within this machine."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from bulkconn.core.errors import UsageError

__all__ = ["check_url", "is_loopback"]


def check_url(url: str, *, setting: str = "--base-url", allow_http: bool = False) -> str:
    """Give the URL without a slash at its end, fit to be sent credentials.

    Args:
        url: As the user gave it.
        setting: How the user names it in messages.
        allow_http: Accept unencrypted HTTP to other machines.

    Raises:
        UsageError: it is no such URL; a password that stands in it is not repeated.
    """
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{setting} is not a URL", fix=f"give {setting} as https://host/path") from error
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            f"{setting} holds a user name or password",
            fix="leave them out of the URL; credentials have settings of their own",
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UsageError(f"{setting} is not a web address", fix=f"give {setting} as https://host/path")
    if parts.query or parts.fragment or any(not "!" <= char <= "~" for char in url.strip()):
        raise UsageError(
            f"{setting} holds more than host and path",
            fix="leave out what follows `?` or `#`, and write other than ASCII characters percent-encoded",
        )
    if parts.scheme == "http" and not (allow_http or is_loopback(parts.hostname)):
        raise UsageError(
            f"{setting} is not encrypted, and {parts.hostname} is not this machine",
            fix="use https://; plain http is for localhost, or must be allowed in so many words",
        )
    return url.strip().rstrip("/")


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its very name: `localhost`, 127.0.0.0/8, ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
