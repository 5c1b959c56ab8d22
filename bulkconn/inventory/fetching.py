"""Inventories from elsewhere, copied to this machine before they are read.

A copy and not two transfers: the second pass goes at the pace of the service, for hours, in which signed
addresses expire, connections are cut and files are replaced. Both passes read the same bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar

from bulkconn.core.errors import UsageError
from bulkconn.inventory.faults import display_name
from bulkconn.inventory.network import NotFetched
from bulkconn.inventory.stores import KINDS, fetch_object
from bulkconn.inventory.web import fetch_web

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from bulkconn.core.location import Location
    from bulkconn.inventory.network import Network, Span

    _T = TypeVar("_T")

_WEB: Final = frozenset({"http", "https"})
_SPOOL_FIX: Final = "free space there, or let TMPDIR name another folder, then run the same command"


def fetch_inventory(location: Location, network: Network) -> BinaryIO:
    """Copy what lies at a URL to an unlinked temporary file that nobody else may read.

    Repeat: safe. A signal that raises here ends the transfer.

    Raises:
        UsageError: it cannot be fetched.
    """
    _check_scheme(location)
    spool = new_spool()
    try:
        apart(_fetch(location, network, spool))
    except NotFetched as error:
        spool.close()
        raise _unread(location, str(error), error.fix) from error
    except OSError as error:
        spool.close()
        raise unspooled(error) from error
    except BaseException:
        spool.close()
        raise
    return spool


class _Part:
    """Bytes in memory, no more than were asked for."""

    def __init__(self, limit: int) -> None:
        self.content = bytearray()
        self._limit = limit

    def write(self, chunk: bytes) -> None:
        """Take some more."""
        if len(self.content) + len(chunk) > self._limit:
            raise NotFetched("it sends more than the part that it was asked for", "correct the server")
        self.content += chunk


async def fetch_span(location: Location, network: Network, span: Span) -> bytes:
    """Give a part of what lies at a URL. Repeat: safe.

    Raises:
        NotFetched: it cannot be fetched; `is_gone` where it is no longer there.
        UsageError: a library is not installed.
    """
    _check_scheme(location)
    fetch = fetch_web if location.scheme in _WEB else fetch_object
    for pause_s in (*network.pauses_s, None):
        part = _Part(span.end - span.start)
        try:
            await fetch(location, network, part.write, span)
        except NotFetched as error:
            if pause_s is None or not error.is_passing:
                raise
            await asyncio.sleep(pause_s)
            continue
        break
    return bytes(part.content)


def new_spool() -> BinaryIO:
    """Open a temporary file, unlinked and of mode 0600 from the start: an inventory may hold passwords."""
    return tempfile.TemporaryFile(prefix="bulkconn-")


def unspooled(error: OSError) -> UsageError:
    """Give the error for a copy that could not be written."""
    return UsageError(
        f"the inventory cannot be copied to {tempfile.gettempdir()}: {error.strerror}", fix=_SPOOL_FIX
    )


def apart(main: Coroutine[None, None, _T]) -> _T:
    """Run a coroutine on a loop of its own, in a thread of its own.

    So it does not matter whether the caller is within a loop, and signals reach the main thread. If one
    raises there, the coroutine is cancelled.
    """
    loop = asyncio.new_event_loop()
    task = loop.create_task(main)

    def work() -> _T:
        try:
            return loop.run_until_complete(task)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()

    with ThreadPoolExecutor(1, "bulkconn-fetch") as pool:
        done = pool.submit(work)
        try:
            return done.result()
        except BaseException:
            # The loop may be closed by now.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(task.cancel)
            raise


def _check_scheme(location: Location) -> None:
    if location.scheme not in _WEB and location.scheme not in KINDS:
        raise _unread(location, f"{location.scheme}:// is not known", "use s3://, gs://, abfs:// or https://")


async def _fetch(location: Location, network: Network, spool: BinaryIO) -> None:
    """Try until it is all there; each attempt begins anew, so that no two versions are mixed."""
    fetch = fetch_web if location.scheme in _WEB else fetch_object
    for pause_s in (*network.pauses_s, None):
        spool.seek(0)
        spool.truncate()
        try:
            return await fetch(location, network, spool.write)
        except NotFetched as error:
            if pause_s is None or not error.is_passing:
                raise
            await asyncio.sleep(pause_s)
    return None


def _unread(location: Location, reason: str, fix: str) -> UsageError:
    return UsageError(f"inventory {display_name(location.shown)} cannot be read: {reason}", fix=fix)
