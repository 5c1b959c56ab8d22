"""What settles a doubt: exact to claim, loose to block, and absence only with proof."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.names import ConnectionId, EndpointKey
from bulkconn.core.record import SentAs
from bulkconn.core.reply import ListedConnection
from bulkconn.core.settle import (
    CONTROL_TRIES,
    Absent,
    Claim,
    Control,
    Doubt,
    Findings,
    Hold,
    LookAgain,
    Looks,
    Settlement,
    StayInDoubt,
    decide_settlement,
    find_twins,
    first_look_at_s,
    judge_listing,
    next_look_at_s,
)

SPEC = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
KEY, OTHER_KEY = EndpointKey("prod/postgresql/orders"), EndpointKey("prod/postgresql/other")
SENT_AS = SentAs("prod", "orders", SPEC)
MARKER = "[bulkconn:L1/0123456789abcdef]"
FOREIGN = "[bulkconn:L1/fedcba9876543210]"


def listed(connection_id: str = "a", **more: Any) -> ListedConnection:
    """Make a connection that is ours to the letter, but for what is said otherwise."""
    named: dict[str, Any] = {"name": "orders", "connection_spec_id": SPEC} | more
    return ListedConnection(ConnectionId(connection_id), **named)


def doubt(**more: Any) -> Doubt:
    """Make the doubt about the row that everything here is about."""
    return Doubt(KEY, SENT_AS, **more)


def judge(about: Doubt, *items: ListedConnection, **holders: EndpointKey) -> Findings:
    """Sort a listing, given by keyword which row holds which id."""
    return judge_listing(about, items, {ConnectionId(one): key for one, key in holders.items()})


OURS: dict[str, tuple[Doubt, ListedConnection]] = {
    "to-the-letter": (doubt(), listed()),
    "client-shown-and-ours": (doubt(client_id="me"), listed(created_client="me")),
    "client-not-shown": (doubt(client_id="me"), listed()),
    "client-shown-otherwise-but-seen-for-ours": (
        doubt(client_id="me", own_clients={"gateway"}),
        listed(created_client="gateway"),
    ),
    "organisation-shown-and-right": (doubt(org_id="org"), listed(org_id="org")),
    "client-of-ours-unknown": (doubt(), listed(created_client="anybody")),
    "sandbox-shown-and-right": (doubt(), listed(sandbox="prod")),
    "description-without-marker": (doubt(), listed(description="Orders [of 2026]")),
    "marker-asked-for-but-not-shown": (doubt(marker=MARKER), listed()),
    "marker": (doubt(marker=MARKER), listed(description=f"Orders {MARKER}")),
    "marker-alone": (doubt(marker=MARKER), listed(description=MARKER)),
    "marker-and-renamed": (doubt(marker=MARKER), listed(name="renamed", description=MARKER)),
    "marker-and-another-client": (
        doubt(marker=MARKER, client_id="me"),
        listed(created_client="x", description=MARKER),
    ),
    "marker-after-a-copied-one": (doubt(marker=MARKER), listed(description=f"{FOREIGN} {MARKER}")),
}


@pytest.mark.parametrize(("about", "item"), OURS.values(), ids=OURS.keys())
def test_judge_what_is_certainly_ours_is_claimed(about: Doubt, item: ListedConnection) -> None:
    """Name and spec equal to the letter and nothing against it, or our marker."""
    assert judge(about, item) == Findings(ours=(item,))


BLOCKERS: dict[str, tuple[Doubt, ListedConnection]] = {
    "other-case": (doubt(), listed(name="Orders")),
    "blanks": (doubt(), listed(name=" orders ")),
    "spec-not-shown": (doubt(), listed(connection_spec_id=None)),
    "client-of-somebody-else": (doubt(client_id="me"), listed(created_client="x")),
    "another-sandbox": (doubt(), listed(sandbox="dev")),
    "another-organisation": (doubt(org_id="org"), listed(org_id="another")),
    "marker-of-another-row": (doubt(marker=MARKER), listed(description=FOREIGN)),
    "marker-without-ours-being-asked-for": (doubt(), listed(description=FOREIGN)),
    "marker-before-a-foreign-one": (doubt(marker=MARKER), listed(description=f"{MARKER} {FOREIGN}")),
    "marker-in-another-sandbox": (doubt(marker=MARKER), listed(description=MARKER, sandbox="dev")),
}


@pytest.mark.parametrize(("about", "item"), BLOCKERS.values(), ids=BLOCKERS.keys())
def test_judge_what_is_merely_alike_blocks(about: Doubt, item: ListedConnection) -> None:
    """A like name is enough to stop, and one sign of somebody else is enough not to claim."""
    assert judge(about, item) == Findings(blockers=(item,))


def test_judge_unicode_form_blocks_and_never_claims() -> None:
    """Composed and decomposed letters look alike, and are not equal to the letter."""
    about = Doubt(KEY, SentAs("prod", "caf\u00e9", SPEC))
    item = listed(name="cafe\u0301")
    assert judge(about, item) == Findings(blockers=(item,))


STRANGERS: dict[str, tuple[Doubt, ListedConnection]] = {
    "other-name": (doubt(), listed(name="orders2")),
    "other-spec": (doubt(), listed(connection_spec_id="another")),
    "seen-before": (doubt(seen_ids=(ConnectionId("a"),)), listed()),
    "seen-before-and-merely-alike": (doubt(seen_ids=(ConnectionId("a"),)), listed(name="Orders")),
    "foreign-marker-under-another-name": (doubt(marker=MARKER), listed(name="x", description=FOREIGN)),
}


@pytest.mark.parametrize(("about", "item"), STRANGERS.values(), ids=STRANGERS.keys())
def test_judge_what_has_nothing_to_do_with_it_is_passed_over(about: Doubt, item: ListedConnection) -> None:
    """Another name or spec, or there before our first intent: neither ours nor in the way."""
    assert judge(about, item) == Findings()


@pytest.mark.parametrize("description", [None, MARKER], ids=["exact", "marked"])
def test_judge_an_id_that_another_row_holds_is_never_ours(description: str | None) -> None:
    """No id belongs to two rows, whatever speaks for it."""
    item = listed(description=description)
    assert judge(doubt(marker=MARKER), item, a=OTHER_KEY) == Findings(blockers=(item,))


def test_judge_an_id_that_the_row_itself_holds_is_ours() -> None:
    """Its own id does not count against it."""
    assert judge(doubt(), listed(), a=KEY) == Findings(ours=(listed(),))


def test_judge_marker_overrules_mere_likeness() -> None:
    """Where one bears our marker, what is merely alike or somebody else's blocks no more."""
    marked = listed("m", description=MARKER)
    others = [
        listed("b", name="Orders"),
        listed("c", created_client="x"),
        listed("d", description=FOREIGN),
        listed("e", description=MARKER),
    ]
    assert judge(doubt(marker=MARKER, client_id="me"), *others, marked, e=OTHER_KEY) == Findings((marked,))


