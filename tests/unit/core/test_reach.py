"""What `check` finds out of a row, as a value."""

from __future__ import annotations

import json

import pytest

from bulkconn.core.reach import FIXES, ROW_KEYS, Answer, Cause, Depth, Result, RowReach
from tests.unit.core.rows import basic_row, endpoint_of

GOOD = Answer(Result.OK, tested=Depth.LOGIN, encrypted=True, seconds=0.12345)
WRONG = Answer(Result.FAILED, Cause.WRONG_PASSWORD, "28P01", "the server refused it", seconds=1.0)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_a_remedy(cause: Cause) -> None:
    """Nobody is told what is wrong without being told what to do."""
    assert FIXES[cause]


def test_row_that_is_ok_has_the_documented_keys_in_order() -> None:
    """What is not known is null, and nothing is left out."""
    row = RowReach(endpoint_of(basic_row(password="hush")), GOOD, "db.example.com", 5432).as_mapping()
    assert tuple(row) == ROW_KEYS
    assert (row["result"], row["tested"], row["encrypted"], row["tried"]) == ("ok", "login", True, True)
    assert (row["cause"], row["code"], row["message"], row["fix"]) == (None, None, None, None)
    assert (row["host"], row["port"], row["seconds"]) == ("db.example.com", 5432, 0.123)
    assert "hush" not in json.dumps(row)


def test_row_that_failed_says_why_and_what_to_do() -> None:
    """The remedy is that of the cause."""
    row = RowReach(endpoint_of(basic_row()), WRONG).as_mapping()
    assert (row["result"], row["cause"], row["code"]) == ("failed", "wrong_password", "28P01")
    assert (row["message"], row["fix"]) == ("the server refused it", FIXES[Cause.WRONG_PASSWORD])
    assert (row["host"], row["port"], row["tested"], row["encrypted"]) == (None, None, None, None)


def test_answer_given_again_says_that_nothing_was_tried() -> None:
    """A row that was spared shows for what reason, and took no time."""
    again = WRONG.again("three were refused")
    assert (again.result, again.cause, again.is_tried, again.seconds) == (
        *(Result.FAILED, Cause.WRONG_PASSWORD),
        *(False, 0.0),
    )
    assert again.message == "the server refused it; not tried again: three were refused"
    assert WRONG.again("why", result=Result.NOT_CHECKED).result is Result.NOT_CHECKED
