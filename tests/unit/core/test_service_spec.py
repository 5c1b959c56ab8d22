"""The answer to GET /connectionSpecs/{id} is read leniently, and says which of three things it means."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bulkconn.core.reply import BodyState, Reply
from bulkconn.core.service_spec import NotOffered, OddSpec, Place, ServiceSpec, read_document, read_spec

SPEC_ID = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
PLACE = Place("dev", SPEC_ID)
AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
SCHEMA = {"type": "object"}


def read(body: object, status: int = 200, state: BodyState = BodyState.WHOLE) -> object:
    """Read a reply with this body."""
    return read_spec(Reply(status, body, state), PLACE, AT)


def item(**changes: object) -> dict[str, object]:
    """Give a connection spec as the service shows it, with changes."""
    listed = [{"name": "Basic", "type": "BasicAuthentication", "spec": SCHEMA}]
    return {"id": SPEC_ID, "name": "pg", "version": "1.0", "authSpec": listed, "sourceSpec": {}} | changes


def test_spec_is_cut_down_to_version_and_auth_specs() -> None:
    """What concerns no base connection is not kept."""
    assert read({"items": [item()]}) == ServiceSpec(PLACE, "1.0", {"Basic": SCHEMA}, AT)


def test_spec_that_was_kept_is_the_spec_that_was_read() -> None:
    """A ledger gives back what the service said."""
    spec = ServiceSpec(PLACE, None, {"Basic": SCHEMA, "Odd": ["no schema"]}, AT)
    assert read_document(spec.document(), PLACE, AT) == spec


def test_spec_is_found_among_others_by_its_id_whatever_its_case() -> None:
    """An id is the same in capitals; an item without one is taken at its word."""
    other = item(id="00000000-0000-4000-8000-000000000000", version="9")
    assert read({"items": [None, other, item(id=SPEC_ID.upper())]}) == read({"items": [item()]})
    without_id = {"version": "1.0", "authSpec": []}
    assert read({"items": [without_id]}) == ServiceSpec(PLACE, "1.0", {}, AT)


def test_auth_spec_that_is_stated_twice_may_be_fulfilled_either_way() -> None:
    """One id may present two auth specs of a name, one for each cloud."""
    listed = [{"name": "Basic", "spec": {"required": ["a"]}}, {"name": "Basic", "spec": {"required": ["b"]}}]
    spec = read({"items": [item(authSpec=listed)]})
    assert isinstance(spec, ServiceSpec)
    assert spec.auths == {"Basic": {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}}


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"items": []}),
        (404, {"errorMessage": f"connection specs not found with id = [{SPEC_ID}]"}),
        (404, {"type": "https://ns.adobe.com/aep/errors/FLOW-1499-404", "report": {}}),
        (400, {"type": "https://ns.adobe.com/aep/errors/FLOW-1413-400", "title": "invalid"}),
        (422, {"error_code": "1413-422", "message": "invalid"}),
    ],
    ids=["empty", "older-shape", "flow-service", "1413", "1413-otherwise"],
)
def test_answer_that_denies_the_spec_means_not_offered(status: int, body: object) -> None:
    """The service itself says that there is no such connection spec here."""
    assert read(body, status) == NotOffered(PLACE, AT)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, None),
        (404, "not found"),
        (404, {"error": "Not Found"}),
        (404, {"type": "https://ns.adobe.com/aep/errors/FLOW-2100-404", "report": {}}),
        (400, {"errorMessage": "something else"}),
        (403, {"error_code": "403025", "message": "Profile is not valid"}),
        (500, None),
        (200, None),
        (429, {"error_code": "429050", "message": "Too many requests"}),
    ],
)
def test_answer_that_says_nothing_of_the_spec_is_none(status: int, body: object) -> None:
    """A wrong path, a missing sandbox, a lack of permission: troubles of ours, not the spec's."""
    assert read(body, status) is None


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ([], "no list of items"),
        ({}, "no list of items"),
        ({"items": {}}, "no list of items"),
        ({"items": [item(id="another")]}, "another connection spec"),
        ({"items": [item(authSpec=None)]}, "no list of auth specs"),
        ({"items": [item(authSpec=["Basic"])]}, "has no name"),
        ({"items": [item(authSpec=[{"spec": SCHEMA}])]}, "has no name"),
        ({"items": [item(authSpec=[{"name": 5, "spec": SCHEMA}])]}, "has no name"),
    ],
)
def test_answer_of_an_odd_shape_says_what_is_odd(body: object, reason: str) -> None:
    """It is a value, so that the catalogue's word can stand; nothing of the answer is in it."""
    odd = read(body)
    assert isinstance(odd, OddSpec)
    assert reason in odd.reason


def test_version_that_is_no_text_is_not_known() -> None:
    """Nobody promises the type."""
    spec = read({"items": [item(version=1.0)]})
    assert isinstance(spec, ServiceSpec)
    assert spec.version is None