def test_judge_marker_does_not_hide_an_equal_one_without() -> None:
    """A run without --marker may have sent this row before: its twin bears no marker and counts."""
    marked, bare = listed("m", description=MARKER), listed("b")
    assert judge(doubt(marker=MARKER), marked, bare) == Findings((marked, bare))


def test_judge_exact_beside_alike_keeps_both() -> None:
    """One of each is not certain."""
    exact, alike = listed("a"), listed("b", name="ORDERS")
    assert judge(doubt(), exact, alike) == Findings((exact,), (alike,))


ITEMS = st.builds(
    listed,
    st.sampled_from("abc"),
    name=st.sampled_from(["orders", "Orders", "orders ", "x"]),
    connection_spec_id=st.sampled_from([None, SPEC, "another"]),
    created_client=st.sampled_from([None, "me", "x"]),
    sandbox=st.sampled_from([None, "prod", "dev"]),
    description=st.sampled_from([None, "text", MARKER, FOREIGN]),
)


@given(
    st.lists(ITEMS, max_size=4, unique_by=lambda item: item.connection_id),
    st.dictionaries(st.sampled_from("abc"), st.sampled_from([KEY, OTHER_KEY])),
    st.sampled_from([None, MARKER]),
)
def test_judge_any_listing_claims_only_by_all_signs(
    items: list[ListedConnection], holders: dict[str, EndpointKey], marker: str | None
) -> None:
    """What is claimed is free, in the right sandbox, and either marked or equal in all that is shown."""
    found = judge(doubt(marker=marker, client_id="me", seen_ids=("c",)), *items, **holders)
    for item in found.ours:
        assert holders.get(item.connection_id, KEY) == KEY
        assert item.sandbox in {None, "prod"}
        if marker is None or item.description != marker:
            assert (item.name, item.connection_spec_id) == ("orders", SPEC)
            assert item.connection_id != "c"
            assert item.created_client in {None, "me"}
            assert item.description in {None, "text"}
    assert not set(found.ours) & set(found.blockers)


