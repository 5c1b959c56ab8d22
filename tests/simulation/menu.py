"""What may happen to a request, what this service is like, and what a reply looks like then."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.reply import BodyState, Fault, FaultKind, Reply

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tests.simulation.party import Party

#: What may become of a POST besides success.
POST_FAULTS: Final = (
    "not_sent", "reset_before", "reset_after", "timeout_before", "timeout_after", "late",
    "500_before", "500_after", "502_before", "504_after", "408", "409", "503_wait", "cut_body", "bad_json",
    "no_id", "429", "429_wait", "429_odd_before", "429_odd_after", "garbage",
)  # fmt: skip
#: What may become of a lookup besides success.
LOOKUP_FAULTS: Final = (
    "not_sent", "reset", "timeout", "500", "503_wait", "429", "cut_body", "bad_json", "no_items",
    "null_items", "no_item_id", "odd_link", "repeat_token", "loop_token", "empty_200",
)  # fmt: skip
#: Faults of a POST that made a connection all the same.
WITH_EFFECT: Final = frozenset(
    {"reset_after", "timeout_after", "late", "500_after", "504_after", "cut_body", "bad_json", "no_id"}
    | {"429_odd_after"}
)
#: Faults whose answer nobody waits for longer than the client's timeout.
SILENT: Final = frozenset({"timeout_before", "timeout_after", "late"})

#: How a continuation token begins that leads to a page that leads to itself.
LOOP: Final = "loop-"

Spans = tuple[tuple[float, float], ...]


def is_in(spans: Spans, now_s: float) -> bool:
    """Tell whether a time lies in one of the spans."""
    return any(begin_s <= now_s < end_s for begin_s, end_s in spans)


@dataclass(slots=True, eq=False)
class Made:
    """A connection that exists, or will. `key` and `owner` say whose POST made it, None a stranger's.

    `gone_s` is when somebody deleted it, `hidden` when listings leave it out. `sent_name` is the name in
    the POST, `name` what the service made of it.
    """

    id: str
    sandbox: str
    name: str
    spec_id: str
    effect_s: float
    visible_s: float
    owner: Party | None = None
    key: str | None = None
    client: str | None = None
    description: str | None = None
    params: dict[str, str] = field(default_factory=dict)
    sent_name: str = ""
    gone_s: float = float("inf")
    hidden: Spans = ()

    @property
    def is_gone(self) -> bool:
        """Whether somebody deletes it, now or later."""
        return self.gone_s != float("inf")

    @property
    def shown_s(self) -> float:
        """From when on every listing shows it."""
        return max(self.visible_s, *(end_s for _, end_s in self.hidden), 0.0)


@dataclass(slots=True)
class Weather:
    """What may go wrong in one run; a fresh one has nothing wrong."""

    post_faults: tuple[str, ...] = ()
    lookup_faults: tuple[str, ...] = ()
    post_chance: float = 0.0
    lookup_chance: float = 0.0
    outages: Spans = ()
    storms: Spans = ()
    storm_wait_s: float = 2.0
    revocations: tuple[float, ...] = ()
    token_life_s: float = 1e9
    token_chance: float = 0.0
    forbidden: tuple[tuple[str, float, float], ...] = ()
    forbidden_by: int = 403
    capacity_per_s: float = 1e9
    #: Listings are complete and empty.
    blind: Spans = ()
    #: How likely listings leave a new connection out for a while, after having shown it.
    hides_chance: float = 0.0


class NameHabit(Enum):
    """What the service makes of a name before it keeps it."""

    AS_SENT = "as sent"
    UPPER = "upper"
    TRIMMED = "trimmed"
    DECOMPOSED = "decomposed"

    def of(self, name: str) -> str:
        """Give the name as it is kept."""
        match self:
            case NameHabit.AS_SENT:
                return name
            case NameHabit.UPPER:
                return name.upper()
            case NameHabit.TRIMMED:
                return " ".join(name.split())
            case NameHabit.DECOMPOSED:
                return unicodedata.normalize("NFD", name)


@dataclass(slots=True)
class Habits:
    """What this service is like, whatever the weather."""

    grace_s: float | None
    is_within: bool
    timeout_s: float
    latency_s: float = 0.3
    lag_s: float = 0.0
    late_s: float = 0.0
    page_items: int = 100
    newest_first: bool = False
    #: A page is counted from the beginning of the list as it is now, not from where the last one ended.
    shifts_pages: bool = False
    shows_client: bool = True
    shows_params: bool = True
    shows_sandbox: bool = True
    shows_spec: bool = True
    shows_created: bool = True
    names: NameHabit = NameHabit.AS_SENT
    #: Whether a filter by name finds what is merely alike; without it a name that is kept otherwise than it
    #: was sent is never found by it.
    finds_alike: bool = True
    rejected: frozenset[str] = frozenset()


def flow_error(status: int, code: str, message: str) -> Reply:
    """Give an error in Flow Service's shape."""
    return Reply(
        status,
        {
            "type": f"http://ns.adobe.com/aep/errors/FLOW-{code}",
            "title": "Error",
            "status": status,
            "report": {"detailed-message": message, "request-id": "r-1"},
        },
        request_id="r-1",
    )


