"""What is done about a row: by what the ledger knows, and by the names that exist already."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from bulkconn.core.endpoint import Endpoint
from bulkconn.core.lifecycle import State
from bulkconn.core.names import ConnectionId, EndpointKey
from bulkconn.core.plan import (
    Action,
    Adopt,
    HoldExisting,
    OnExisting,
    PlannedAction,
    Reopen,
    Send,
    decide_existing,
    like_named,
    plan_action,
)
from bulkconn.core.record import LedgerRecord, TakenUp
from bulkconn.core.reply import ListedConnection
from bulkconn.core.source import PlatformCloud

SPEC = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
KEY, OTHER_KEY = EndpointKey("prod/postgresql/orders"), EndpointKey("prod/postgresql/other")

ENDPOINT = Endpoint(
    key=KEY,
    name="orders",
    source="postgresql",
    platform_cloud=PlatformCloud.AZURE,
    sandbox="prod",
    auth="basic",
    auth_spec_name="Basic Authentication",
    connection_spec_id=SPEC,
    connection_spec_version="1.0",
    description=None,
    params=(("server", "db1"),),
    cells={"server": "db1"},
    fingerprint="f1",
    file="eu.csv",
    row=2,
)


def record(state: State, **more: Any) -> LedgerRecord:
    """Make what the ledger knows of the row."""
    named: dict[str, Any] = {"fingerprint": "f1"} | more
    return LedgerRecord(
        key=KEY,
        name="orders",
        source="postgresql",
        platform_cloud=PlatformCloud.AZURE,
        sandbox="prod",
        auth="basic",
        connection_spec_id=SPEC,
        state=state,
        inventory_file="eu.csv",
        inventory_row=2,
        updated_at=datetime(2026, 1, 1, tzinfo=UTC),
        **named,
    )


def listed(connection_id: str = "a", **more: Any) -> ListedConnection:
    """Make a connection that equals the endpoint's, but for what is said otherwise."""
    named: dict[str, Any] = {"name": "orders", "connection_spec_id": SPEC} | more
    return ListedConnection(ConnectionId(connection_id), **named)


# --- by the ledger ----------------------------------------------------------------------------------

PLANS: dict[str, tuple[LedgerRecord | None, tuple[str, str]]] = {
    "unknown": (None, ("create", "pending")),
    "pending": (record(State.PENDING), ("create", "pending")),
    "pending-after-attempts": (record(State.PENDING, attempts=3, ambiguous=1), ("create", "pending")),
    "pending-edited": (record(State.PENDING, fingerprint="f0"), ("create", "pending")),
    "sending": (record(State.SENDING, attempts=1), ("settle", "in_doubt")),
    "in-doubt": (record(State.IN_DOUBT, attempts=1, ambiguous=1), ("settle", "in_doubt")),
    "in-doubt-edited": (record(State.IN_DOUBT, attempts=1, fingerprint="f0"), ("settle", "in_doubt")),
    "created": (record(State.CREATED, connection_id="a"), ("skip", "created")),
    "created-edited": (record(State.CREATED, connection_id="a", fingerprint="f0"), ("skip", "changed")),
    "adopted": (record(State.ADOPTED, connection_id="a"), ("skip", "adopted")),
    "adopted-edited": (record(State.ADOPTED, connection_id="a", fingerprint="f0"), ("skip", "changed")),
    "failed": (record(State.FAILED, attempts=1), ("skip", "failed")),
    "held-never-sent": (record(State.HELD), ("create", "held")),
    "held-after-a-refusal": (record(State.HELD, attempts=1), ("create", "held")),
    "held-after-a-doubt": (record(State.HELD, attempts=1, ambiguous=1), ("skip", "held")),
    "held-with-an-id": (record(State.HELD, attempts=1, connection_id="a"), ("skip", "held")),
}


