"""A kept plan is executed exactly, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from bulkconn.core.plan_file import SETTING_NAMES, PlanFile, Situation, parse_plan

THEN = Situation((("eu.csv", "aa"), ("us.csv", "bb")), "https://x", "org", "L1", "dd", 5)
PLAN = PlanFile(THEN, dict.fromkeys(SETTING_NAMES), {"pending": 5})


def test_plan_comes_back_as_it_was_written() -> None:
    """Nothing is lost on the way through the file."""
    assert parse_plan(PLAN.as_text()) == PLAN


MOVED: dict[str, tuple[dict[str, Any], str]] = {
    "base-url": ({"base_url": "https://y"}, "another base URL"),
    "org": ({"org_id": "other"}, "another base URL or organisation"),
    "fewer-files": ({"inventories": (("eu.csv", "aa"),)}, "2 inventory files"),
    "edited": ({"inventories": (("eu.csv", "aa"), ("us2.csv", "cc"))}, "us2.csv is not what us.csv was"),
    "other-ledger": ({"ledger_id": "L2"}, "another ledger"),
    "ledger-gone": ({"ledger_id": None}, "another ledger"),
    "rows-moved": ({"ledger_digest": "ee"}, "the ledger moved on"),
    "other-number": ({"to_create": 6}, "was to create 5 connections, it would be 6"),
}


@pytest.mark.parametrize(("changes", "words"), MOVED.values(), ids=MOVED.keys())
def test_plan_whose_ground_moved_says_what_moved(changes: dict[str, Any], words: str) -> None:
    """One difference is enough."""
    assert words in (THEN.moved_on(replace(THEN, **changes)) or "")


def test_plan_whose_ground_stands_moves_nothing() -> None:
    """The names of files may differ, and an organisation that was not said may be any."""
    renamed = replace(THEN, inventories=(("a.csv", "aa"), ("b.csv", "bb")))
    assert THEN.moved_on(THEN) is None
    assert THEN.moved_on(renamed) is None
    assert replace(THEN, org_id=None).moved_on(THEN) is None


def test_plan_without_a_ledger_is_refused_where_there_is_one() -> None:
    """Somebody was quicker."""
    fresh = replace(THEN, ledger_id=None, ledger_digest=None)
    assert fresh.moved_on(THEN) == "there is a ledger by now"
    assert fresh.moved_on(fresh) is None


@pytest.mark.parametrize("text", ["", "[]", "5", "null", "{}", '{"bulkconn_plan": 1}', '"x"'])
def test_other_files_are_no_plans(text: str) -> None:
    """The message says so, whatever the file holds."""
    with pytest.raises(ValueError, match="no plan"):
        parse_plan(text)


def test_plan_of_another_format_is_refused_by_its_number() -> None:
    """A newer one may mean what this program cannot know."""
    value = {**json.loads(PLAN.as_text()), "bulkconn_plan": 2}
    with pytest.raises(ValueError, match="it has format 2, this bulkconn knows 1"):
        parse_plan(json.dumps(value))