def created(made_id: str) -> Reply:
    """Give the answer to a POST that made a connection."""
    return Reply(201, {"id": made_id, "etag": f'"{made_id}"'}, location=f"/connections/{made_id}")


def too_many(wait_s: float | None) -> Reply:
    """Give a 429 in the gateway's shape."""
    return Reply(429, {"error_code": "429050", "message": "Too many requests"}, retry_after_s=wait_s)


def answer_to_post(fault: str, made: Made | None, dice: Random) -> Reply | Fault:
    """Give what the client sees; whatever has no line of its own is a request that got no answer."""
    answer = _ANSWERS.get(fault)
    return Fault(FaultKind.MAYBE_PROCESSED, fault) if answer is None else answer(made, dice)


def answer_to_lookup(fault: str | None) -> Reply | Fault | None:
    """Give what the client sees instead of a page; None where there is a page, odd or not."""
    answer = _PAGES.get(fault or "")
    return None if answer is None else answer()


def odd_page(fault: str, items: list[Any], links: dict[str, Any], first: int) -> Reply | None:
    """Make a page odd in the way of a fault; None for faults that are not of pages."""
    match fault:
        case "no_items":
            return Reply(200, {"_links": links})
        case "null_items":
            return Reply(200, {"items": None, "_links": links})
        case "no_item_id":
            return Reply(200, {"items": [*items, {"name": "x"}], "_links": links})
        case "odd_link":
            links = {"next": {"href": "/connections?start=5"}}
        case "repeat_token":
            links = {"next": {"href": f"/connections?continuationToken={first}"}}
        case "loop_token":
            links = {"next": {"href": f"/connections?continuationToken={LOOP}{first}"}}
        case _:
            return None
    return Reply(200, {"items": items, "_links": links})


def is_refusal(answer: Reply | Fault) -> bool:
    """Tell whether an answer says that a POST was certainly not processed, or was and made nothing."""
    if isinstance(answer, Fault):
        return answer.kind is FaultKind.NOT_SENT
    is_gateway = isinstance(answer.body, dict) and "error_code" in answer.body
    return answer.status in {400, 401, 403, 404} or (answer.status == 429 and is_gateway)


def _location(made: Made | None) -> str | None:
    return f"/connections/{made.id}" if made else None


_ANSWERS: Final[dict[str, Callable[[Made | None, Random], Reply | Fault]]] = {
    "not_sent": lambda _made, _dice: Fault(FaultKind.NOT_SENT, "connection refused"),
    "500_before": lambda _made, _dice: flow_error(500, "1500-500", "internal"),
    "500_after": lambda _made, _dice: flow_error(500, "1500-500", "internal"),
    "502_before": lambda _made, _dice: Reply(502, None, BodyState.NOT_JSON),
    "504_after": lambda _made, _dice: Reply(504, {"error_code": "504000", "message": "gateway timeout"}),
    "408": lambda _made, _dice: Reply(408, {"title": "timeout"}),
    "409": lambda _made, _dice: Reply(409, {"title": "conflict"}),
    "503_wait": lambda _made, dice: Reply(503, None, retry_after_s=dice.random() * 5),
    "cut_body": lambda made, dice: Reply(
        201, None, BodyState.CUT, location=dice.choice((None, _location(made)))
    ),
    "bad_json": lambda _made, _dice: Reply(201, None, BodyState.NOT_JSON),
    "no_id": lambda _made, _dice: Reply(201, {"etag": '"x"'}),
    "429": lambda _made, _dice: too_many(None),
    "429_wait": lambda _made, dice: too_many(dice.random() * 6),
    "429_odd_before": lambda _made, dice: Reply(
        429, {"title": "slow down"}, retry_after_s=dice.choice((None, 1.0))
    ),
    "429_odd_after": lambda _made, dice: Reply(
        429, {"title": "slow down"}, retry_after_s=dice.choice((None, 1.0))
    ),
    "garbage": lambda _made, _dice: Reply(299, ["what"]),
}

_PAGES: Final[dict[str, Callable[[], Reply | Fault]]] = {
    "not_sent": lambda: Fault(FaultKind.NOT_SENT, "connection refused"),
    "reset": lambda: Fault(FaultKind.MAYBE_PROCESSED, "reset"),
    "timeout": lambda: Fault(FaultKind.MAYBE_PROCESSED, "timeout"),
    "500": lambda: flow_error(500, "1500-500", "internal"),
    "503_wait": lambda: Reply(503, None, retry_after_s=1.0),
    "429": lambda: Reply(429, {"error_code": "429050", "message": "Too many requests"}, retry_after_s=0.7),
    "cut_body": lambda: Reply(200, None, BodyState.CUT),
    "bad_json": lambda: Reply(200, None, BodyState.NOT_JSON),
    "empty_200": lambda: Reply(200, None),
}
