"""What an answer means for everybody else: the gate, the token, parked places, the run's end."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from bulkconn.core.facts import PlaceParked
from bulkconn.core.outcome import Outcome, OutcomeKind, Scope
from bulkconn.core.remedies import remedy_for
from bulkconn.core.report import Stop

if TYPE_CHECKING:
    from bulkconn.core.protocols import Token
    from bulkconn.engine.context import RunContext


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that left: with which token, when, to which sandbox and source, and of which kind."""

    token: Token
    at_s: float
    label: tuple[str, str]
    is_post: bool


def tell_everybody(run: RunContext, outcome: Outcome, sent: Sent) -> None:
    """Let gate, pace, token, parking and the run's end follow an answer; the row itself is not touched."""
    sandbox, source = sent.label
    if outcome.kind is OutcomeKind.TOKEN_REFUSED:
        run.gate.on_token_refused(sent.token, outcome.message, is_post=sent.is_post)
    elif outcome.status is not None:
        run.gate.on_token_accepted(sent.token, is_post=sent.is_post)
    if outcome.status == HTTPStatus.TOO_MANY_REQUESTS:
        run.this_run.throttled += 1
        run.gate.on_complaint(sent.at_s, outcome.closes_gate_s)
    elif outcome.lowers_pace:
        run.gate.on_strain(outcome.closes_gate_s)
    if outcome.closes_gate_s is not None and outcome.closes_gate_s > run.patience.max_wait_s:
        run.stops.stop(_too_long(run, outcome.closes_gate_s))
    if outcome.stops_run:
        run.stops.stop(_stop(outcome))
    elif outcome.kind is OutcomeKind.NOT_POSSIBLE and run.stops.park(stop := _stop(outcome), sandbox, source):
        run.log.warning(
            "place.parked", scope=outcome.scope.value, sandbox=sandbox, source=source, code=outcome.code
        )
        parked_source = source if outcome.scope is Scope.SOURCE else None
        run.tell(PlaceParked(sandbox, parked_source, outcome.code, stop))


def check_patience(run: RunContext, *, is_definitive: bool, message: str) -> None:
    """Measure how long nothing definitive has come, and end the run when it is too long."""
    if is_definitive:
        run.patience.on_definitive()
        return
    now_s = run.clock.elapsed_s()
    run.patience.on_trouble(now_s)
    if run.patience.is_over(now_s):
        run.stops.stop(
            Stop(
                f"no definitive answer for {run.patience.max_wait_s:g} s: {message}",
                Scope.RUN,
                "the service or the way to it is down: run the same command again later",
            )
        )


def _stop(outcome: Outcome) -> Stop:
    return Stop(f"{outcome.code}: {outcome.message}", outcome.scope, remedy_for(outcome.code, outcome.status))


def _too_long(run: RunContext, seconds: float) -> Stop:
    return Stop(
        f"the service asks to wait {seconds:.0f} s, longer than --max-wait ({run.patience.max_wait_s:g} s)",
        Scope.RUN,
        f"run the same command again in {seconds:.0f} s; nothing is lost",
    )
