"""What replies to a POST mean: one table, read from the top, and the unknown is *in doubt*.

The codes are those of Adobe's pages "Flow Service errors" and "Sources errors"; the gateway's are of
"Troubleshooting". Both catalogues reuse numbers, so a rule keys on number *and* status.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from bulkconn.core.error_body import ErrorInfo, read_error
from bulkconn.core.listing import read_created
from bulkconn.core.outcome import Outcome, OutcomeKind, Scope
from bulkconn.core.reply import Fault, FaultKind, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

_REFUSED: Final = frozenset({400, 401, 403, 404, 405, 407, 413, 415, 422})


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line of the table: which replies it catches, and what they mean.

    `statuses` None catches every status, also those that HTTP does not know (`HTTP/1.1 099`).
    """

    name: str
    statuses: frozenset[int] | None
    kind: OutcomeKind
    scope: Scope = Scope.ROW
    numbers: frozenset[str] | None = None
    when: Callable[[Reply, ErrorInfo], bool] | None = None
    closes_gate: bool = False
    lowers_pace: bool = False
    stops_run: bool = False

    def catches(self, reply: Reply, error: ErrorInfo) -> bool:
        """Tell whether this line speaks about the reply."""
        return (
            (self.statuses is None or reply.status in self.statuses)
            and (self.numbers is None or (error.number or "") in self.numbers)
            and (self.when is None or self.when(reply, error))
        )


def _is_gateway(_reply: Reply, error: ErrorInfo) -> bool:
    return error.is_gateway


def _is_not_entitled(_reply: Reply, error: ErrorInfo) -> bool:
    return "not entitled" in error.message.lower()


def _names_the_sandbox(_reply: Reply, error: ErrorInfo) -> bool:
    return "sandbox" in error.message.lower()


def _has_no_code(_reply: Reply, error: ErrorInfo) -> bool:
    # A web framework's own 404 says `"error": "Not Found"`: prose, and no code.
    return error.code is None or " " in error.code


def _asks_to_wait(reply: Reply, _error: ErrorInfo) -> bool:
    return reply.retry_after_s is not None


def _numbers(text: str) -> frozenset[str]:
    return frozenset(text.split())


_PERMISSION: Final = _numbers("1426 2118 2120 2121")

_RULES: Final[tuple[_Rule, ...]] = (
    _Rule("pace", frozenset({429}), OutcomeKind.THROTTLED, Scope.RUN, when=_is_gateway, closes_gate=True,
          lowers_pace=True),
    # A 429 that the gateway did not write may come from behind it, after the work was done.
    _Rule("odd pace", frozenset({429}), OutcomeKind.IN_DOUBT, closes_gate=True, lowers_pace=True),
    _Rule("token", frozenset({401}), OutcomeKind.TOKEN_REFUSED, Scope.RUN),
    _Rule("token by code", _REFUSED, OutcomeKind.TOKEN_REFUSED, Scope.RUN,
          _numbers("2000 2001 2002 2114 2115 401013")),
    _Rule("sandbox permission", _REFUSED, OutcomeKind.NOT_POSSIBLE, Scope.SANDBOX, _PERMISSION,
          when=_names_the_sandbox),
    _Rule("permission by code", _REFUSED, OutcomeKind.NOT_POSSIBLE, Scope.RUN, _PERMISSION, stops_run=True),
    _Rule("sandbox unknown", frozenset({404}), OutcomeKind.NOT_POSSIBLE, Scope.SANDBOX,
          _numbers("2100 2101")),
    _Rule("our configuration by code", _REFUSED, OutcomeKind.NOT_POSSIBLE, Scope.RUN,
          _numbers("400003 2105 2110 403000 403003 403010 403025 403027"), stops_run=True),
    _Rule("sandbox forbidden", frozenset({403}), OutcomeKind.NOT_POSSIBLE, Scope.SANDBOX,
          when=_names_the_sandbox),
    _Rule("forbidden", frozenset({403}), OutcomeKind.NOT_POSSIBLE, Scope.RUN, stops_run=True),
    _Rule("source unknown here", frozenset({400, 404, 422}), OutcomeKind.NOT_POSSIBLE, Scope.SOURCE,
          _numbers("1413 1415")),
    _Rule("source not entitled", frozenset({400, 422}), OutcomeKind.NOT_POSSIBLE, Scope.SOURCE,
          _numbers("1100"), when=_is_not_entitled),
    _Rule("no such route", frozenset({404}), OutcomeKind.NOT_POSSIBLE, Scope.RUN, when=_has_no_code,
          stops_run=True),
    _Rule("our request", frozenset({405, 407, 415}), OutcomeKind.NOT_POSSIBLE, Scope.RUN, stops_run=True),
    # A redirect is not followed, it would carry the credentials; who answers so may have done the work.
    _Rule("redirect", frozenset(range(300, 400)), OutcomeKind.IN_DOUBT, Scope.RUN, stops_run=True),
    _Rule("rejected", frozenset({400, 413, 422}), OutcomeKind.REJECTED),
    _Rule("come back later", frozenset({503}), OutcomeKind.IN_DOUBT, when=_asks_to_wait, closes_gate=True,
          lowers_pace=True),
    _Rule("service in trouble", frozenset(range(500, 600)), OutcomeKind.IN_DOUBT, lowers_pace=True),
    _Rule("unknown", None, OutcomeKind.IN_DOUBT),
)  # fmt: skip


