"""What the real run will look like: requests and time, on a calm day and on one like that rehearsed."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.pace import lasting_rate_per_s

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.settings import PaceSettings

#: A first run asks once how many connections a sandbox has, and lists them: a page holds a hundred.
_LOOKUPS_PER_SANDBOX: Final = 2


@dataclass(frozen=True, slots=True)
class Forecast:
    """A first run of the whole inventory, at most `rate_per_s` requests a second.

    `lookups` are those of sandboxes with next to nothing in them; a full one costs a lookup for each
    hundred of its connections, up to one a row (`lookups_at_most`). `answer_s` is how long an answer may
    take on average before it is the concurrency, not the rate, that a run waits for. `rough_*` are for a
    day as bad as the rehearsal.
    """

    rate_per_s: float
    posts: int
    lookups: int
    lookups_at_most: int
    eta_s: float
    answer_s: float
    rough_requests: int
    rough_eta_s: float

    @property
    def requests(self) -> int:
        """POSTs and lookups of a calm day."""
        return self.posts + self.lookups

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        return {
            "rate_per_s": self.rate_per_s,
            "posts": self.posts,
            "lookups": self.lookups,
            "lookups_at_most": self.lookups_at_most,
            "requests": self.requests,
            "eta_s": round(self.eta_s, 1),
            "answer_s": round(self.answer_s, 3),
            "rough_requests": self.rough_requests,
            "rough_eta_s": round(self.rough_eta_s, 1),
        }


def forecast(
    to_send: Mapping[str, int], pace: PaceSettings, *, requests_per_row: float, wait_s: float
) -> Forecast:
    """Reckon what a first run takes.

    Args:
        to_send: Rows by sandbox.
        pace: The real run's.
        requests_per_row: POSTs and lookups a row, as the rehearsal took them.
        wait_s: The grace that a row waited out in the rehearsal would wait for real; 0 where none did.
    """
    rows = sum(to_send.values())
    lookups = _LOOKUPS_PER_SANDBOX * len(to_send)
    lasting_per_s = lasting_rate_per_s(pace.rate_per_s)
    rough = max(rows + lookups, ceil(rows * requests_per_row))
    return Forecast(
        rate_per_s=pace.rate_per_s,
        posts=rows,
        lookups=lookups,
        lookups_at_most=len(to_send) + max(len(to_send), rows),
        eta_s=(rows + lookups) / lasting_per_s,
        answer_s=pace.concurrency / pace.rate_per_s,
        rough_requests=rough,
        rough_eta_s=rough / lasting_per_s + wait_s,
    )
