"""The arithmetic of pace: how fast requests may leave, and how long to wait after a fault.

The ceiling is the user's; the pace under it falls by a factor when the service says "too fast" or
stumbles, and climbs back slowly. Nothing here sleeps: `now_s` is an argument, dice are a number in [0, 1).
"""

from __future__ import annotations

from collections import deque
from math import floor, log
from typing import Final

#: Requests per second below which no complaint pushes the pace (or the ceiling, if that is lower).
FLOOR_PER_S: Final = 0.5
#: Under complaints the pace is set a little below what the service took in the last second; it
#: loses at least 3 % and at most nine tenths at once.
_GOODPUT_SHARE: Final = 0.97
_LOSE_AT_LEAST: Final = 0.97
_LOSE_AT_MOST: Final = 0.1
#: A second takes this whose 5xx are more than so large a share of its answers: a stray one says nothing.
_LOSE_BY_STRAIN: Final = 0.9
_STRAIN_SHARE: Final = 0.05
#: A single complaint amid little traffic takes this.
_LOSE_UNPROVEN: Final = 0.7
#: Complaints in one burst (or requests taken in a second) from which they prove a limit.
_COMPLAINTS_PROVE: Final = 3
#: Requests "leave at the pace" from this share of it on.
_AT_PACE: Final = 0.5
#: Share of the pace regained a second while far below the last complaint, and near or above it.
_CLIMB_FAR: Final = 0.20
_CLIMB_NEAR: Final = 0.003
#: Share of the ceiling at which an outage's end begins again.
_RESTART_SHARE: Final = 0.1
#: "Near" begins at this share of the pace at which the service last complained.
_NEAR: Final = 0.9
#: The pace of the last complaint rises by this share a second, so that stray complaints lose their hold,
#: and after so many seconds it is forgotten.
_FADING_PER_S: Final = 0.02
_MEMORY_S: Final = 60.0
_WINDOW_S: Final = 1.0
#: How many ways to cut a second are compared, about.
_CANDIDATES: Final = 40
#: Requests per second below which they leave one by one.
_SINGLY_BELOW_PER_S: Final = 20

#: Share by which a period is longer than it must be: a server that counts at the same limit sees requests
#: some milliseconds early or late, and each 429 costs a second of closed gate.
SPACING_MARGIN: Final = 1.01

#: Bounds of the exponential backoff, seconds.
BACKOFF_BASE_S: Final = 1.0
BACKOFF_CAP_S: Final = 60.0


