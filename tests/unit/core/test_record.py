"""The ledger's nouns: words that files keep, and defaults that mean nothing was learnt."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import UTC, datetime

import pytest

from bulkconn.core.lifecycle import State
from bulkconn.core.names import EndpointKey, RunId
from bulkconn.core.record import AttemptEnd, Move, Note, Provenance, RowStanding

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def test_closed_sets_are_written_as_their_words() -> None:
    """Ledgers and exports hold these words: a change of one is a change of format."""
    assert [one.value for one in Provenance] == ["reply", "lookup", "adopt"]
    assert [one.value for one in AttemptEnd] == ["created", "in_doubt", "not_processed", "rejected"]


def test_note_without_news_leaves_every_column() -> None:
    """None leaves a column as it is, and it is the default of each."""
    note = Note(EndpointKey("k"), NOW)
    assert (note.error_code, note.error_message, note.doubt_since, note.other_ids) == (None,) * 4


def test_move_without_more_learns_nothing() -> None:
    """A bare move changes the state and claims nothing else."""
    move = Move(EndpointKey("k"), State.PENDING, NOW, RunId("r"))
    assert (move.connection_id, move.attempt_end, move.other_ids) == (None, None, None)
    assert not move.certainly_created
    assert not move.takes_up


def test_changes_cannot_be_changed() -> None:
    """What waits in the writer's line stays what it was."""
    with pytest.raises(FrozenInstanceError):
        Note(EndpointKey("k"), NOW).key = EndpointKey("other")  # type: ignore[misc] # the point of the test


def test_standing_reads_as_a_tuple() -> None:
    """It is read by the million, so it is no more than a tuple."""
    assert RowStanding(State.CREATED, "f", 0) == (State.CREATED, "f", 0, None, None)
