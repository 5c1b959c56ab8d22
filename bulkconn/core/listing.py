"""Read replies about connections: a page of a listing, a count, and the answer to a create.

Only what may be kept of a body leaves this module: ids, names, spec, state, times and the few
non-secret parameters that are compared before an adoption. A connection string is never kept, because
the documents do not say whether the service masks the password in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from bulkconn.core.adoption import COMPARED
from bulkconn.core.connection_string import pieces_of, visible_name
from bulkconn.core.names import ConnectionId
from bulkconn.core.reply import BodyState, ListedConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.reply import Reply

__all__ = ["IdPage", "OddPage", "Page", "read_count", "read_created", "read_ids", "read_page"]

_MAX_ID: Final = 200
_MAX_ETAG: Final = 500
_OK: Final = 200
#: What no path segment may hold; of all blanks only this one is printable.
_ENDS_A_SEGMENT: Final = frozenset("/\\?#% ")


@dataclass(frozen=True, slots=True)
class Page:
    """One whole page of a listing. The chain of pages ends where `continuation_token` is None."""

    items: tuple[ListedConnection, ...]
    continuation_token: str | None


@dataclass(frozen=True, slots=True)
class IdPage:
    """One whole page of things of which only the ids are wanted."""

    ids: tuple[str, ...]
    continuation_token: str | None


@dataclass(frozen=True, slots=True)
class OddPage:
    """Not a whole page: nothing may be concluded from it, least of all that something is not there.

    `reason` holds nothing of the body.
    """

    reason: str


class _Odd(Exception):
    """The page is odd; `str()` says why."""


def read_page(reply: Reply) -> Page | OddPage:
    """Read one page of `GET /connections`.

    Strict on purpose: one item that cannot be read makes the whole page odd, because it may be the very
    one that is looked for.
    """
    try:
        body = _whole_object(reply)
        return Page(_items(body), _next_token(body))
    except _Odd as odd:
        return OddPage(str(odd))


def read_ids(reply: Reply) -> IdPage | OddPage:
    """Read one page of a listing of anything that has ids: source connections, flows. As strict."""
    try:
        body = _whole_object(reply)
        return IdPage(_ids(body), _next_token(body))
    except _Odd as odd:
        return OddPage(str(odd))


def read_count(reply: Reply) -> int | None:
    """Read the answer to `count=true`; None where it is not a count."""
    try:
        count = _whole_object(reply).get("count")
    except _Odd:
        return None
    return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def read_created(reply: Reply) -> tuple[ConnectionId | None, str | None]:
    """Read id and etag (with its own quotes) from the answer to a create.

    The id is in the body, in `Location`, or in both. Where they contradict each other neither is
    taken: an id that stays wrong for ever is worse than a lookup, which finds the right one. The etag
    is that of the id, so it goes with it.
    """
    body: Mapping[str, object] = reply.body if isinstance(reply.body, dict) else {}
    in_body = _as_id(body.get("id"))
    in_location = _id_of_location(reply.location)
    if in_body and in_location and in_body.lower() != in_location.lower():
        return None, None
    connection_id = in_body or in_location
    if connection_id is None:
        return None, None
    etag = body.get("etag")
    is_etag = isinstance(etag, str) and 0 < len(etag) <= _MAX_ETAG and etag.isprintable()
    return connection_id, etag if isinstance(etag, str) and is_etag else None


def _whole_object(reply: Reply) -> Mapping[str, object]:
    if reply.status != _OK:
        raise _Odd(f"status {reply.status} instead of 200")
    if reply.body_state is BodyState.CUT:
        raise _Odd("the body was cut")
    if reply.body_state is BodyState.NOT_JSON:
        raise _Odd("the body is not JSON")
    if not isinstance(reply.body, dict):
        raise _Odd("the body is not a JSON object")
    return reply.body


def _as_id(value: object) -> ConnectionId | None:
    """Take what looks like an id: one path segment of printable characters without blanks."""
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_ID:
        return None
    return ConnectionId(value) if value.isprintable() and _ENDS_A_SEGMENT.isdisjoint(value) else None


def _id_of_location(location: str | None) -> ConnectionId | None:
    """Read the id from `.../connections/<id>` or a bare `<id>`; any other place names something else."""
    if not location:
        return None
    try:
        path = urlsplit(location.strip()).path
    except ValueError:
        return None
    segments = [unquote(segment) for segment in path.split("/") if segment]
    match segments:
        case [only] if "/" not in path and only != "connections":
            return _as_id(only)
        case [*_, "connections", last]:
            return _as_id(last)
        case _:
            return None


def _items(body: Mapping[str, object]) -> tuple[ListedConnection, ...]:
    items = body.get("items")
    if not isinstance(items, list):
        raise _Odd("the page has no list of items")
    return tuple(_item(one) for one in items)


def _ids(body: Mapping[str, object]) -> tuple[str, ...]:
    items = body.get("items")
    if not isinstance(items, list):
        raise _Odd("the page has no list of items")
    ids = tuple(_as_id(_object(one).get("id")) for one in items)
    if not all(ids):
        raise _Odd("an item has no readable id")
    return tuple(one for one in ids if one)


def _item(value: object) -> ListedConnection:
    if not isinstance(value, dict):
        raise _Odd("an item is not an object")
    connection_id = _as_id(value.get("id"))
    if connection_id is None:
        raise _Odd("an item has no readable id")
    name = value.get("name")
    if not isinstance(name, str):
        raise _Odd("an item has no name")
    return ListedConnection(
        connection_id=connection_id,
        name=name,
        connection_spec_id=_text(_object(value.get("connectionSpec")).get("id")),
        etag=_text(value.get("etag")) or _text(value.get("version")),
        state=_text(value.get("state")),
        created_at_ms=_epoch_ms(value.get("createdAt")),
        created_client=_text(value.get("createdClient")),
        sandbox=_text(value.get("sandboxName")),
        org_id=_text(value.get("imsOrgId")),
        description=_text(value.get("description")),
        visible=_visible(_object(_object(value.get("auth")).get("params"))),
    )


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _epoch_ms(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _visible(params: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    shown = _of_connection_string(params.get("connectionString"))
    shown |= {name: text for name in COMPARED if (text := _text(params.get(name)))}
    return tuple((name, shown[name]) for name in COMPARED if name in shown)


def _of_connection_string(value: object) -> dict[str, str]:
    """Give server, database and user of a clear `Key=value;...` string, and nothing else of it.

    A string with quotes or braces gives nothing: where a value ends in it is not certain, and half a
    password must not pass for a database. What is said twice is not said.
    """
    text = _text(value)
    if text is None or any(char in "\"'{}" for char in text):
        return {}
    found: dict[str, str] = {}
    twice: set[str] = set()
    for part in pieces_of(text):
        key, equals, content = part.partition("=")
        name = visible_name(key)
        if not name or not equals or not content.strip():
            continue
        if name in found:
            twice.add(name)
        found[name] = content.strip()
    return {name: content for name, content in found.items() if name not in twice}


def _next_token(body: Mapping[str, object]) -> str | None:
    """Read the token that leads to the next page; None at the end of the chain.

    Of a link only the token counts, whatever host it names: the request goes to our own base URL.
    """
    links = body.get("_links")
    if links is None:
        return None
    if not isinstance(links, dict):
        raise _Odd("the links of the page are not an object")
    link = links.get("next")
    if link is None:
        return None
    if not isinstance(link, dict):
        raise _Odd("the link to the next page is not an object")
    href = link.get("href")
    if href is None or href == "":
        return None
    if not isinstance(href, str):
        raise _Odd("the link to the next page is not text")
    return _token_of(href)


def _token_of(href: str) -> str:
    try:
        query = urlsplit(href).query
    except ValueError:
        raise _Odd("the link to the next page is not a URL") from None
    pairs = (pair.partition("=") for pair in query.split("&"))
    # A `+` stays one: tokens are often raw base64, and none is known that holds a blank.
    tokens = {unquote(value) for name, _, value in pairs if unquote(name) == "continuationToken"}
    if len(tokens) != 1 or "" in tokens:
        raise _Odd("the link to the next page has no continuation token")
    return tokens.pop()