# --- the decision -----------------------------------------------------------------------------------

GRACE_S = 120.0
SINCE_S = 1000.0
AFTER = Looks(SINCE_S, complete=2, last_begun_s=SINCE_S + GRACE_S)
ONE, TWO = listed("a"), listed("b")


def decide(findings: Findings = Findings(), looks: Looks = AFTER, **more: Any) -> Settlement:  # noqa: B008 - frozen
    """Decide with a control that shows and the default grace, unless said otherwise."""
    named: dict[str, Any] = {"control": Control.SHOWN, "grace_s": GRACE_S, "certainly_created": False} | more
    return decide_settlement(findings, looks, **named)


@pytest.mark.parametrize("certainly_created", [False, True], ids=["doubtful", "certain"])
@pytest.mark.parametrize("grace_s", [GRACE_S, 0.0, None], ids=["grace", "no-grace", "never"])
@pytest.mark.parametrize("looks", [Looks(SINCE_S, 1, SINCE_S + 1.0), AFTER], ids=["first", "late"])
def test_settle_exactly_one_of_ours_is_claimed_at_any_look(
    looks: Looks, grace_s: float | None, certainly_created: bool
) -> None:
    """What is found needs neither a second look nor a grace."""
    found = decide(Findings((ONE,)), looks, grace_s=grace_s, certainly_created=certainly_created)
    assert found == Claim(ONE)


SEVERAL = "several connections bear this name and spec: one of them may be a twin"
ALIKE = "a connection of a like name exists that is not certainly ours"


@pytest.mark.parametrize(
    ("findings", "held"),
    [
        (Findings((ONE, TWO)), Hold((ONE, TWO), SEVERAL)),
        (Findings((ONE,), (TWO,)), Hold((ONE, TWO), SEVERAL)),
        (Findings((), (TWO,)), Hold((TWO,), ALIKE)),
        (Findings((), (ONE, TWO)), Hold((ONE, TWO), ALIKE)),
    ],
    ids=["two-of-ours", "ours-and-alike", "alike", "two-alike"],
)
@pytest.mark.parametrize("looks", [Looks(SINCE_S, 1, SINCE_S + 1.0), AFTER], ids=["first", "late"])
def test_settle_what_is_not_certain_is_held_with_all_ids(
    findings: Findings, held: Hold, looks: Looks
) -> None:
    """Several, or one that merely blocks: a human must look, and sees every id."""
    assert decide(findings, looks) == held


def test_settle_two_complete_looks_the_last_after_the_grace_make_it_absent() -> None:
    """The only proof that nothing is there."""
    assert decide() == Absent()


@pytest.mark.parametrize(
    "looks",
    [
        Looks(SINCE_S, 1, SINCE_S + GRACE_S),
        Looks(SINCE_S, 1, SINCE_S + 1000.0),
        Looks(SINCE_S, 2, SINCE_S + GRACE_S - 0.001),
        Looks(SINCE_S, 50, SINCE_S + 90.0),
    ],
    ids=["one-at-the-grace", "one-much-later", "two-a-hair-early", "many-early"],
)
def test_settle_with_too_few_or_too_early_looks_is_looked_up_again(looks: Looks) -> None:
    """One look is never enough, and no number of looks replaces the grace."""
    again = decide(looks=looks)
    assert again == LookAgain(next_look_at_s(looks, GRACE_S))
    assert isinstance(again, LookAgain)
    assert again.at_s > looks.last_begun_s