@pytest.mark.parametrize(("known", "expected"), PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("retry_failed", [False, True], ids=["as-usual", "retry-failed"])
def test_plan_follows_from_the_state(
    known: LedgerRecord | None, expected: tuple[str, str], retry_failed: bool
) -> None:
    """Unsent rows are sent, doubts settled, finished rows skipped; a retry sends failed rows alone."""
    if retry_failed and expected[0] == "create":
        expected = ("leave" if expected[1] == "pending" else "skip", expected[1])
    if retry_failed and known is not None and known.state is State.FAILED:
        expected = ("create", "pending")
    planned = plan_action(ENDPOINT, known, reopen=Reopen(failed=retry_failed))
    assert planned == PlannedAction(Action(expected[0]), expected[1])


@pytest.mark.parametrize("asked", [False, True], ids=["as-usual", "everything-asked"])
@pytest.mark.parametrize("state", State, ids=str)
def test_plan_never_sends_what_may_exist(state: State, asked: bool) -> None:
    """A row with an id that is not deleted, or whose fate is unknown, gets no POST."""
    known = record(state, attempts=1, ambiguous=1, connection_id="a", fingerprint="f0")
    planned = plan_action(ENDPOINT, known, reopen=Reopen(failed=asked, deleted=asked))
    if state not in {State.PENDING, State.FAILED, State.DELETED}:
        assert planned.action is not Action.CREATE


RETRIES: dict[str, tuple[str | None, Reopen, bool]] = {
    "all": ("1304-400", Reopen(failed=True), True),
    "by-code": ("1304-400", Reopen(failed=True, codes=frozenset({"1304-400"})), True),
    "by-number": ("1304-400", Reopen(failed=True, codes=frozenset({"9", "1304"})), True),
    "our-own-code": ("secret_denied", Reopen(failed=True, codes=frozenset({"secret_denied"})), True),
    "other-code": ("1304-400", Reopen(failed=True, codes=frozenset({"1312"})), False),
    "other-status": ("1304-400", Reopen(failed=True, codes=frozenset({"1304-422"})), False),
    "no-code": (None, Reopen(failed=True, codes=frozenset({"1304"})), False),
    "codes-alone": ("1304-400", Reopen(codes=frozenset({"1304"})), False),
    "deleted-ones-only": ("1304-400", Reopen(deleted=True), False),
}


@pytest.mark.parametrize(("code", "reopen", "is_sent"), RETRIES.values(), ids=RETRIES.keys())
def test_failed_row_is_sent_again_only_if_asked_and_of_these_codes(
    code: str | None, reopen: Reopen, is_sent: bool
) -> None:
    """`--error-code` narrows `--retry-failed` and does nothing by itself."""
    known = record(State.FAILED, attempts=1, error_code=code)
    expected = ("create", "pending") if is_sent else ("skip", "failed")
    planned = plan_action(ENDPOINT, known, reopen=reopen)
    assert planned == PlannedAction(Action(expected[0]), expected[1])


TAKEN_UP: dict[str, tuple[TakenUp | None, Reopen, bool]] = {
    "by-a-plain-run": (None, Reopen(), True),
    "by-a-plain-run-after-a-retry": (TakenUp(State.FAILED, "1304-400"), Reopen(), True),
    "never-sent": (None, Reopen(failed=True), False),
    "of-a-retry": (TakenUp(State.FAILED, "1304-400"), Reopen(failed=True), True),
    "of-a-retry-without-a-code": (TakenUp(State.FAILED), Reopen(failed=True), True),
    "of-a-retry-of-this-code": (
        TakenUp(State.FAILED, "1304-400"),
        Reopen(failed=True, codes=frozenset({"1304"})),
        True,
    ),
    "of-a-retry-of-another-code": (
        TakenUp(State.FAILED, "1312-400"),
        Reopen(failed=True, codes=frozenset({"1304"})),
        False,
    ),
    "of-a-recreation": (TakenUp(State.DELETED), Reopen(failed=True), False),
    "of-a-recreation-that-is-asked-for": (
        TakenUp(State.DELETED, "1304-400"),
        Reopen(failed=True, codes=frozenset({"1312"}), deleted=True),
        True,
    ),
    "never-sent-and-recreate-alone": (None, Reopen(deleted=True), True),
}


@pytest.mark.parametrize(("taken_up", "reopen", "is_sent"), TAKEN_UP.values(), ids=TAKEN_UP.keys())
def test_pending_row_is_sent_by_a_retry_only_if_one_like_it_took_it_up(
    taken_up: TakenUp | None, reopen: Reopen, is_sent: bool
) -> None:
    """The same command finishes what was interrupted, and touches nothing else."""
    assert reopen.may_send(taken_up) == is_sent
    planned = plan_action(ENDPOINT, record(State.PENDING), reopen=reopen, taken_up=taken_up)
    assert planned == PlannedAction(Action.CREATE if is_sent else Action.LEAVE, State.PENDING)


@pytest.mark.parametrize("retry_failed", [False, True], ids=["as-usual", "retry-failed"])
@pytest.mark.parametrize("deleted", [False, True], ids=["kept", "recreate"])
def test_deleted_row_is_sent_again_only_if_recreated(retry_failed: bool, deleted: bool) -> None:
    """What was rolled back on purpose comes back on purpose, never because it once had an error."""
    known = record(State.DELETED, attempts=1, connection_id="a", error_code="1304-400")
    planned = plan_action(ENDPOINT, known, reopen=Reopen(failed=retry_failed, deleted=deleted))
    expected = ("create", "pending") if deleted else ("skip", "deleted")
    assert planned == PlannedAction(Action(expected[0]), expected[1])


@pytest.mark.parametrize("state", [one for one in State if one not in {"failed", "deleted"}], ids=str)
def test_reopen_takes_up_no_other_state(state: State) -> None:
    """A created, adopted or held row never leaves its state by a flag of a run."""
    assert not Reopen(failed=True, deleted=True).takes_up(record(state))


# --- by the names that exist ------------------------------------------------------------------------

ALIKE = {
    "equal": (listed(), True),
    "other-case": (listed(name="ORDERS"), True),
    "blanks": (listed(name=" orders "), True),
    "spec-not-shown": (listed(connection_spec_id=None), True),
    "other-spec": (listed(connection_spec_id="x"), False),
    "other-name": (listed(name="orders2"), False),
}


@pytest.mark.parametrize(("item", "is_alike"), ALIKE.values(), ids=ALIKE.keys())
def test_like_named_is_loose_about_names_and_strict_about_specs(
    item: ListedConnection, is_alike: bool
) -> None:
    """Likeness is enough to block; a connection of another kind of source is no namesake."""
    assert like_named(ENDPOINT, [item]) == ((item,) if is_alike else ())


def decide(
    policy: OnExisting,
    *items: ListedConnection,
    is_same: bool = True,
    holder: EndpointKey | None = None,
) -> Send | Adopt | HoldExisting:
    """Decide about the endpoint; `holder` is the row that holds the id `a`."""
    return decide_existing(
        ENDPOINT,
        items,
        policy=policy,
        holders={} if holder is None else {ConnectionId("a"): holder},
        is_same_database=lambda endpoint, item: is_same and endpoint is ENDPOINT and item in items,
    )


@pytest.mark.parametrize("policy", OnExisting, ids=str)
def test_existing_free_name_is_sent_under_every_policy(policy: OnExisting) -> None:
    """Where nothing exists, nothing is to be decided."""
    assert decide(policy) == Send()


def test_existing_name_is_held_by_default_with_every_id() -> None:
    """Nothing is sent, nothing is taken over, the ids are shown."""
    one, two = listed("a"), listed("b", name="Orders")
    assert decide(OnExisting.HOLD, one, two) == HoldExisting(
        (one, two), "the name exists already in this sandbox"
    )


def test_existing_name_is_sent_anyway_if_asked_and_remembered_as_seen() -> None:
    """What was there before is never claimed as ours later."""
    assert decide(OnExisting.CREATE, listed("a"), listed("b", name="Orders"), is_same=False) == Send(
        (ConnectionId("a"), ConnectionId("b"))
    )


@pytest.mark.parametrize("holder", [None, KEY], ids=["nobody", "the-row-itself"])
@pytest.mark.parametrize("sandbox", [None, "prod"], ids=["sandbox-not-shown", "sandbox-shown"])
def test_existing_name_is_adopted_if_it_is_certainly_the_same(
    sandbox: str | None, holder: EndpointKey | None
) -> None:
    """Exactly one, equal to the letter, held by no other row, the same database as far as is visible."""
    item = listed("a", sandbox=sandbox)
    assert decide(OnExisting.ADOPT, item, holder=holder) == Adopt(item)


NOT_ADOPTED: dict[str, tuple[ListedConnection, bool, EndpointKey | None, str]] = {
    "other-case": (listed(name="Orders"), True, None, "like this one, but not equal to the letter"),
    "spec-not-shown": (listed(connection_spec_id=None), True, None, "not equal to the letter"),
    "held-by-another-row": (listed(), True, OTHER_KEY, f"another row holds this id: {OTHER_KEY}"),
    "another-sandbox": (listed(sandbox="dev"), True, None, "shows it in another sandbox: dev"),
    "another-database": (listed(), False, None, "server, database or username of the existing connection"),
}


@pytest.mark.parametrize(("item", "is_same", "holder", "words"), NOT_ADOPTED.values(), ids=NOT_ADOPTED.keys())
def test_existing_name_that_is_not_certainly_the_same_is_held(
    item: ListedConnection, is_same: bool, holder: EndpointKey | None, words: str
) -> None:
    """A wrong id in the ledger is worse than a question."""
    decision = decide(OnExisting.ADOPT, item, is_same=is_same, holder=holder)
    assert isinstance(decision, HoldExisting)
    assert decision.items == (item,)
    assert words in decision.reason


def test_existing_names_in_the_plural_are_never_adopted() -> None:
    """Which of several is meant, nobody knows; not even if one of them fits to the letter."""
    one, two = listed("a"), listed("b", name="Orders")
    assert decide(OnExisting.ADOPT, one, two) == HoldExisting(
        (one, two), "2 connections bear this name; none is certain"
    )


def test_existing_name_is_compared_as_the_row_says_it_now() -> None:
    """The decision is about the endpoint given, not about one of the same key before."""
    renamed = ENDPOINT._replace(name="Orders")
    decision = decide_existing(
        renamed, [listed()], policy=OnExisting.ADOPT, holders={}, is_same_database=lambda *_: True
    )
    assert isinstance(decision, HoldExisting)
