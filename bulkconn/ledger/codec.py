"""How a `LedgerRecord` lies in a row of the table `rows`, and how single values are kept.

Pure functions: this file knows the columns' order and nothing of files or transactions.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bulkconn.core.lifecycle import State
from bulkconn.core.record import DoubtSince, LedgerRecord, Provenance, SentAs, TakenUp
from bulkconn.core.source import PlatformCloud

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.names import ConnectionId, EndpointKey

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# `json.dumps` with settings of its own makes an encoder at each call; every row is encoded.
_COMPACT: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_STATES: Final = {state.value: state for state in State}
_CLOUDS: Final = {cloud.value: cloud for cloud in PlatformCloud}
#: How nearly every row's ids are kept: there are none.
_NO_IDS: Final = "[]"
_PROVENANCES: Final = {None: None} | {provenance.value: provenance for provenance in Provenance}

#: The columns of a record, in the order in which `decode_record` takes them.
RECORD_COLUMNS: Final = (
    "key, name, source, platform_cloud, sandbox, auth, connection_spec_id, fingerprint, state, "
    "inventory_file, inventory_row, updated_at, cells, connection_id, etag, provenance, attempts, "
    "ambiguous, resends, certainly_created, error_code, error_message, request_id, sent_sandbox, "
    "sent_name, sent_spec_id, doubt_clock, doubt_s, seen_ids, other_ids"
)


def encode_time(at: datetime) -> int:
    """Give whole microseconds since 1970; exact, unlike a float of seconds."""
    return (at - _EPOCH) // _MICROSECOND


def decode_time(at_us: int) -> datetime:
    """Give the aware UTC time back."""
    return _EPOCH + timedelta(microseconds=at_us)


def encode_json(value: object) -> str:
    """Give compact JSON; lone surrogates, which SQLite cannot keep, become escapes."""
    text = _COMPACT.encode(value)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def encode_ids(ids: tuple[ConnectionId, ...] | None) -> str | None:
    """Give ids as JSON; None (leave as it is) stays None."""
    if not ids:
        return None if ids is None else _NO_IDS
    return encode_json(ids)


def decode_ids(text: str | None) -> tuple[ConnectionId, ...]:
    """Give ids back; none were kept where there is no text."""
    return tuple(json.loads(text)) if text and text != _NO_IDS else ()


def storable(text: str | None) -> str | None:
    """Give text from the service as it can be kept: a lone surrogate and a NUL become their escapes.

    JSON may carry half a surrogate pair, or a NUL. An outcome must be written whatever a gateway says:
    SQLite refuses what is no UTF-8, PostgreSQL also a NUL.
    """
    if text is None:
        return None
    if "\0" in text:
        text = text.replace("\0", "\\x00")
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def decode_state(value: str) -> State:
    """Give the state; raises KeyError for a word that this format does not have."""
    return _STATES[value]


def decode_taken_up(text: str) -> TakenUp:
    """Give what a taken-up row was before: its state, a blank, and its error code if it had one."""
    state, _, code = text.partition(" ")
    return TakenUp(decode_state(state), code or None)


def decode_cells(text: str) -> Mapping[str, str]:
    """Give a row's own columns back, in their order."""
    cells: dict[str, str] = json.loads(text)
    return cells


def decode_document(text: str) -> Mapping[str, Any]:
    """Give a JSON object back; an empty one where it is none: a copy may be had again."""
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def decode_record(row: tuple[Any, ...]) -> LedgerRecord:
    """Build the record from a row of `RECORD_COLUMNS`.

    Raises:
        KeyError: a word of a closed set is unknown: the file is damaged. (ValueError: so is its JSON.)
    """
    # One tuple unpacking and one positional call: a resume decodes a million of these.
    # fmt: off
    (key, name, source, cloud, sandbox, auth, spec_id, fingerprint, state, file, line, updated_at, cells,
     connection_id, etag, provenance, attempts, ambiguous, resends, certain, code, message, request_id,
     sent_sandbox, sent_name, sent_spec_id, doubt_clock, doubt_s, seen_ids, other_ids) = row
    return LedgerRecord(
        key, name, source, _CLOUDS[cloud], sandbox, auth, spec_id, fingerprint, _STATES[state], file, line,
        decode_time(updated_at), decode_cells(cells), connection_id, etag, _PROVENANCES[provenance],
        attempts, ambiguous, resends, bool(certain), code, message, request_id,
        None if sent_name is None else SentAs(sent_sandbox, sent_name, sent_spec_id),
        None if doubt_clock is None else DoubtSince(doubt_clock, doubt_s),
        decode_ids(seen_ids), decode_ids(other_ids),
    )
    # fmt: on


class Standing(NamedTuple):
    """What a change must know of the row it changes."""

    row_id: int
    state: State
    attempts: int
    connection_id: ConnectionId | None
    other_ids: tuple[ConnectionId, ...]
    seen_ids: tuple[ConnectionId, ...]
    sent_as: tuple[str | None, str | None, str | None]


#: Standings of rows by key, between an intent and what becomes of it.
Standings = dict["EndpointKey", Standing]
