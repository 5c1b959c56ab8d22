"""Counting requests in a sliding window: to refuse those beyond a limit, and to report the busiest second."""

from __future__ import annotations

from collections import deque

__all__ = ["BusiestSecond", "SlidingLimit"]

_WINDOW_S = 1.0


class SlidingLimit:
    """Lets at most `limit` requests through in any window of one second.

    A refused request does not count: a client that keeps hammering still gets its share, which is the
    milder of the two habits that gateways have. No limit is documented for Flow Service; see the
    general advice under status 500 on Adobe's page help/landing/troubleshooting.md.
    """

    def __init__(self, limit: int) -> None:
        """Start with an empty window; `limit` is in requests per second."""
        self._limit = limit
        self._admitted: deque[float] = deque()

    def admit(self, now: float) -> float | None:
        """Let a request through and give None, or give the seconds until the window frees (above 0).

        Args:
            now: Monotonic seconds, never smaller than at the call before.
        """
        window = self._admitted
        while window and now - window[0] >= _WINDOW_S:
            window.popleft()
        if len(window) < self._limit:
            window.append(now)
            return None
        return max(_WINDOW_S - (now - window[0]), 1e-6)


class BusiestSecond:
    """Keeps the highest number of requests that any window of one second held."""

    def __init__(self) -> None:
        """Start with no request seen."""
        self._window: deque[float] = deque()
        self.most = 0

    def count(self, now: float) -> None:
        """Note a request at `now`, in monotonic seconds that never run backwards."""
        window = self._window
        window.append(now)
        while now - window[0] >= _WINDOW_S:
            window.popleft()
        self.most = max(self.most, len(window))