def test_settle_without_a_grace_still_needs_two_looks() -> None:
    """`--settle-grace 0` shortens the wait, not the proof."""
    assert isinstance(decide(looks=Looks(SINCE_S, 1, SINCE_S + 1.0), grace_s=0.0), LookAgain)
    assert decide(looks=Looks(SINCE_S, 2, SINCE_S + 3.0), grace_s=0.0) == Absent()


@pytest.mark.parametrize("grace_s", [GRACE_S, None], ids=["grace", "never"])
def test_settle_certainly_created_is_never_absent(grace_s: float | None) -> None:
    """It exists: it is looked for until the grace is over, then left to a later look."""
    late = Looks(SINCE_S, 1000, SINCE_S + 1e6)
    early = Looks(SINCE_S, 2, SINCE_S + 10.0)
    assert isinstance(decide(looks=early, grace_s=grace_s, certainly_created=True), LookAgain)
    assert decide(looks=late, grace_s=grace_s, certainly_created=True) == StayInDoubt(
        "the service said it created this connection, but no lookup shows it yet"
    )


def test_settle_grace_never_is_never_absent() -> None:
    """`--settle-grace never`: looked for a while, and not sent again by any run."""
    early, late = Looks(SINCE_S, 3, SINCE_S + 10.0), Looks(SINCE_S, 4, SINCE_S + 30.0)
    assert decide(looks=early, grace_s=None) == LookAgain(SINCE_S + 30.0)
    assert decide(looks=late, grace_s=None) == StayInDoubt(
        "no lookup shows it, and --settle-grace never forbids sending it again"
    )


def test_settle_hidden_control_proves_nothing() -> None:
    """If a lookup misses what is known to exist, it is repeated, and then the row stays in doubt."""
    for hidden in range(1, CONTROL_TRIES):
        looks = Looks(SINCE_S, 2 + hidden, SINCE_S + GRACE_S, hidden)
        assert decide(looks=looks, control=Control.HIDDEN) == LookAgain(SINCE_S + GRACE_S + 60.0)
    last = Looks(SINCE_S, 5, SINCE_S + 300.0, CONTROL_TRIES)
    assert decide(looks=last, control=Control.HIDDEN) == StayInDoubt(
        "lookups do not even show a connection that is known to exist, so they prove nothing"
    )


def test_settle_control_that_shows_at_last_counts() -> None:
    """Earlier failures of the control are forgiven once it shows."""
    assert decide(looks=Looks(SINCE_S, 5, SINCE_S + 300.0, 9)) == Absent()


def test_settle_sandbox_without_a_control_needs_none() -> None:
    """A new sandbox offers nothing to try the lookup on."""
    assert decide(control=Control.NONE) == Absent()


FINDINGS = st.builds(Findings, st.sampled_from([(), (ONE,), (ONE, TWO)]), st.sampled_from([(), (TWO,)]))
LOOKS = st.builds(
    Looks,
    st.just(SINCE_S),
    st.integers(0, 5),
    st.integers(0, 1_000_000).map(lambda ms: SINCE_S + ms / 1000) | st.just(float("-inf")),
    st.integers(0, 5),
)


@given(
    FINDINGS,
    LOOKS,
    st.sampled_from(Control),
    st.none() | st.integers(0, 1000).map(float),
    st.booleans(),
)
def test_settle_any_situation_is_absent_only_with_full_proof(
    findings: Findings, looks: Looks, control: Control, grace_s: float | None, certainly_created: bool
) -> None:
    """Absent opens the way to a second POST: nothing found, two looks, grace over, control not hidden."""
    decision = decide(findings, looks, control=control, grace_s=grace_s, certainly_created=certainly_created)
    if isinstance(decision, Absent):
        assert findings == Findings()
        assert looks.complete >= 2
        assert grace_s is not None
        assert looks.last_begun_s >= looks.since_s + grace_s
        assert control is not Control.HIDDEN
        assert not certainly_created
    if isinstance(decision, Claim):
        assert findings == Findings((decision.item,))
    if isinstance(decision, LookAgain):
        assert decision.at_s > max(looks.last_begun_s, looks.since_s)


# --- when to look -----------------------------------------------------------------------------------


