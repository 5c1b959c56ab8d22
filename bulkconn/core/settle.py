"""How a doubt is settled: which listed connection is ours, and when nothing found means nothing there.

*Exact match to claim, loose match to block.* Clocks (`createdAt`) are hints and decide nothing. The
only "not there" is a complete lookup, twice, the last one begun after the grace, beside a control that
shows the lookup can see what is known to exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bulkconn.core.names import loose_name
from bulkconn.core.reply import MARKER

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from bulkconn.core.names import ConnectionId, EndpointKey
    from bulkconn.core.record import SentAs
    from bulkconn.core.reply import ListedConnection

#: Seconds after the end of a doubtful attempt at which it is looked up; then every 60 s.
LOOK_OFFSETS_S: Final = (1.0, 3.0, 10.0, 30.0, 90.0)
_LOOK_EVERY_S: Final = 60.0
#: Seconds to the second look at a doubt whose grace was over at the first one: a resumed run need not wait
#: a minute for it.
_SECOND_LOOK_S: Final = 3.0
#: How long a doubt is looked up that may never be sent again, seconds: nothing waits for it.
_PATIENCE_OF_NEVER_S: Final = 30.0
#: Complete lookups without a find that it takes, at least, before a row may be sent again.
LOOKS_NEEDED: Final = 2
#: How often a lookup is repeated for a control that does not show, before the row stays in doubt.
CONTROL_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Doubt:
    """Whom we look for: the identity as sent, and what tells ours from a stranger's.

    `seen_ids` bore the name before our first intent, so they are not ours. `client_id` is what the
    service would show as `createdClient`, `own_clients` what it was seen to show for ours. `marker` is
    what our description ends with, if it was asked for: the whole `[bulkconn:<ledger id>/<key hash>]`.
    `org_id` is the ledger's organisation.
    """

    key: EndpointKey
    sent_as: SentAs
    seen_ids: Container[ConnectionId] = ()
    client_id: str | None = None
    marker: str | None = None
    own_clients: Container[str] = ()
    org_id: str | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What a complete lookup holds for one doubt: ours, and what is too alike to be told apart."""

    ours: tuple[ListedConnection, ...] = ()
    blockers: tuple[ListedConnection, ...] = ()


def judge_listing(
    doubt: Doubt,
    items: Iterable[ListedConnection],
    holders: Mapping[ConnectionId, EndpointKey],
) -> Findings:
    """Sort the listed connections of a like name into ours and blockers.

    `holders` says which rows hold which ids: one that another row holds is never ours. Our marker proves
    what bears it to be ours, and then mere likeness blocks no more. What is equal to the letter still
    counts beside it: an earlier run may have sent this row without a marker.
    """
    ours: list[ListedConnection] = []
    blockers: list[ListedConnection] = []
    has_proof = False
    loose = loose_name(doubt.sent_as.name)
    for item in items:
        is_proven = doubt.marker is not None and _marker_of(item) == doubt.marker
        if not is_proven and (loose_name(item.name) != loose or not _may_be_ours(doubt, item)):
            continue
        if _is_free(doubt, item, holders) and (is_proven or _is_equal(doubt, item)):
            ours.append(item)
            has_proof = has_proof or is_proven
        else:
            blockers.append(item)
    return Findings(tuple(ours), () if has_proof else tuple(blockers))


def _may_be_ours(doubt: Doubt, item: ListedConnection) -> bool:
    return (
        item.connection_spec_id in {None, doubt.sent_as.connection_spec_id}
        and item.connection_id not in doubt.seen_ids
    )


def _is_free(doubt: Doubt, item: ListedConnection, holders: Mapping[ConnectionId, EndpointKey]) -> bool:
    return (
        holders.get(item.connection_id, doubt.key) == doubt.key
        and item.sandbox in {None, doubt.sent_as.sandbox}
        and (doubt.org_id is None or item.org_id in {None, doubt.org_id})
    )


def _is_equal(doubt: Doubt, item: ListedConnection) -> bool:
    sent_as = doubt.sent_as
    return (
        _marker_of(item) is None
        and item.name == sent_as.name
        and item.connection_spec_id == sent_as.connection_spec_id
        and _has_our_client(doubt, item)
    )


def _has_our_client(doubt: Doubt, item: ListedConnection) -> bool:
    return (
        item.created_client is None
        or doubt.client_id is None
        or item.created_client == doubt.client_id
        or item.created_client in doubt.own_clients
    )


def _marker_of(item: ListedConnection) -> str | None:
    """Give the last marker: ours is appended, and a description may have been copied with another in it."""
    found = MARKER.findall(item.description or "")
    return found[-1] if found else None


