"""Read the few headers of a reply that matter, none of which can be trusted to be well formed."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["epoch_of", "request_id_of", "retry_after_of"]

#: Nobody means a wait of more than a week; such a header is a mistake and counts as none.
_LONGEST_WAIT_S: Final = 7 * 86_400.0
_SECONDS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_REQUEST_IDS: Final = ("x-request-id", "x-adobe-request-id")
_REQUEST_ID: Final = re.compile(r"[!-~]{1,200}")


# One `Date` serves all replies of its second.
@lru_cache(maxsize=16)
def epoch_of(date: str) -> float | None:
    """Read an HTTP date as seconds since 1970; None where it is none."""
    try:
        moment = parsedate_to_datetime(date)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def retry_after_of(text: str | None, server_now_s: float) -> float | None:
    """Give the seconds to wait, whichever form the header has; None where it says nothing sensible.

    Args:
        text: The header's value.
        server_now_s: What the server takes for now: a date is meant on *its* clock.
    """
    if text is None:
        return None
    text = text.strip()
    if _SECONDS.fullmatch(text):
        wait_s = float(text)
    else:
        until_s = epoch_of(text)
        if until_s is None:
            return None
        wait_s = max(0.0, until_s - server_now_s)
    return wait_s if wait_s <= _LONGEST_WAIT_S else None


def request_id_of(headers: Mapping[str, str]) -> str | None:
    """Give the id under which Adobe's support finds the request."""
    for name in _REQUEST_IDS:
        value = headers.get(name)
        if value and _REQUEST_ID.fullmatch(value):
            return value
    return None
