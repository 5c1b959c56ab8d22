"""What the engine needs of the rooms beside it, and nothing more of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.facts import Fact
    from bulkconn.core.names import ConnectionId, EndpointKey, RunId
    from bulkconn.core.record import (
        Change,
        LedgerInfo,
        LedgerRecord,
        LedgerSummary,
        NameConflict,
        RowStanding,
        TakenUp,
        Watch,
    )
    from bulkconn.core.reply import Fault, Reply
    from bulkconn.core.secret import SecretRef, SecretStr
    from bulkconn.core.service_spec import Place


class Clock(Protocol):
    """Time, as an argument to everything that needs it."""

    @property
    def clock_id(self) -> str:
        """Name this boot of this machine: `elapsed_s` of two processes compare only under one id."""
        ...

    def now(self) -> datetime:
        """Give the wall clock in UTC: for people and records, a hint and never a proof."""
        ...

    def elapsed_s(self) -> float:
        """Give seconds on a clock that never jumps back and counts the time a machine is suspended."""
        ...


@dataclass(frozen=True, slots=True)
class Token:
    """An access token. `generation` counts renewals in this process, from 1."""

    value: SecretStr
    generation: int


@dataclass(frozen=True, slots=True)
class TokenFailure:
    """The token endpoint gave no token.

    `is_refused` means that asking again is useless (wrong client, secret or scope); otherwise the
    endpoint was not reached or not well, and `retry_after_s` is its wish, if it had one. A token
    given by hand cannot be renewed: that too is refused.
    """

    is_refused: bool
    code: str
    message: str
    retry_after_s: float | None = None


class TokenSource(Protocol):
    """Where access tokens come from."""

    def current(self) -> Token | None:
        """Give the token without waiting; None when there is none or it is about to expire."""
        ...

    async def renew(self) -> Token | TokenFailure:
        """Ask for a new token. The caller sees to it that one task does so at a time."""
        ...


@dataclass(frozen=True, slots=True)
class PageQuery:
    """One page of `GET /connections` in a sandbox.

    `filters` are (path, value) pairs, each sent as its own `property=path==value`. With `count` only
    the number of matches is asked for, and neither limit nor order is sent (error 1401-400).
    """

    sandbox: str
    filters: tuple[tuple[str, str], ...] = ()
    limit: int | None = 100
    order_by: str | None = None
    continuation_token: str | None = None
    count: bool = False


class ConnectionApi(Protocol):
    """The door to Flow Service. It returns what came back and never decides what it means."""

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one POST, once. Never raises for what the network or the service does.

        Repeat: not safe. Cancel: the POST may have been processed.
        """
        ...

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Fetch one page. Repeat: safe."""
        ...


class Collection(StrEnum):
    """What is built on base connections, by the path at which it is listed."""

    SOURCES = "sourceConnections"
    FLOWS = "flows"


@dataclass(frozen=True, slots=True)
class ConnectionPlace:
    """A connection that exists, in its sandbox."""

    sandbox: str
    connection_id: ConnectionId


class UpkeepApi(Protocol):
    """The door to connections that exist. None of these raises for what network or service do."""

    async def show(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Fetch one connection. Repeat: safe."""
        ...

    async def test(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Let the service try one connection. Repeat: safe."""
        ...

    async def explore(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Ask which tables one connection offers. Repeat: safe."""
        ...

    async def change_params(
        self,
        place: ConnectionPlace,
        etag: str,
        request: ConnectionRequest,
        token: Token,
    ) -> Reply | Fault:
        """Replace all parameters of a connection by those of a request, if its etag is still this one.

        Repeat: safe with a fresh etag, for the parameters are replaced whole. Cancel: they may be replaced.
        """
        ...

    async def list_uses(self, what: Collection, query: PageQuery, token: Token) -> Reply | Fault:
        """Fetch one page of what is built on connections. Repeat: safe."""
        ...

    async def delete(self, place: ConnectionPlace, token: Token) -> Reply | Fault:
        """Delete one connection. Repeat: safe, an id is never given out twice. Cancel: it may be gone."""
        ...


class SpecApi(Protocol):
    """The door to what Flow Service says of its sources."""

    async def show_spec(self, place: Place, token: Token) -> Reply | Fault:
        """Fetch one connection spec. Never raises for what the network or the service does. Repeat: safe."""
        ...


class PaceShown(Protocol):
    """What there is to see of a pace."""

    @property
    def rate_per_s(self) -> float:
        """Requests per second at which they leave now."""
        ...

    @property
    def ceiling_per_s(self) -> float:
        """Requests per second that are never passed."""
        ...

    @property
    def closed_for_s(self) -> float:
        """Seconds for which others have closed the gate; 0 when it is open."""
        ...


class Pacer(PaceShown, Protocol):
    """The pace of requests: this process's own, or one that it shares with others.

    `now_s` and `sent_at_s` are seconds of `Clock.elapsed_s`. One dispatcher awaits `acquire`.
    """

    @property
    def aboard_limit(self) -> int:
        """How many requests leave within the next moments: so many may hold a durable intent."""
        ...

    async def acquire(self, wanted: int) -> None:
        """Wait for the next slot; `wanted` are waiting for one. Cancel: no slot is taken.

        Returns without a slot where the gate was closed meanwhile: look at `closed_for_s` again.
        """
        ...

    def close_for(self, seconds: float) -> None:
        """Tell others that the gate is closed for so long."""
        ...

    def on_accepted(self, now_s: float) -> None:
        """The service took a request: the pace may climb."""
        ...

    def on_strain(self, now_s: float) -> None:
        """The service stumbled (5xx): lower the pace a little."""
        ...

    def on_complaint(self, now_s: float, sent_at_s: float) -> bool:
        """The service said "too fast": lower the pace; tells whether this began a burst of complaints."""
        ...

    def restart_low(self, now_s: float) -> None:
        """Begin slowly after an outage."""
        ...


class Ledger(Protocol):
    """The durable record, held by this process; every method may raise `LedgerError`."""

    @property
    def info(self) -> LedgerInfo:
        """Say which ledger this is and which target it belongs to."""
        ...

    @property
    def send_before_s(self) -> float:
        """Say until when (`Clock.elapsed_s`) a POST may leave under a durable intent.

        Infinity where only the end of this process ends its hold; otherwise the end of its lease, as far
        as it is known by now. Read it after the last wait before the first byte.
        """
        ...

    @property
    def quiet_at_s(self) -> float:
        """Say from when (`Clock.elapsed_s`) nothing that earlier holders sent can be on its way.

        Long ago where they are certainly dead. Until then a doubt of theirs has not begun.
        """
        ...

    async def begin_run(self, run_id: RunId, at: datetime, settings: Mapping[str, object]) -> int:
        """Record a run and its settings, and turn every row found as `sending` into `in_doubt`.

        Such a row was cut off; its attempt ends now, ambiguously. Returns how many there were.
        """
        ...

    async def end_run(self, run_id: RunId, at: datetime, summary: Mapping[str, object]) -> None:
        """Record how a run ended."""
        ...

    async def commit(self, changes: Sequence[Change]) -> None:
        """Write changes in order, in one transaction, durable (fsync) when this returns.

        Concurrent calls are grouped into one transaction; a call's own changes are all in or all out.
        Cancel: the changes may still be written.

        Raises:
            IllegalMove: the lifecycle forbids one of them; none of this call's is written.
            AnsweredLate: an intent's row was created by an earlier attempt; none of this call's is written.
            LedgerError: they could not be written; nothing may be sent any more.
        """
        ...

    async def records(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, LedgerRecord]:
        """Look rows up by key; unknown ones are left out."""
        ...

    async def standings(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, RowStanding]:
        """Look up only what tells finished rows from others: several times cheaper than `records`."""
        ...

    async def taken_up(self, keys: Sequence[EndpointKey]) -> dict[EndpointKey, TakenUp]:
        """Say as what rows were finished that a run took up once more and that are unfinished now.

        All others are left out.
        """
        ...

    async def doubted(self, *, after: EndpointKey | None, limit: int) -> list[LedgerRecord]:
        """Give up to `limit` rows in doubt, ordered by key, beginning after a key."""
        ...

    async def watched(self, *, since: datetime, after: EndpointKey | None, limit: int) -> list[Watch]:
        """Give the names under which an attempt since then was ambiguous, ordered by key.

        `limit` bounds keys: all names of a key come in one answer.
        """
        ...

    async def holders(self, ids: Iterable[ConnectionId]) -> dict[ConnectionId, EndpointKey]:
        """Say which rows hold these connection ids (as `connection_id`)."""
        ...

    async def known_connection(self, sandbox: str, *, skip: int = 0) -> LedgerRecord | None:
        """Give the longest-known created row of a sandbox: a lookup must be able to find it.

        With `skip` that many are passed over: somebody may have renamed or removed them since.
        """
        ...

    async def conflicts(
        self, names: Sequence[tuple[EndpointKey, str, str, str]]
    ) -> dict[EndpointKey, NameConflict]:
        """For (key, sandbox, connection spec id, loose name): which *other* key has that name already."""
        ...

    async def summary(self) -> LedgerSummary:
        """Count the whole ledger."""
        ...


class SecretResolver(Protocol):
    """Finds what secret references stand for, just before a request is sent."""

    async def resolve(self, refs: Sequence[SecretRef]) -> Mapping[SecretRef, SecretStr]:
        """Resolve all of them.

        Raises:
            SecretUnavailable: one cannot be resolved; the message names it and holds no secret.
            SecretStoreDown: a store cannot be asked, so nothing more can be sent that needs it.
        """
        ...


class Listener(Protocol):
    """Somebody who wants to know what a run does; told at once, on the event loop, so it must not wait."""

    @property
    def hears_rows(self) -> bool:
        """Whether it wants to hear of single rows and requests too: a large run has millions of them.

        Where nobody does, these facts are not even made. One that says no may hear of them nevertheless.
        """
        ...

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:
        """Take note of a fact of a run (None: of a command whose run did not begin); must not raise."""
        ...
