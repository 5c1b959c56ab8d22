"""One span a row, its requests as children: where a row's time went.

Each row is a trace of its own, linked to the span of its run: a trace of a million rows helps nobody.
Attributes are names, codes and redacted messages, as the ledger has them; never a payload, header or secret.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from opentelemetry.trace import Link, SpanKind, Status, StatusCode, set_span_in_context

from bulkconn.core.facts import (
    RequestEnded,
    RequestKind,
    RowMoved,
    RowStaysInDoubt,
    RowTaken,
    RunBegan,
    RunEnded,
)
from bulkconn.core.lifecycle import State

if TYPE_CHECKING:
    from datetime import datetime

    from opentelemetry.trace import Span, Tracer

    from bulkconn.core.facts import Fact
    from bulkconn.core.names import EndpointKey, RunId

#: States with which a row's span ends; a row in doubt goes on.
_ENDS: Final = frozenset({State.CREATED, State.ADOPTED, State.FAILED, State.HELD})
_GOOD: Final = frozenset({State.CREATED, State.ADOPTED})
#: Spans that may be open: more than rows are ever at work or wait. The oldest is ended beyond that.
_OPEN_MAX: Final = 20_000
_MESSAGE_LENGTH: Final = 300
_FIRST_ERROR_STATUS: Final = 400
_METHODS: Final = {RequestKind.POST: "POST", RequestKind.LOOKUP: "GET"}


class Spans:
    """A `Listener` that makes spans of facts."""

    hears_rows = True

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._runs: dict[RunId | None, Span] = {}
        self._rows: dict[EndpointKey, Span] = {}

    def hear(self, fact: Fact, at: datetime, run_id: RunId | None) -> None:
        """Open, extend or end a span."""
        match fact:
            case RowTaken():
                self._on_taken(fact, at, run_id)
            case RequestEnded():
                self._on_request(fact, at, run_id)
            case RowMoved():
                self._on_moved(fact, at)
            case RowStaysInDoubt(row, reason):
                self._end(row.key, at, State.IN_DOUBT, reason)
            case RunBegan(command):
                if run_id not in self._runs:
                    self._runs[run_id] = self._tracer.start_span(
                        f"bulkconn {command}",
                        start_time=_ns(at),
                        attributes={"bulkconn.run_id": run_id or "", "bulkconn.command": command},
                    )
            case RunEnded(summary):
                self.close(at, exit_code=int(summary["exit_code"]))
            case _:
                pass

    def close(self, at: datetime, *, exit_code: int | None = None) -> None:
        """End what is open: rows that this run leaves as they are, and the runs. Repeat: safe."""
        for key in list(self._rows):
            self._end(key, at, None, "left as it is")
        for span in self._runs.values():
            if exit_code is not None:
                span.set_attribute("bulkconn.exit_code", exit_code)
                if exit_code:
                    span.set_status(Status(StatusCode.ERROR, f"exit code {exit_code}"))
            span.end(_ns(at))
        self._runs.clear()

    def _on_taken(self, fact: RowTaken, at: datetime, run_id: RunId | None) -> None:
        row = fact.row
        if row.key in self._rows:
            return
        if len(self._rows) >= _OPEN_MAX:
            self._end(next(iter(self._rows)), at, None, "left as it is")
        run = self._runs.get(run_id)
        self._rows[row.key] = self._tracer.start_span(
            "row",
            start_time=_ns(at),
            links=() if run is None else (Link(run.get_span_context()),),
            attributes={
                "bulkconn.run_id": run_id or "",
                "bulkconn.row.key": row.key,
                "bulkconn.row.name": row.name or "",
                "bulkconn.sandbox": row.sandbox,
                "bulkconn.source": row.source,
            },
        )

    def _on_request(self, fact: RequestEnded, at: datetime, run_id: RunId | None) -> None:
        row = None if fact.key is None else self._rows.get(fact.key)
        parent = row or self._runs.get(run_id)
        span = self._tracer.start_span(
            "attempt" if fact.kind is RequestKind.POST else "lookup",
            context=None if parent is None else set_span_in_context(parent),
            kind=SpanKind.CLIENT,
            start_time=_ns(at - timedelta(seconds=fact.seconds)),
            attributes={"http.request.method": _METHODS[fact.kind]},
        )
        if fact.result.isdecimal():
            status = int(fact.result)
            span.set_attribute("http.response.status_code", status)
            is_error = status >= _FIRST_ERROR_STATUS
        else:
            is_error = True
        if is_error:
            span.set_attribute("error.type", fact.result)
            span.set_status(Status(StatusCode.ERROR))
        span.end(_ns(at))

    def _on_moved(self, fact: RowMoved, at: datetime) -> None:
        move = fact.move
        span = self._rows.get(move.key)
        if span is None:
            return
        span.set_attribute("bulkconn.attempts", fact.attempt_no)
        if move.connection_id is not None:
            span.set_attribute("bulkconn.connection_id", move.connection_id)
        if move.error_code is not None:
            span.set_attribute("bulkconn.error_code", move.error_code)
        if move.to in _ENDS:
            self._end(move.key, at, move.to, move.error_message or "")
        elif move.to is State.IN_DOUBT:
            span.add_event("in doubt", {"code": move.error_code or ""}, _ns(at))

    def _end(self, key: EndpointKey, at: datetime, state: State | None, message: str) -> None:
        span = self._rows.pop(key, None)
        if span is None:
            return
        if state is not None:
            span.set_attribute("bulkconn.state", state.value)
        if state not in _GOOD:
            span.set_status(Status(StatusCode.ERROR, message[:_MESSAGE_LENGTH]))
        span.end(_ns(at))


def _ns(at: datetime) -> int:
    return int(at.timestamp() * 1e6) * 1000
