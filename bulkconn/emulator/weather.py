"""Faults that last and hit every API request while they do: storms of 429 and outages."""

from __future__ import annotations

import math
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, assert_never

from aiohttp import web

from bulkconn.emulator.errors import gateway_error
from bulkconn.emulator.settings import RetryAfterForm

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Weather", "retry_after_header", "too_many_requests"]


def retry_after_header(form: RetryAfterForm, seconds: float) -> Mapping[str, str]:
    """Give the Retry-After header for a wait: rounded up, at least one second, in the form asked for."""
    match form:
        case RetryAfterForm.SECONDS:
            return {"Retry-After": str(max(1, math.ceil(seconds)))}
        case RetryAfterForm.DATE:
            return {"Retry-After": formatdate(math.ceil(time.time() + seconds), usegmt=True)}
        case RetryAfterForm.NONE:
            return {}
        case _:
            assert_never(form)


def too_many_requests(form: RetryAfterForm, seconds: float) -> web.Response:
    """Give the gateway's 429.

    No page documents one for Flow Service; code and message are those of the Analytics APIs behind the
    same gateway (developer.adobe.com/analytics-apis/docs/2.0/guides/faq).
    """
    return gateway_error(429, "429050", "Too many requests", retry_after_header(form, seconds))


class Weather:
    """The storm and the outage in force, if any. All times are monotonic seconds."""

    def __init__(self, form: RetryAfterForm) -> None:
        """Start with fair weather; `form` is how a storm writes Retry-After."""
        self._form = form
        self._storm_until = 0.0
        self._outage_until = 0.0

    def begin_storm(self, now: float, seconds: float) -> web.Response:
        """Answer 429 to everything for `seconds`, and give the first such answer."""
        self._storm_until = max(self._storm_until, now + seconds)
        return too_many_requests(self._form, self._storm_until - now)

    def begin_outage(self, now: float, seconds: float) -> web.Response:
        """Answer 503 to everything for `seconds`, and give the first such answer."""
        self._outage_until = max(self._outage_until, now + seconds)
        return web.Response(status=503)

    def clear(self) -> None:
        """End storm and outage now."""
        self._storm_until = self._outage_until = 0.0

    def answer(self, now: float) -> web.Response | None:
        """Give what every API request gets at this moment; None = it is served."""
        if now < self._outage_until:
            # The OpenAPI file declares Flow Service's own 503 without a body.
            return web.Response(status=503)
        if now < self._storm_until:
            return too_many_requests(self._form, self._storm_until - now)
        return None
