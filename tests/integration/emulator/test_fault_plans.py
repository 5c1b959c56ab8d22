"""The plan of faults: how it is written, what is refused, and in which order faults are drawn."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from pydantic import ValidationError

from bulkconn.emulator import Fault, FaultChance, FaultPlan, FaultStep, Place, fault_menu, parse_fault
from bulkconn.emulator.deck import FaultDeck


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "reset_after_create:0.05",
            FaultChance(fault=Fault.RESET_AFTER_CREATE, probability=0.05),
            id="chance",
        ),
        pytest.param(
            "outage:0.01:5", FaultChance(fault=Fault.OUTAGE, probability=0.01, seconds=5), id="with-seconds"
        ),
        pytest.param("get_hide:1", FaultChance(fault=Fault.GET_HIDE, probability=1), id="lookup"),
    ],
)
def test_fault_text_of_the_documented_form_is_read(text: str, expected: FaultChance) -> None:
    """A fault is written name:probability[:seconds]."""
    assert parse_fault(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("outrage:0.1", "no fault named 'outrage'", id="unknown-name"),
        pytest.param("outage", "write name:probability[:seconds]", id="no-probability"),
        pytest.param("outage:1:2:3", "write name:probability[:seconds]", id="too-many-parts"),
        pytest.param("outage:often", "'often' is not a number", id="probability-in-words"),
        pytest.param("outage:1.5", "must be from 0 to 1", id="probability-beyond-1"),
        pytest.param("outage:nan", "must be from 0 to 1", id="probability-nan"),
        pytest.param("outage:0.1:-1", "must be 0 or more", id="negative-seconds"),
        pytest.param("outage:0.1:inf", "must be 0 or more", id="endless"),
        pytest.param("echo:0.1:5", "takes no seconds", id="seconds-for-nothing"),
    ],
)
def test_fault_text_of_another_form_is_refused_with_the_menu(text: str, words: str) -> None:
    """A text that cannot be read is a ValueError in one line that lists the menu."""
    with pytest.raises(ValueError, match=r"the menu is ") as caught:
        parse_fault(text)
    message = str(caught.value)
    assert words in message
    assert "\n" not in message
    assert all(fault.value in message for fault in Fault)


def test_fault_menu_marks_the_faults_that_take_seconds() -> None:
    """The menu names every fault, those with a length by an asterisk."""
    names = fault_menu().split(", ")
    assert len(names) == len(Fault)
    assert "outage*" in names
    assert "echo" in names


def test_fault_plan_from_short_json_reads_like_the_long_form() -> None:
    """Chances by name, steps as `name:seconds`: the short form of JSON is the same plan."""
    short = {
        "chances": {"reset_after_create": 0.05, "get_slow": 0.1},
        "queue": ["slow:2", "ok"],
        "by_name": {"name-7": ["status_500_after", "ok"]},
    }
    plan = FaultPlan.model_validate_json(json.dumps(short))
    assert plan.chances == (parse_fault("reset_after_create:0.05"), parse_fault("get_slow:0.1"))
    assert plan.queue == (FaultStep(fault=Fault.SLOW, seconds=2), FaultStep(fault=Fault.OK))
    assert plan.by_name["name-7"][0].fault is Fault.STATUS_500_AFTER
    assert FaultPlan.model_validate_json(plan.model_dump_json()) == plan
    assert FaultPlan.model_validate({"chances": ["outage:0.1:5"]}).chances[0].seconds == 5


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        pytest.param({"chances": {"echo": 0.6, "ok": 0.5}}, "add up to 1.1", id="more-than-1"),
        pytest.param({"by_name": {"a": ["get_hide"]}}, "no POST draws it", id="lookup-by-name"),
        pytest.param({"by_name": {"a": ["refuse"]}}, "no POST draws it", id="refuse-by-name"),
        pytest.param({"queue": ["echo:5"]}, "takes no seconds", id="seconds-for-nothing"),
        pytest.param({"queue": ["slow:1:2"]}, "write name or name:seconds", id="too-many-parts"),
        pytest.param({"queue": ["outrage"]}, "no fault named", id="unknown-name"),
        pytest.param({"chances": ["slow"]}, "write name:probability", id="no-probability"),
        pytest.param({"faults": []}, "Extra inputs", id="unknown-key"),
    ],
)
def test_fault_plan_that_makes_no_sense_is_refused(plan: object, words: str) -> None:
    """A plan is checked when it is made, not when its fault strikes."""
    with pytest.raises(ValidationError, match=words):
        FaultPlan.model_validate(plan)


@pytest.mark.parametrize("fault", list(Fault), ids=str)
def test_fault_of_the_menu_knows_its_place_and_length(fault: Fault) -> None:
    """Names tell where a fault strikes; a length can be chosen exactly where it means something."""
    assert (fault.place is Place.LOOKUP) == fault.value.startswith("get_")
    assert (fault.place is Place.TOKEN) == fault.value.startswith("token_")
    assert (fault.place is Place.ACCEPT) == (fault is Fault.REFUSE)
    assert fault.takes_seconds or FaultStep(fault=fault).length_s == 0
    assert not fault.creates or fault.place is Place.POST


def test_deck_script_comes_before_queue_and_queue_before_chance() -> None:
    """A script by name wins over the queue, the queue over chance; each step is taken once."""
    plan = FaultPlan.model_validate(
        {"chances": {"echo": 1}, "queue": ["status_409", "get_hide"], "by_name": {"a": ["ok"]}}
    )
    deck = FaultDeck(plan, seed=1)
    drawn = [deck.draw(Place.POST, name).fault for name in ("a", "b", "a", "b")]
    assert drawn == [Fault.OK, Fault.STATUS_409, Fault.ECHO, Fault.ECHO]
    assert [deck.draw(Place.LOOKUP).fault for _ in range(2)] == [Fault.GET_HIDE, Fault.GET_OK]


def test_deck_same_seed_draws_the_same_faults_whatever_is_looked_up() -> None:
    """The faults of POSTs depend on seed and number only, not on the lookups between them."""
    plan = FaultPlan.model_validate({"chances": {"echo": 0.3, "slow": 0.3, "get_hide": 0.5}})
    quiet, busy, other = FaultDeck(plan, 7), FaultDeck(plan, 7), FaultDeck(plan, 8)
    expected = [quiet.draw(Place.POST).fault for _ in range(200)]
    seen = []
    for _ in range(200):
        busy.draw(Place.LOOKUP)
        seen.append(busy.draw(Place.POST).fault)
    assert seen == expected
    assert [other.draw(Place.POST).fault for _ in range(200)] != expected


def test_deck_chances_strike_as_often_as_planned() -> None:
    """Each fault gets its own share of the requests."""
    plan = FaultPlan.model_validate({"chances": {"echo": 0.1, "slow": 0.2}})
    deck = FaultDeck(plan, seed=3)
    counts = Counter(deck.draw(Place.POST).fault for _ in range(10_000))
    assert counts[Fault.ECHO] == pytest.approx(1000, abs=120)
    assert counts[Fault.SLOW] == pytest.approx(2000, abs=160)
    assert counts[Fault.OK] == pytest.approx(7000, abs=200)
