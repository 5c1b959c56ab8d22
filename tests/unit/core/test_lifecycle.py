"""The table of moves: what it allows, and the promises that rest on what it forbids."""

from __future__ import annotations

import pytest

from bulkconn.core.errors import IllegalMove
from bulkconn.core.lifecycle import MOVES, SOURCES_OF, State, check_move

LEGAL = {
    State.PENDING: {State.SENDING, State.ADOPTED, State.HELD, State.FAILED},
    State.SENDING: {State.CREATED, State.IN_DOUBT, State.FAILED, State.PENDING},
    State.IN_DOUBT: {State.CREATED, State.HELD, State.PENDING},
    State.CREATED: {State.HELD, State.DELETED},
    State.ADOPTED: set(),
    State.FAILED: {State.PENDING},
    State.HELD: {State.PENDING, State.CREATED, State.DELETED},
    State.DELETED: {State.PENDING},
}


@pytest.mark.parametrize("source", State, ids=str)
@pytest.mark.parametrize("target", State, ids=str)
def test_move_between_two_states_is_legal_only_if_the_design_has_it(source: State, target: State) -> None:
    """Every pair of states is either in the design's list of moves or raises."""
    if target in LEGAL[source]:
        check_move(source, target)
    else:
        with pytest.raises(IllegalMove, match=f"^a row cannot go from {source} to {target}$"):
            check_move(source, target)


def test_table_covers_every_state() -> None:
    """No state is forgotten on either side."""
    assert set(MOVES) == set(SOURCES_OF) == set(State)


def test_sources_are_the_moves_read_backwards() -> None:
    """Both tables say the same."""
    pairs = {(source, target) for source, targets in MOVES.items() for target in targets}
    assert {(source, target) for target, sources in SOURCES_OF.items() for source in sources} == pairs


def test_sending_is_reached_from_pending_only() -> None:
    """A row whose state is unknown is never sent: it must become pending first."""
    assert SOURCES_OF[State.SENDING] == {State.PENDING}


def test_sending_is_never_left_for_held_or_adopted() -> None:
    """What may have been sent is first known or in doubt."""
    assert not MOVES[State.SENDING] & {State.HELD, State.ADOPTED}


def test_no_state_leads_to_itself() -> None:
    """News without a change of state is a `Note`, never a move."""
    assert not [state for state, targets in MOVES.items() if state in targets]


def test_tables_cannot_be_changed() -> None:
    """Nobody adds a move at run time."""
    with pytest.raises(TypeError):
        MOVES[State.ADOPTED] = frozenset(State)  # type: ignore[index] # that is the point of the test


@pytest.mark.parametrize("state", State, ids=str)
def test_state_is_written_as_its_word(state: State) -> None:
    """States go to files and scripts as lower-case words."""
    assert str(state) == state.value == state.name.lower()