def spacing(rate_per_s: float) -> tuple[int, float]:
    """Give (n, period in seconds) so that n requests a period make the rate, about ten periods a second.

    n is whole: a fractional limit lets more through than it says. From 20/s on whole periods fill a
    second, so that no window of a second passes the rate: n every n/rate seconds would let 26 through
    at 25/s. Of the n that lose least by that, the one nearest to a tenth of the rate is taken. Below
    20/s n is 1.
    """
    if rate_per_s < _SINGLY_BELOW_PER_S:
        return 1, 1 / rate_per_s
    tenth = rate_per_s / 10

    def merit(n: int) -> tuple[int, float]:
        return n * floor(rate_per_s / n), -abs(log(n / tenth))

    least, most = max(1, floor(tenth / 2)), floor(tenth * 2)
    step = max(1, (most - least) // _CANDIDATES)
    n = max((floor(tenth), *range(least, most + 1, step)), key=merit)
    return n, 1 / floor(rate_per_s / n)


def lasting_rate_per_s(rate_per_s: float) -> float:
    """Give the requests per second that really leave, over a long time, under a ceiling."""
    n, period_s = spacing(rate_per_s)
    # No second holds more than a whole number of requests, and at least one.
    return min(n / (period_s * SPACING_MARGIN), max(1.0, floor(rate_per_s)))


def backoff_s(tries: int, dice: float, retry_after_s: float | None = None) -> float:
    """Give the pause before try `tries` + 1 (tries >= 1): full jitter up to 1, 2, 4, ... 60 s.

    `retry_after_s` is the floor: the service said so.
    """
    jittered = dice * min(BACKOFF_CAP_S, BACKOFF_BASE_S * 2.0 ** (min(tries, 30) - 1))
    return max(jittered, retry_after_s or 0.0)


class Strain:
    """Tells stray 5xx from a service that stumbles, by their share of the answers of the last second.

    Of a slow run's few answers one 5xx is a large share.
    """

    def __init__(self) -> None:
        self.accepted: deque[float] = deque()
        self._stumbles: deque[float] = deque()
        self._told_at_s: float | None = None

    def on_accepted(self, now_s: float) -> None:
        """Count a request that the service took."""
        self.accepted.append(now_s)
        self.forget(now_s)

    def on_stumble(self, now_s: float) -> bool:
        """Count a 5xx; True when the pace is to fall, at most once a second."""
        self._stumbles.append(now_s)
        self.forget(now_s)
        if self._told_at_s is not None and now_s - self._told_at_s < _WINDOW_S:
            return False
        stumbles = len(self._stumbles)
        if stumbles <= _STRAIN_SHARE * (stumbles + len(self.accepted)):
            return False
        self._told_at_s = now_s
        return True

    def forget(self, now_s: float) -> None:
        """Leave out what is older than a second."""
        for answers in (self.accepted, self._stumbles):
            while answers and now_s - answers[0] > _WINDOW_S:
                answers.popleft()


class Pace:
    """The rate at which requests may leave now, in requests per second, never above `ceiling_per_s`."""

    def __init__(self, ceiling_per_s: float) -> None:
        self.ceiling_per_s = ceiling_per_s
        self.rate_per_s = ceiling_per_s
        self._floor_per_s = min(FLOOR_PER_S, ceiling_per_s)
        self._lowered_at_s: float | None = None
        self._complaint_rate_per_s = 0.0
        self._climbed_at_s: float | None = None
        self._strain = Strain()
        self._complaints = 0
        self._before_burst = ceiling_per_s
        self._taken_before_burst = 0

    def on_accepted(self, now_s: float) -> bool:
        """Count a request that the service took; True when the rate rose because of it."""
        self._strain.on_accepted(now_s)
        if self.rate_per_s >= self.ceiling_per_s:
            return False
        since_s = now_s - (self._climbed_at_s if self._climbed_at_s is not None else now_s)
        self._climbed_at_s = now_s
        climb = _CLIMB_NEAR if self._is_near_complaint(now_s) else _CLIMB_FAR
        before = self.rate_per_s
        self.rate_per_s = min(self.ceiling_per_s, before * (1 + climb * min(since_s, 1.0)))
        return self.rate_per_s > before

    def on_complaint(self, now_s: float, sent_at_s: float) -> bool:
        """Lower the rate, once a burst: requests sent before the last lowering say little new.

        What the service took in the last second is its limit only if the pace was asked of it at the
        time, or if a burst holds several complaints: one 429 amid little traffic proves no limit.
        Returns whether this complaint began a burst.
        """
        if self._lowered_at_s is not None and sent_at_s <= self._lowered_at_s:
            self._complaints += 1
            if self._complaints == _COMPLAINTS_PROVE:
                self._lower(self._before_burst, self._taken_before_burst * _GOODPUT_SHARE)
            return False
        self._strain.forget(now_s)
        before = self.rate_per_s
        taken = len(self._strain.accepted)
        self._complaints, self._before_burst, self._taken_before_burst = 1, before, taken
        self._lower(before, taken * _GOODPUT_SHARE if self._is_at_pace(now_s) else before * _LOSE_UNPROVEN)
        self._lowered_at_s = now_s
        self._climbed_at_s = now_s
        return True

    def _lower(self, before: float, wanted: float) -> None:
        least = max(self._floor_per_s, min(before * _LOSE_AT_LEAST, max(before * _LOSE_AT_MOST, wanted)))
        self.rate_per_s = min(self.rate_per_s, least)
        self._complaint_rate_per_s = min(before, max(wanted / _GOODPUT_SHARE, self.rate_per_s))

    def _is_at_pace(self, now_s: float) -> bool:
        """Tell whether requests were really leaving at about the pace, so that what was taken is a limit."""
        accepted = self._strain.accepted
        if len(accepted) < _COMPLAINTS_PROVE:
            return False
        span_s = max(now_s - accepted[0], 1e-3)
        return len(accepted) / span_s >= self.rate_per_s * _AT_PACE

    def on_strain(self, now_s: float) -> bool:
        """Lower the rate by a tenth for a service that stumbles (5xx), at most once a second.

        Stray 5xx are passed over. Unlike a complaint a 5xx names no limit, so the climb back is the fast one.
        Returns whether the rate was lowered.
        """
        if not self._strain.on_stumble(now_s):
            return False
        self._climbed_at_s = now_s
        self.rate_per_s = max(self._floor_per_s, self.rate_per_s * _LOSE_BY_STRAIN)
        return True

    def restart_low(self, now_s: float) -> None:
        """Begin again at a tenth of the ceiling after an outage, and climb as answers allow."""
        self.rate_per_s = min(self.ceiling_per_s, max(1.0, self.ceiling_per_s * _RESTART_SHARE))
        self._lowered_at_s = self._climbed_at_s = now_s
        self._complaint_rate_per_s = self.ceiling_per_s

    def _is_near_complaint(self, now_s: float) -> bool:
        if self._lowered_at_s is None:
            return False
        age_s = now_s - self._lowered_at_s
        fading = 1 + _FADING_PER_S * age_s
        return age_s < _MEMORY_S and self.rate_per_s >= self._complaint_rate_per_s * fading * _NEAR
