"""The real gate and queue on virtual time, whatever the service replies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bulkconn.core.lifecycle import State
from bulkconn.core.names import EndpointKey
from bulkconn.core.protocols import Token
from bulkconn.core.trouble import Patience
from bulkconn.engine.context import World
from bulkconn.engine.gate import Gate
from bulkconn.engine.rows import Row, Work, WorkQueue
from bulkconn.engine.stops import Stops
from bulkconn.engine.throttle import OwnPacer
from tests.simulation.loop import VirtualClock, VirtualLoop, virtual_time

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is ready to leave at the moment of a reply leaves all the same.
_MOMENT_S = 1e-3


class Answer(NamedTuple):
    """What the service replies to one request, and after how long."""

    kind: str
    after_s: float
    retry_after_s: float | None


ANSWERS = st.lists(
    st.builds(
        Answer,
        st.sampled_from(["ok", "ok", "ok", "429", "503", "401"]),
        st.sampled_from([0.01, 0.3, 2.0]),
        st.none() | st.sampled_from([0.2, 1.5, 7.0]),
    ),
    min_size=1,
    max_size=80,
)


class Tokens:
    """Gives a new token whenever asked."""

    def __init__(self) -> None:
        self.given: list[Token] = []

    def current(self) -> Token | None:
        """Give the newest one."""
        return self.given[-1] if self.given else None

    async def renew(self) -> Token:
        """Give another one, after a while."""
        await asyncio.sleep(0.2)
        self.given.append(Token(SecretStr("t"), len(self.given) + 1))
        return self.given[-1]


class Left(NamedTuple):
    """A request that left: when it asked for its slot, when it got it, with which token."""

    asked_s: float
    at_s: float
    token: Token
    is_post: bool


@dataclass
class Street:
    """A gate, some who want to pass it, and what was seen of them."""

    loop: VirtualLoop
    ceiling: float
    answers: Iterator[Answer]
    left: list[Left] = field(default_factory=list)
    #: When the service asked to wait, and until when.
    closings: list[tuple[float, float]] = field(default_factory=list)
    #: Which token was refused first when.
    refusals: dict[int, float] = field(default_factory=dict)

    async def pass_all(self, posts: int, lookups: int) -> None:
        """Let all pass until every answer was given, and wait for the last of them."""
        clock = VirtualClock(self.loop, boot=0, booted_at_s=0.0)
        log: Any = _NoLog()
        world = World(clock, Random(5), log, lambda *_: None)
        self.stops, self.tokens = Stops(), Tokens()
        self.gate = Gate(OwnPacer(self.ceiling), self.tokens, world, stops=self.stops, patience=Patience(1e6))
        serving = asyncio.create_task(self.gate.serve())
        await asyncio.gather(*(self._post() for _ in range(posts)), *(self._look() for _ in range(lookups)))
        serving.cancel()

    async def _post(self) -> None:
        for answer in self.answers:
            while True:
                assert await self.gate.board(("dev", "postgres"))
                await asyncio.sleep(0.004)  # its intent is committed
                asked_s = self.loop.now_s
                token = await self.gate.slot(is_post=True)
                self.gate.leave(is_sent=token is not None)
                if token is not None:
                    break
            await self._leave(Left(asked_s, self.loop.now_s, token, is_post=True), answer)

    async def _look(self) -> None:
        for answer in self.answers:
            asked_s = self.loop.now_s
            token = await self.gate.slot(is_post=False)
            assert token is not None
            await self._leave(Left(asked_s, self.loop.now_s, token, is_post=False), answer)

    async def _leave(self, left: Left, answer: Answer) -> None:
        self.left.append(left)
        await asyncio.sleep(answer.after_s)
        now_s, gate = self.loop.now_s, self.gate
        if answer.kind == "401" and left.token is self.tokens.current() and left.token.generation > 1:
            # A new token that is refused too would end the run: it is good for something first.
            gate.on_token_accepted(left.token, is_post=left.is_post)
        match answer.kind:
            case "401":
                self.refusals.setdefault(left.token.generation, now_s)
                gate.on_token_refused(left.token, "no", is_post=left.is_post)
                return
            case "429":
                gate.on_complaint(left.at_s, answer.retry_after_s or 0.0)
            case "503":
                gate.on_strain(answer.retry_after_s)
            case _:
                gate.on_accepted()
        gate.on_token_accepted(left.token, is_post=left.is_post)
        if answer.retry_after_s is not None and answer.kind in {"429", "503"}:
            self.closings.append((now_s, now_s + answer.retry_after_s))


class _NoLog:
    def info(self, *_: object, **__: object) -> None:
        """Say nothing."""

    warning = debug = info


@settings(max_examples=40, deadline=None)
@given(
    answers=ANSWERS,
    ceiling=st.sampled_from([1.0, 2.5, 10.0, 25.0, 60.0]),
    posts=st.integers(1, 12),
    lookups=st.integers(0, 12),
)
def test_gate_whatever_is_replied_keeps_pace_closings_and_turns(
    answers: list[Answer], ceiling: float, posts: int, lookups: int
) -> None:
    """No second passes the ceiling, nothing leaves a closed gate, everybody passes in the end, in turns."""
    loop = VirtualLoop()  # type: ignore[abstract]  # it has what the engine uses of a loop
    street = Street(loop, ceiling, iter(answers))
    bound_s = 100.0 + 70.0 * len(answers) + 4.0 * (posts + lookups)
    with virtual_time(loop):
        loop.run(street.pass_all(posts, lookups), bound_s=bound_s)

    assert not loop.errors
    assert not street.stops.is_stopping
    assert len(street.left) == len(answers)
    times = [one.at_s for one in street.left]
    most = max(1, int(ceiling))
    assert all(later - first >= 0.999 for first, later in zip(times, times[most:], strict=False))
    for told_s, until_s in street.closings:
        assert not [at_s for at_s in times if told_s + _MOMENT_S < at_s < until_s - _MOMENT_S]
    for generation, refused_s in street.refusals.items():
        assert not [
            one
            for one in street.left
            if one.token.generation == generation and one.at_s > refused_s + _MOMENT_S
        ]
    assert len(street.tokens.given) <= 1 + len(street.refusals)
    for one in street.left:
        between = [other for other in street.left if one.asked_s < other.at_s < one.at_s]
        overtaking = sum(other.is_post != one.is_post for other in between)
        assert overtaking <= len(between) - overtaking + 2


def _row(number: int) -> Row:
    return Row(EndpointKey(f"k-{number}"), State.PENDING, "dev", "postgres")


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("send"), st.integers(1, 30)),
            st.tuples(st.just("retry"), st.integers(1, 30)),
            st.tuples(st.just("take"), st.integers(1, 20)),
        ),
        max_size=40,
    )
)
def test_queue_retries_yield_to_first_sends_and_none_is_dropped(steps: list[tuple[str, int]]) -> None:
    """Beyond a tenth of the requests (at least ten) a retry waits for first sends; all are taken at last."""
    queue = WorkQueue()
    queued: list[Row] = []
    taken: list[Row] = []
    retries = 0

    def take() -> bool:
        nonlocal retries
        may_send, may_retry = queue.ready > 0, queue.waiting > 0
        job = queue.take(1.0)
        if job is None:
            assert not may_send
            assert not may_retry
            return False
        is_retry = job[0] is Work.RETRY
        if may_send and may_retry:
            assert is_retry == (retries < max(10, 0.1 * len(taken)))
        retries += is_retry
        taken.append(job[1])
        return True

    for what, times in steps:
        for _ in range(times):
            if what == "take":
                take()
                continue
            queued.append(_row(len(queued)))
            if what == "send":
                queue.send(queued[-1])
            else:
                queue.later(Work.RETRY, queued[-1], 1.0)
    while take():
        pass
    assert {row.key for row in taken} == {row.key for row in queued}
    assert len(taken) == len(queued)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 50.0), st.floats(0.0, 20.0))
def test_gate_closed_by_retry_after_holds_the_probe_of_an_outage_too(wait_s: float, after_s: float) -> None:
    """A service that is down and asks to wait is not asked before the time it named."""
    loop = VirtualLoop()  # type: ignore[abstract]  # it has what the engine uses of a loop
    left_s: list[float] = []

    async def probe() -> None:
        log: Any = _NoLog()
        world = World(VirtualClock(loop, boot=0, booted_at_s=0.0), Random(5), log, lambda *_: None)
        gate = Gate(OwnPacer(10.0), Tokens(), world, stops=Stops(), patience=Patience(1e6))
        serving = asyncio.create_task(gate.serve())
        gate.begin_outage()
        gate.close_for(wait_s, "throttled")
        await asyncio.sleep(after_s)
        assert await gate.probe_slot() is not None
        left_s.append(loop.now_s)
        serving.cancel()

    with virtual_time(loop):
        loop.run(probe(), bound_s=600.0)
    assert left_s[0] >= 1000.0 + max(wait_s, after_s) - _MOMENT_S
