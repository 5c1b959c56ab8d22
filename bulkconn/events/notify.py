"""The summary of a run to a web hook: tried a few times, never a reason for anything else.

The address may be a secret (Slack's holds a token in its path): only its host is ever told.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from yarl import URL

#: Seconds for one try, and before the second and third.
_TRY_S: Final = 5.0
_PAUSES_S: Final = (0.5, 1.5)
_PASSING: Final = frozenset({408, 425, 429})
_SERVER_ERRORS_FROM: Final = 500
_OK: Final = range(200, 300)
_REASON_LENGTH: Final = 300


async def notify(
    url: URL, event: Mapping[str, Any], proxy_of: Callable[[URL], URL | None], *, is_hurried: bool = False
) -> str | None:
    """POST an event as JSON, with a line for people as `text`; None when it was taken, else why not.

    Redirects are not followed. Takes at most 17 s, 5 s where `is_hurried`. Repeat: the hook hears it twice.
    """
    import aiohttp  # noqa: PLC0415 - heavy, and the caller may need none

    body = json.dumps({"text": as_text(event), **event}).encode("ascii")
    headers = {"Content-Type": "application/json", "User-Agent": "bulkconn"}
    timeout = aiohttp.ClientTimeout(total=_TRY_S)
    why = None
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        for pause_s in (None,) if is_hurried else (*_PAUSES_S, None):
            try:
                async with session.post(
                    url, data=body, headers=headers, allow_redirects=False, proxy=proxy_of(url)
                ) as reply:
                    if reply.status in _OK:
                        return None
                    why, may_pass = f"it answered {reply.status}", _may_pass(reply.status)
            except TimeoutError:
                why, may_pass = f"it did not answer within {_TRY_S:g} s", True
            except (aiohttp.ClientError, OSError, ValueError) as error:
                # Not the error's text: it repeats the address.
                why, may_pass = f"it could not be reached ({type(error).__name__})", True
            if pause_s is None or not may_pass:
                break
            await asyncio.sleep(pause_s)
    return why


def as_text(event: Mapping[str, Any]) -> str:
    """Say in a line how a run ended."""
    summary = event["summary"]
    counts = ", ".join(f"{rows:,} {name}" for name, rows in summary["counts"].items() if rows)
    stopped = summary["stopped"]
    why = f"; {shown(stopped['reason'], _REASON_LENGTH)}" if stopped else ""
    name = f"bulkconn run {event['run_id']}" if event["run_id"] else "bulkconn"
    return f"{name} ended with exit code {summary['exit_code']}: {counts or 'no rows'}{why}"


def _may_pass(status: int) -> bool:
    return status in _PASSING or status >= _SERVER_ERRORS_FROM