def schedule(grace_s: float | None, looks: int) -> list[float]:
    """Give the ages at which a doubt is looked up, each look beginning on time."""
    ages: list[float] = []
    state = Looks(0.0)
    for _ in range(looks):
        at_s = next_look_at_s(state, grace_s)
        ages.append(at_s)
        state = Looks(0.0, state.complete + 1, at_s)
    return ages


@pytest.mark.parametrize(
    ("grace_s", "ages"),
    [
        (120.0, [1, 3, 10, 30, 90, 120, 180, 240]),
        (None, [1, 3, 10, 30, 90, 150, 210]),
        (0.0, [1, 3, 10, 30, 90, 150]),
        (0.5, [0.5, 1, 3, 10]),
        (30.0, [1, 3, 10, 30, 90]),
        (200.0, [1, 3, 10, 30, 90, 150, 200, 260]),
    ],
    ids=["default", "never", "none", "half", "on-the-schedule", "long"],
)
def test_look_schedule_grows_and_meets_the_end_of_the_grace(grace_s: float | None, ages: list[float]) -> None:
    """1, 3, 10, 30, 90 s, then each minute, and one look exactly when the grace ends."""
    assert schedule(grace_s, len(ages)) == ages


@pytest.mark.parametrize(
    ("looks", "grace_s", "age_s"),
    [
        (Looks(0.0, 1, 600.0), 120.0, 603.0),
        (Looks(0.0, 1, 3.0), 0.0, 6.0),
        (Looks(0.0, 2, 600.0), 120.0, 660.0),
        (Looks(0.0, 1, 600.0), None, 660.0),
        (Looks(0.0, 1, 100.0), 120.0, 120.0),
        (Looks(0.0, 0, 600.0), 120.0, 660.0),
    ],
    ids=["resumed", "no-grace", "enough-looks", "never", "within-the-grace", "none-complete"],
)
def test_second_look_after_the_grace_is_soon(looks: Looks, grace_s: float | None, age_s: float) -> None:
    """A run that resumes an old doubt waits seconds for its second look, not a minute."""
    assert next_look_at_s(looks, grace_s) == age_s


def test_first_look_counts_from_the_end_of_the_attempt() -> None:
    """A second after it, or at the end of a shorter grace."""
    assert first_look_at_s(SINCE_S, GRACE_S) == SINCE_S + 1.0
    assert first_look_at_s(SINCE_S, 0.25) == SINCE_S + 0.25


# --- twins ------------------------------------------------------------------------------------------


def test_twins_are_ours_by_every_sign_but_not_the_one_we_hold() -> None:
    """The held id, strangers' ids and likenesses are no twins."""
    items = [listed("own"), listed("twin"), listed("alike", name="Orders"), listed("other")]
    holders = {ConnectionId("own"): KEY, ConnectionId("other"): OTHER_KEY}
    assert find_twins(doubt(), ConnectionId("own"), items, holders) == (listed("twin"),)


def test_twins_may_be_merely_alike_where_no_own_connection_shows_to_the_letter() -> None:
    """A service that re-cases names, or hides specs, must not hide a twin; a stranger's client is none."""
    items = [
        listed("own", name="ORDERS"),
        listed("twin", name="ORDERS"),
        listed("spec", connection_spec_id=None),
        listed("human", name="ORDERS", created_client="human"),
    ]
    found = find_twins(doubt(client_id="us"), ConnectionId("own"), items, {})
    assert {item.connection_id for item in found} == {"twin", "spec"}


def test_twins_of_a_row_without_an_id_are_all_that_is_ours() -> None:
    """A failed row whose earlier attempt took effect after all has one such."""
    assert find_twins(doubt(), None, [ONE, TWO], {}) == (ONE, TWO)


def test_twins_exclude_what_was_there_before() -> None:
    """What bore the name before our first intent is not our doing."""
    assert find_twins(doubt(seen_ids=(ConnectionId("a"),)), None, [ONE], {}) == ()


def test_twins_without_a_marker_show_beside_a_marked_one() -> None:
    """An attempt of a run without --marker that took effect late is still found."""
    marked = listed("own", description=MARKER)
    items = [marked, listed("late")]
    assert find_twins(doubt(marker=MARKER), ConnectionId("own"), items, {}) == (listed("late"),)
