"""Which rows may have new credentials, and what the answers to a change mean."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bulkconn.core.lifecycle import State
from bulkconn.core.outcome import Outcome, OutcomeKind
from bulkconn.core.record import Provenance
from bulkconn.core.reply import BodyState, Fault, FaultKind, Reply
from bulkconn.core.rotation import (
    Changed,
    Judgement,
    Refusal,
    classify_change,
    judge_rotation,
    new_content,
    read_etag,
)
from bulkconn.core.source import PlatformCloud
from tests.unit.core.rows import basic_row, endpoint_of
from tests.unit.core.test_verification import GONE, ID, RECORD, shown

ROW = endpoint_of(basic_row())
MADE = replace(
    RECORD,
    name=ROW.name,
    sandbox=ROW.sandbox,
    auth=ROW.auth,
    platform_cloud=ROW.platform_cloud,
    sent_as=None,
)


@pytest.mark.parametrize("state", [State.CREATED, State.ADOPTED])
def test_judge_rotation_of_what_has_a_connection_is_to_rotate(state: State) -> None:
    """Its parameters may all have changed: they are what is sent."""
    edited = ROW._replace(params=(), fingerprint="another")
    judged = judge_rotation(edited, replace(MADE, state=state), with_adopted=True)
    assert judged.judgement is Judgement.ROTATE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": State.PENDING}, "this row is pending, not created"),
        ({"state": State.IN_DOUBT}, "this row is in doubt, not created"),
        ({"state": State.DELETED}, "this row is deleted, not created"),
        ({"state": State.ADOPTED}, "this row was adopted: somebody else created its connection"),
    ],
)
def test_judge_rotation_leaves_what_is_not_created(changes: dict[str, Any], reason: str) -> None:
    """There is nothing, or nothing of ours, to send credentials to."""
    judged = judge_rotation(ROW, replace(MADE, **changes), with_adopted=False)
    assert (judged.judgement, judged.reason) == (Judgement.LEFT, reason)
    assert judged.fix


def test_judge_rotation_leaves_what_the_ledger_does_not_know() -> None:
    """It is for `run` to create it."""
    assert judge_rotation(ROW, None, with_adopted=True).judgement is Judgement.LEFT


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"name": "other"}, "name"),
        ({"sandbox": "other"}, "sandbox"),
        ({"connection_spec_id": "other"}, "connection spec"),
        ({"platform_cloud": PlatformCloud.AWS}, "platform_cloud"),
        ({"auth": "other"}, "auth"),
        ({"cells": {"auth_spec_name": "x"}}, "auth spec"),
        ({"name": "other", "sandbox": "other"}, "sandbox and name"),
    ],
)
def test_judge_rotation_refuses_a_row_that_became_another(changes: dict[str, Any], what: str) -> None:
    """New parameters cannot make a connection another one."""
    judged = judge_rotation(ROW, replace(MADE, **changes), with_adopted=True)
    assert (judged.judgement, judged.reason) == (
        Judgement.REFUSED,
        f"this row was created with another {what}",
    )


def test_new_content_is_the_rows_unless_its_description_was_edited() -> None:
    """A description is not sent, so an edited one goes on to count as changed."""
    plain = ROW._replace(cells={"server": "h2"})
    assert new_content(plain, replace(MADE, cells={"server": "h"})) == (ROW.fingerprint, {"server": "h2"})
    same = ROW._replace(cells={"description": "d", "server": "h2"})
    described = replace(MADE, cells={"description": "d"})
    assert new_content(same, described) == (ROW.fingerprint, {"description": "d", "server": "h2"})
    assert new_content(plain, described) == (None, {"description": "d", "server": "h2"})
    assert new_content(same, MADE) == (None, {"server": "h2"})


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        pytest.param(Reply(200, {"id": ID, "etag": '"2"'}), Changed('"2"'), id="changed"),
        pytest.param(Reply(200, {"id": ID.upper(), "etag": '"2"'}), Changed('"2"'), id="in capitals"),
        pytest.param(Reply(200, {"id": ID}), Changed(None), id="no etag"),
        pytest.param(Reply(200, {"id": "x", "etag": '"2"'}), Changed(None), id="the etag of another"),
        pytest.param(Reply(200, None, BodyState.CUT), Changed(None), id="cut"),
        pytest.param(Reply(412, {"errorMessage": "no"}), Refusal.STALE, id="stale"),
        pytest.param(GONE, Refusal.GONE, id="gone"),
    ],
)
def test_classify_change_of_a_plain_answer(answer: Reply, said: Changed | Refusal) -> None:
    """A 200 has changed it whatever its body says; 412 and the documented 404 have not."""
    assert classify_change(answer, ID) == said


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Reply(500), OutcomeKind.IN_DOUBT),
        (Reply(201, {"id": ID}), OutcomeKind.IN_DOUBT),
        (Reply(201, {}), OutcomeKind.IN_DOUBT),
        (Reply(204), OutcomeKind.IN_DOUBT),
        (Reply(409), OutcomeKind.IN_DOUBT),
        (Fault(FaultKind.MAYBE_PROCESSED, "reset"), OutcomeKind.IN_DOUBT),
        (Fault(FaultKind.NOT_SENT, "refused"), OutcomeKind.NOT_SENT),
        (Reply(429, {"error_code": "429", "message": "slow"}), OutcomeKind.THROTTLED),
        (Reply(401, {"error_code": "401013", "message": "no"}), OutcomeKind.TOKEN_REFUSED),
        (Reply(403), OutcomeKind.NOT_POSSIBLE),
        (Reply(404), OutcomeKind.NOT_POSSIBLE),
        (Reply(400, {"errorMessage": "no"}), OutcomeKind.REJECTED),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_classify_change_of_other_answers_is_that_of_a_post(answer: Reply | Fault, kind: OutcomeKind) -> None:
    """Whether it may have been processed is asked first; a 201 says nothing that is documented."""
    said = classify_change(answer, ID)
    assert isinstance(said, Outcome)
    assert said.kind is kind


def test_read_etag_takes_it_from_a_whole_answer_only() -> None:
    """What is not certain is asked again."""
    assert read_etag(shown(etag='"7"'), ID) == '"7"'
    assert read_etag(shown(version='"8"'), ID) == '"8"'
    assert read_etag(GONE, ID) is Refusal.GONE
    for odd in (shown(), shown(id="x", etag="1"), Reply(200, {"items": []}), Reply(500)):
        assert read_etag(odd, ID) is None


def test_created_and_adopted_rows_have_one_identity_in_the_tests() -> None:
    """The record of these tests is that of the endpoint, so that each case differs by one thing."""
    assert MADE.provenance is Provenance.REPLY
    assert (MADE.name, MADE.connection_spec_id) == (ROW.name, ROW.connection_spec_id)
