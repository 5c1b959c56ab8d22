"""Pages of GET /connections, and the continuation tokens that lead from one to the next.

A token holds the filters, the order and the place of the last item shown, not an offset: a connection
created or deleted between two pages neither repeats nor hides another one.
"""

from __future__ import annotations

import base64
import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from bulkconn.emulator.errors import FlowServiceError
from bulkconn.emulator.filters import Filter, SortField, parse_filter, parse_orderby

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from multidict import MultiMapping

    from bulkconn.emulator.books import Books
    from bulkconn.emulator.records import Connection

__all__ = ["Listing", "Page", "read_listing", "write_token"]

#: Maximum of the destinations API's page; a larger `limit` is taken for this.
MAX_LIMIT: Final = 100
#: No page names a default; this is what the public client sends.
DEFAULT_LIMIT: Final = 20
#: The destinations API lists the newest first.
_DEFAULT_ORDER: Final = "-createdAt"


class Bookmark(BaseModel):
    """What a continuation token says."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    filters: tuple[str, ...]
    order: str
    limit: int
    #: Sort keys and `seq` of the last item shown; 0 = begin at the start.
    keys: tuple[str | int, ...] = ()
    seq: int = 0
    #: Lead to the same page for ever (a fault).
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """A request for connections, read and checked."""

    bookmark: Bookmark
    filters: tuple[Filter, ...]
    order: tuple[SortField, ...]
    is_count: bool

    def count(self, books: Books, sandbox: str, now: float) -> int:
        """Give the number of visible connections that match."""
        return sum(self._matches(one, now) for one in self._candidates(books, sandbox))

    def page(self, books: Books, sandbox: str, now: float) -> Page:
        """Give the next page.

        Args:
            books: Where the connections are.
            sandbox: The only sandbox looked at.
            now: Monotonic seconds, to tell which connections are visible.
        """
        limit = self.bookmark.limit
        connections: list[Connection] = []
        for one in self._in_order(books, sandbox, now):
            if len(connections) == limit:
                last = connections[-1]
                keys = tuple(field.key(last) for field in self.order)
                return Page(connections, self.bookmark.model_copy(update={"keys": keys, "seq": last.seq}))
            connections.append(one)
        return Page(connections, None)

    def _matches(self, one: Connection, now: float) -> bool:
        return one.visible_at <= now and all(condition.holds(one) for condition in self.filters)

    def _candidates(self, books: Books, sandbox: str) -> Sequence[Connection]:
        """Narrow the sandbox down by name where a filter allows it, in order of creation."""
        for condition in self.filters:
            if condition.path == "name":
                found = [one for name in {*condition.values} for one in books.named(sandbox, name)]
                return sorted(found, key=lambda one: one.seq)
        return books.in_sandbox(sandbox)

    def _in_order(self, books: Books, sandbox: str, now: float) -> Iterator[Connection]:
        candidates = self._candidates(books, sandbox)
        if len(self.order) == 1 and self.order[0].name == "createdAt":
            # The books are in this order already: a page of a million costs no more than one of ten.
            walk: Iterable[Connection] = self._walk(candidates, is_descending=self.order[0].is_descending)
            return (one for one in walk if self._matches(one, now))
        found = [one for one in candidates if self._matches(one, now)]
        for field in reversed(self.order):
            found.sort(key=field.key, reverse=field.is_descending)
        return (one for one in found if self._is_ahead(one))

    def _walk(self, candidates: Sequence[Connection], *, is_descending: bool) -> Iterator[Connection]:
        seq = self.bookmark.seq
        if is_descending:
            end = bisect.bisect_left(candidates, seq, key=lambda one: one.seq) if seq else len(candidates)
            return (candidates[index] for index in range(end - 1, -1, -1))
        start = bisect.bisect_right(candidates, seq, key=lambda one: one.seq)
        return (candidates[index] for index in range(start, len(candidates)))

    def _is_ahead(self, one: Connection) -> bool:
        """Say whether a connection comes after the bookmark; equal keys are told apart by creation."""
        if not self.bookmark.seq:
            return True
        for field, mark in zip(self.order, self.bookmark.keys, strict=True):
            key: Any = field.key(one)
            if key != mark:
                return bool(key < mark if field.is_descending else key > mark)
        return one.seq > self.bookmark.seq


@dataclass(frozen=True, slots=True)
class Page:
    """Some connections, and where the next page begins."""

    connections: list[Connection]
    #: None = this is the last page.
    next: Bookmark | None


def read_listing(query: MultiMapping[str]) -> Listing:
    """Read the query of GET /connections.

    A continuation token brings its own filters and order, and its own limit unless the query has one.

    Raises:
        FlowServiceError: 1401 limit with count, 1453 a limit, count or token that cannot be read, and the
            codes of `parse_filter` and `parse_orderby`.
    """
    is_count = query.get("count", "false").lower()
    if is_count not in {"true", "false"}:
        raise FlowServiceError("1453-400", "count is true or false.")
    raw_limit = query.get("limit")
    if raw_limit is not None and is_count == "true":
        raise FlowServiceError("1401-400", "limit and count cannot be used together.")
    limit = DEFAULT_LIMIT
    if raw_limit is not None:
        if not raw_limit.isdecimal() or int(raw_limit) < 1:
            raise FlowServiceError("1453-400", "limit is a whole number of at least 1.")
        limit = min(int(raw_limit), MAX_LIMIT)
    token = query.get("continuationToken")
    if token is None:
        bookmark = Bookmark(
            filters=tuple(query.getall("property", [])),
            order=query.get("orderby", _DEFAULT_ORDER),
            limit=limit,
        )
    else:
        bookmark = _read_token(token)
        if raw_limit is not None:
            bookmark = bookmark.model_copy(update={"limit": limit})
    filters = tuple(parse_filter(text) for text in bookmark.filters)
    return Listing(bookmark, filters, parse_orderby(bookmark.order), is_count == "true")


def write_token(bookmark: Bookmark) -> str:
    """Give the continuation token that leads to a bookmark: opaque, and safe in a URL."""
    return base64.urlsafe_b64encode(orjson.dumps(bookmark.model_dump())).decode().rstrip("=")


def _read_token(token: str) -> Bookmark:
    padded = token + "=" * (-len(token) % 4)
    try:
        return Bookmark.model_validate_json(base64.urlsafe_b64decode(padded))
    except (ValueError, ValidationError) as error:
        raise FlowServiceError("1453-400", "The continuation token cannot be read.") from error