def classify_create(answer: Reply | Fault) -> Outcome:
    """Say what the answer to a POST means. Total: whatever comes in, an outcome comes out.

    The message is the service's free text and may echo the request: redact it before keeping it.
    """
    if isinstance(answer, Fault):
        if answer.kind is FaultKind.NOT_SENT:
            return Outcome(OutcomeKind.NOT_SENT, code="not_sent", message=answer.detail)
        return Outcome(OutcomeKind.IN_DOUBT, code="no_answer", message=answer.detail)
    if answer.status == 201:  # noqa: PLR2004 - the one status that says "created"
        return _created(answer)
    error = read_error(answer.status, answer.body)
    rule = next(rule for rule in _RULES if rule.catches(answer, error))
    return Outcome(
        rule.kind,
        rule.scope,
        code=error.code or f"http-{answer.status}",
        message=error.message or f"HTTP {answer.status} without an explanation",
        status=answer.status,
        request_id=error.request_id or answer.request_id,
        closes_gate_s=(answer.retry_after_s or 0.0) if rule.closes_gate else None,
        lowers_pace=rule.lowers_pace,
        stops_run=rule.stops_run,
    )


def _created(reply: Reply) -> Outcome:
    connection_id, etag = read_created(reply)
    if connection_id is None:
        return Outcome(
            OutcomeKind.CERTAINLY_CREATED,
            code="created_without_id",
            message=f"the service said 201 but its id could not be read (body {reply.body_state.value})",
            status=reply.status,
            request_id=reply.request_id,
        )
    return Outcome(
        OutcomeKind.CREATED,
        status=reply.status,
        request_id=reply.request_id,
        connection_id=connection_id,
        etag=etag,
    )


def classify_lookup(answer: Reply | Fault, reason: str) -> Outcome:
    """Say what a lookup that is not a complete page means for others; for its row it is "not known yet".

    A lookup changes nothing, so nothing is in doubt because of it: what is in doubt for a POST is
    merely not known here, and is asked again.
    """
    if isinstance(answer, Reply) and answer.status == 200:  # noqa: PLR2004 - complete or not, it answered
        return Outcome(OutcomeKind.NOT_SENT, code="odd_page", message=reason, status=200)
    outcome = classify_create(answer)
    if outcome.kind in {OutcomeKind.REJECTED, OutcomeKind.CREATED, OutcomeKind.CERTAINLY_CREATED}:
        return Outcome(
            OutcomeKind.NOT_SENT, code=outcome.code, message=outcome.message, status=outcome.status
        )
    if outcome.kind is OutcomeKind.IN_DOUBT:
        return replace(outcome, kind=OutcomeKind.NOT_SENT)
    return outcome
