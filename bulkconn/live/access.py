"""Who may see a live page: by the name that was asked for, and by a token or what was given for one.

A page on loopback needs no token, but a web site elsewhere could make a browser ask for it under a name of
its own (DNS rebinding): only names that are known to be ours are answered.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Characters that a token must have at least; one that we draw has 43.
SHORTEST_TOKEN: Final = 16
#: Browsers that are remembered; the oldest is forgotten first.
_MOST_SESSIONS: Final = 200


def is_loopback(host: str) -> bool:
    """Tell whether nobody but this machine can reach that interface."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_token() -> str:
    """Draw a token that nobody can guess."""
    return secrets.token_urlsafe(32)


class Access:
    """The doorkeeper of one server. Nothing of it is ever logged."""

    def __init__(self, token: str | None, names: Iterable[str]) -> None:
        """Begin.

        Args:
            token: What must be shown; None lets everybody in who can reach the server.
            names: Host names that are ours, besides `localhost` and addresses.
        """
        self._token = None if token is None else token.encode()
        self._names = frozenset(name.lower().rstrip(".") for name in ("localhost", *names))
        self._sessions: dict[str, None] = {}
        self._link_is_fresh = token is not None

    def is_ours(self, host_header: str | None) -> bool:
        """Tell whether a `Host` header names this server: by an address, or by a name that is known.

        An address cannot be pointed elsewhere, so it needs no list.
        """
        name = _without_port(host_header or "")
        if not name:
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return name.lower().rstrip(".") in self._names
        return True

    @property
    def shown_token(self) -> str:
        """Give the token, to be printed once for whoever started the server; empty where there is none."""
        return "" if self._token is None else self._token.decode()

    @property
    def needs_token(self) -> bool:
        """Tell whether a token must be shown."""
        return self._token is not None

    def admits(self, authorization: str | None, session: str | None) -> bool:
        """Tell whether a request may see the page, by its `Authorization` header or its cookie."""
        if self._token is None:
            return True
        scheme, _, shown = (authorization or "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(shown.strip()):
            return True
        shown_session = (session or "").encode("utf-8", "replace")
        return any(hmac.compare_digest(one.encode(), shown_session) for one in self._sessions)

    def redeem_link(self, token: str) -> str | None:
        """Give a session for the token of a link; a link works once. None: it was used, or is wrong."""
        if not self._link_is_fresh or not self._is_token(token):
            return None
        self._link_is_fresh = False
        return self._begin_session()

    def redeem(self, token: str) -> str | None:
        """Give a session for a token that somebody typed; None where it is wrong."""
        return self._begin_session() if self._is_token(token) else None

    def _is_token(self, shown: str) -> bool:
        return self._token is not None and hmac.compare_digest(self._token, shown.encode("utf-8", "replace"))

    def _begin_session(self) -> str:
        while len(self._sessions) >= _MOST_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        session = new_token()
        self._sessions[session] = None
        return session


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[: host.find("]") + 1]
    return host.partition(":")[0]
