"""A clock that tests turn, and the secrets that must show up nowhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

TOKEN = "token-Zx81Spectrum"
PASSWORD = 'pass"word-Kq7/ö+&'
CLIENT_SECRET = "p8e-client+secret/Wd40"

#: What the clock below shows at first.
NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


class TurnedClock:
    """A clock that stands still until it is turned."""

    clock_id = "turned"

    def __init__(self) -> None:
        self.elapsed = 0.0

    def now(self) -> datetime:
        """Give a fixed moment plus what has elapsed."""
        return NOW + timedelta(seconds=self.elapsed)

    def elapsed_s(self) -> float:
        """Give the seconds that the test wants."""
        return self.elapsed