class Control(StrEnum):
    """Whether the same kind of lookup found a connection that is known to exist."""

    #: It did.
    SHOWN = "shown"
    #: It did not: what the lookup does not show may exist all the same.
    HIDDEN = "hidden"
    #: The sandbox offers no connection to try it on.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Looks:
    """How often a doubt was looked up in vain, on the clock that counts suspension.

    `since_s` is when the doubt began: the end of the attempt. Only complete lookups count.
    """

    since_s: float
    complete: int = 0
    last_begun_s: float = float("-inf")
    hidden_controls: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """It is there and it is ours."""

    item: ListedConnection


@dataclass(frozen=True, slots=True)
class Hold:
    """A human must look: several, or one that is not certainly ours."""

    items: tuple[ListedConnection, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class LookAgain:
    """Not known yet: look again, not before `at_s`."""

    at_s: float


@dataclass(frozen=True, slots=True)
class Absent:
    """It is not there: the row may be sent again, or called failed."""


@dataclass(frozen=True, slots=True)
class StayInDoubt:
    """This run cannot settle it; a later look may."""

    reason: str


Settlement = Claim | Hold | LookAgain | Absent | StayInDoubt


def decide_settlement(
    findings: Findings,
    looks: Looks,
    *,
    control: Control,
    grace_s: float | None,
    certainly_created: bool,
) -> Settlement:
    """Decide after a complete lookup (already counted in `looks`).

    `grace_s` None means "never sent again". A row that was certainly created is looked for until the
    grace is over and then left to a later look; it is never absent.
    """
    if len(findings.ours) == 1 and not findings.blockers:
        return Claim(findings.ours[0])
    if findings.ours or findings.blockers:
        return Hold(findings.ours + findings.blockers, _why_held(findings))
    patience_s = grace_s if grace_s is not None else _PATIENCE_OF_NEVER_S
    if looks.complete < LOOKS_NEEDED or looks.last_begun_s < looks.since_s + patience_s:
        return LookAgain(next_look_at_s(looks, grace_s))
    if certainly_created:
        return StayInDoubt("the service said it created this connection, but no lookup shows it yet")
    if grace_s is None:
        return StayInDoubt("no lookup shows it, and --settle-grace never forbids sending it again")
    if control is Control.HIDDEN:
        if looks.hidden_controls < CONTROL_TRIES:
            return LookAgain(next_look_at_s(looks, grace_s))
        return StayInDoubt(
            "lookups do not even show a connection that is known to exist, so they prove nothing"
        )
    return Absent()


def next_look_at_s(looks: Looks, grace_s: float | None) -> float:
    """Give the next time to look: 1, 3, 10, 30, 90 s after the doubt began, then each minute.

    One look falls on the end of the grace, whatever the schedule says. Where only the number of looks is
    wanting, the next is soon.
    """
    age_s = max(0.0, looks.last_begun_s - looks.since_s)
    if grace_s is not None and 0 < looks.complete < LOOKS_NEEDED and age_s >= max(grace_s, _SECOND_LOOK_S):
        return looks.last_begun_s + _SECOND_LOOK_S
    ahead = [offset for offset in LOOK_OFFSETS_S if offset > age_s]
    offset = ahead[0] if ahead else age_s + _LOOK_EVERY_S
    if grace_s is not None and age_s < grace_s < offset:
        offset = grace_s
    return looks.since_s + offset


def first_look_at_s(since_s: float, grace_s: float | None) -> float:
    """Give the time of the first look after a doubt began."""
    return next_look_at_s(Looks(since_s), grace_s)


def find_twins(
    doubt: Doubt,
    own_id: ConnectionId | None,
    items: Iterable[ListedConnection],
    holders: Mapping[ConnectionId, EndpointKey],
) -> tuple[ListedConnection, ...]:
    """Give the connections that are ours by every sign and yet are not the one that the row holds.

    Where no own connection shows to the letter, the service may re-case names or hide specs: then what is
    merely alike, and not certainly another's, may be ours too.
    """
    findings = judge_listing(doubt, items, holders)
    found = findings.ours
    if not any(_is_equal(doubt, item) for item in found):
        found += tuple(
            item
            for item in findings.blockers
            if _is_free(doubt, item, holders) and _marker_of(item) is None and _has_our_client(doubt, item)
        )
    return tuple(item for item in found if item.connection_id != own_id)


def _why_held(findings: Findings) -> str:
    if not findings.ours:
        return "a connection of a like name exists that is not certainly ours"
    return "several connections bear this name and spec: one of them may be a twin"
