"""The tokens that are good at this moment."""

from __future__ import annotations

import secrets

__all__ = ["TokenMint"]


class TokenMint:
    """Issues tokens, knows when they end, and takes them back."""

    def __init__(self, static_token: str | None = None) -> None:
        """Start with one token that does not expire, or (None) with none."""
        self._ends: dict[str, float] = {}
        if static_token is not None:
            self._ends[static_token] = float("inf")

    def issue(self, now: float, lifetime_s: float) -> str:
        """Give a new token that is good for `lifetime_s` from `now` (monotonic seconds)."""
        for token in [token for token, end in self._ends.items() if end <= now]:
            del self._ends[token]
        token = f"emulator-{secrets.token_urlsafe(24)}"
        self._ends[token] = now + lifetime_s
        return token

    def is_good(self, token: str, now: float) -> bool:
        """Say whether a token was issued here, has not ended and was not revoked."""
        return now < self._ends.get(token, 0.0)

    def revoke(self, token: str) -> None:
        """Make one token worthless from now on; unknown ones are worthless already."""
        self._ends.pop(token, None)

    def revoke_all(self) -> int:
        """Make every token issued so far worthless, the static one too, and give their number."""
        number = len(self._ends)
        self._ends.clear()
        return number
