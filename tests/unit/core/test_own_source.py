"""A row of `source=custom`: its word is taken, and what nobody vouches for is held secret."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.adoption import shows_same_database
from bulkconn.core.diagnostics import Severity
from bulkconn.core.dummies import DUMMY, dummy_row
from bulkconn.core.endpoint import Endpoint, InventoryRow, SecretUnavailable
from bulkconn.core.request import build_request, secret_refs
from bulkconn.core.secret import SecretRef, SecretStr
from bulkconn.core.service_spec import NotOffered, OddSpec, Place, ServiceSpec
from bulkconn.core.spec_book import SpecBook
from bulkconn.core.validation import Invalid, Validated, Validator
from tests.unit.core.rows import ACME, SOURCES, basic_row

if TYPE_CHECKING:
    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.service_spec import SpecAnswer

ID = "0a1b2c3d-0000-4000-8000-00000000000f"
PLACE = Place("dev", ID)
AT = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
WHERE = "(sandbox dev, read 2026-11-20 10:05 UTC)"
AGAIN = ", then run the same command; rows already created are skipped"
UNCHECKED = (
    "nothing but the row is known of source=custom: its values are sent as text, under their names as "
    "written, and all are held secret"
)
_NOT_READ = "it is not a JSON object"
_COMMON = {"name": "one", "source": "custom", "platform_cloud": "azure", "sandbox": "dev"}
_OWN = {"connection_spec_id": ID, "auth_spec_name": "Own Authentication"}


def own_row(**cells: str | None) -> InventoryRow:
    """Give a row that describes its source; None takes a cell out."""
    given = {**_COMMON, **_OWN, **cells}
    return InventoryRow("a.csv", 2, {name: cell for name, cell in given.items() if cell is not None})


def said(properties: object, version: str | None = "1.0", **rules: object) -> ServiceSpec:
    """Give what the service says of the auth spec."""
    schema = {"type": "object", "properties": properties, **rules}
    return ServiceSpec(PLACE, version, {"Own Authentication": schema}, AT)


def judge(row: InventoryRow, *answers: SpecAnswer, **options: Any) -> Validated | Invalid:
    """Validate a row by these answers of the service."""
    validator = Validator(SOURCES, **options)
    if answers:
        validator.learn(SpecBook({answer.place: answer for answer in answers}))
    return validator.validate(row)


def taken(row: InventoryRow, *answers: SpecAnswer) -> tuple[Endpoint, list[str]]:
    """Give a valid row's endpoint and what is said of it."""
    result = judge(row, *answers)
    assert isinstance(result, Validated), result
    return result.endpoint, [one.message for one in result.warnings]


def errors(row: InventoryRow, *answers: SpecAnswer, **options: Any) -> list[Diagnostic]:
    """Give what is wrong with a row."""
    result = judge(row, *answers, **options)
    assert isinstance(result, Invalid), result
    return [one for one in result.diagnostics if one.severity is Severity.ERROR]


def body(endpoint: Endpoint, **resolved: str) -> dict[str, Any]:
    """Give what is sent, with these variables set."""
    secrets = {SecretRef(f"env://{name}"): SecretStr(text) for name, text in resolved.items()}
    return build_request(endpoint, secrets).body()


def test_row_is_sent_as_it_says_and_nothing_of_it_is_shown() -> None:
    """Names as written, values as text; of unmarked values only the names are kept."""
    endpoint, warnings = taken(own_row(ssl_mode="Off", Port="5432", secret_columns="port", x_team="t"))
    assert body(endpoint) == {
        "name": "one",
        "auth": {"specName": "Own Authentication", "params": {"ssl_mode": "Off", "Port": "5432"}},
        "connectionSpec": {"id": ID, "version": "1.0"},
    }
    assert endpoint.cells == {
        **_OWN,
        "connection_spec_version": "1.0",
        "secret_columns": "Port,ssl_mode",
        "x_team": "t",
    }
    assert (endpoint.key, endpoint.source, endpoint.auth) == ("dev/custom/one", "custom", "custom")
    assert warnings == [UNCHECKED]


def test_row_may_give_references_anywhere_and_its_own_version() -> None:
    """A reference is no secret: it is kept under a column that reads it again."""
    row = own_row(
        connection_spec_version="2.1",
        connection_spec_id=ID.upper(),
        auth="CUSTOM",
        **{"host": "env://H", "params.key": "env://K", "params. name ": "n"},
    )
    endpoint, _ = taken(row)
    assert {one.uri for one in secret_refs(endpoint)} == {"env://H", "env://K"}
    assert (endpoint.cells["host"], endpoint.cells["params.key"]) == ("env://H", "env://K")
    sent = body(endpoint, H="h", K="k")
    assert sent["connectionSpec"] == {"id": ID, "version": "2.1"}
    assert sent["auth"]["params"] == {"host": "h", "key": "k", "name": "n"}


@pytest.mark.parametrize(
    ("cells", "column", "message", "fix"),
    [
        (
            {"connection_spec_id": None},
            "connection_spec_id",
            "connection_spec_id is missing",
            "write the id of the connection spec, as GET /connectionSpecs lists it",
        ),
        (
            {"connection_spec_id": "postgres"},
            "connection_spec_id",
            "connection_spec_id is no UUID",
            "correct the cell",
        ),
        (
            {"auth_spec_name": " "},
            "auth_spec_name",
            "auth_spec_name is missing",
            "write the auth spec's name to the letter, as the connection spec lists it",
        ),
        (
            {"auth": "basic"},
            "auth",
            "auth is not for custom sources: auth_spec_name says it",
            "leave the cell empty",
        ),
        (
            {"secret_columns": "hots"},
            "secret_columns",
            "secret_columns names hots, which is no parameter of the row",
            "write host",
        ),
        (
            {"secret_columns": "zzzzzz"},
            "secret_columns",
            "secret_columns names zzzzzz, which is no parameter of the row",
            "fill that column in, or take it out",
        ),
        (
            {"platform_cloud": None},
            "platform_cloud",
            "platform_cloud is missing",
            "say where Experience Platform runs, in the row or by --platform-cloud",
        ),
        (
            {"a,b": "1"},
            "a,b",
            "a,b cannot name a parameter",
            "name the column or remove the cell",
        ),
        (
            {" ": "1"},
            " ",
            "a cell stands under an empty header",
            "name the column or remove the cell",
        ),
        (
            {"host": None},
            None,
            "nothing is given of what custom on azure with auth=custom takes",
            "fill in the row's columns",
        ),
    ],
)
def test_row_that_says_too_little_is_refused(
    cells: dict[str, str | None], column: str | None, message: str, fix: str
) -> None:
    """What, where, and what to do."""
    (error,) = errors(own_row(**{"host": "h", **cells}))
    assert (error.column, error.message, error.fix) == (column, message, fix + AGAIN)


def test_unmarked_value_counts_as_a_secret_where_secrets_in_clear_are_refused() -> None:
    """Nobody said that it is none; the schema may."""
    (error,) = errors(own_row(host="h"), forbid_plaintext=True)
    assert error.message == (
        "host is a secret in clear, which --forbid-plaintext-secrets refuses; nothing says that it is none"
    )
    answer = said({"host": {"type": "string"}, "pin": {"type": "string", "format": "password"}})
    assert isinstance(judge(own_row(host="h"), answer, forbid_plaintext=True), Validated)
    (error,) = errors(own_row(pin="p"), answer, forbid_plaintext=True)
    assert error.message == "pin is a secret in clear, which --forbid-plaintext-secrets refuses"


def test_layouts_of_one_shape_are_told_apart_by_what_rows_say() -> None:
    """Rows under one header row may describe several sources."""
    validator = Validator(SOURCES)
    names = ("one", "two", "one")
    results = [validator.validate(own_row(host="h", auth_spec_name=name)) for name in names]
    assert [one.endpoint.auth_spec_name for one in results if isinstance(one, Validated)] == list(names)


def test_spec_that_the_catalogue_knows_is_a_warning_that_names_its_source() -> None:
    """As a source of the catalogue the row would be checked better."""
    _, warnings = taken(own_row(host="h", connection_spec_id=ACME.connection_spec_id))
    assert warnings[0].startswith("connection_spec_id is that of acme, which bulkconn knows: ")


def test_column_of_a_custom_source_is_refused_at_a_row_of_another() -> None:
    """Whoever describes a source means it."""
    (error,) = errors(basic_row(connectionSpecId=ID))
    assert error.message == "connectionSpecId describes a custom source, and acme is none"
    assert error.fix == f"write source=custom or remove the cell{AGAIN}"


def test_place_of_a_custom_row_is_the_spec_that_it_names() -> None:
    """`--check-specs` asks for it; a row that names none is told of later."""
    validator = Validator(SOURCES)
    assert validator.place_of(own_row(host="h", connection_spec_id=ID.upper())) == PLACE
    assert validator.place_of(own_row(host="h", connection_spec_id="x")) is None


def test_service_says_spelling_secrets_and_types() -> None:
    """What it lists without a mark is no secret, but for what is called like one."""
    answer = said(
        {
            "sslMode": {"type": "string"},
            "port": {"type": "integer"},
            "useTls": {"type": "boolean"},
            "clientPassword": {"type": "string"},
            "pin": {"type": "string", "format": "password"},
            "labels": {"type": "array"},
            "lag": {"type": "number"},
        }
    )
    row = own_row(
        ssl_mode="Off",
        PORT="5432",
        use_tls="TRUE",
        client_password="x",
        pin="9",
        secret_columns="lag",
        lag="0.5",
        other="y",
    )
    endpoint, warnings = taken(row, answer)
    assert body(endpoint)["auth"]["params"] == {
        "sslMode": "Off",
        "port": 5432,
        "useTls": True,
        "clientPassword": "x",
        "pin": "9",
        "lag": 0.5,
        "other": "y",
    }
    assert endpoint.cells == {
        **_OWN,
        "connection_spec_version": "1.0",
        "sslMode": "Off",
        "port": "5432",
        "useTls": "TRUE",
        "secret_columns": "lag,clientPassword,pin,other",
    }
    sent_as = "is sent as {}, as the service asks for it " + WHERE
    assert warnings == [
        f"port {sent_as.format('integer')}",
        f"useTls {sent_as.format('boolean')}",
        f"lag {sent_as.format('number')}",
        f"the service does not list other among the parameters {WHERE}",
    ]


def test_service_refuses_what_it_would_and_shows_no_secret() -> None:
    """A missing parameter, a wrong type, a wrong value, one that a closed schema does not know."""
    answer = said(
        {"port": {"type": "integer"}, "mode": {"enum": ["A"]}, "pin": {"format": "password", "minLength": 5}},
        required=["database"],
        additionalProperties=False,
    )
    found = errors(own_row(port="54x", mode="B", pin="s3c", other="hunter2"), answer)
    assert {(one.column, one.found) for one in found} == {
        ("port", "54x"),
        ("mode", "B"),
        ("pin", None),
        ("other", None),
        ("database", None),
    }
    assert all("catalogue" not in one.message for one in found)
    assert "hunter2" not in repr(found)


def test_reference_where_the_service_asks_for_a_number_is_read_when_it_is_resolved() -> None:
    """Of a reference nobody knows the value before."""
    endpoint, _ = taken(own_row(port="env://PORT"), said({"port": {"type": "integer"}}))
    assert endpoint.cells["port"] == "env://PORT"
    assert body(endpoint, PORT="5432")["auth"]["params"] == {"port": 5432}
    with pytest.raises(SecretUnavailable, match="env://PORT holds is not of the type"):
        body(endpoint, PORT="secret")


def test_row_without_a_typed_parameter_is_sent_without_it() -> None:
    """Types are of what is given."""
    answer = said({"port": {"type": "integer"}, "host": {"type": "string"}})
    row = InventoryRow("a.csv", 2, {**_COMMON, **_OWN, "host": "h"}, (*_COMMON, *_OWN, "host", "port"))
    endpoint, warnings = taken(row, answer)
    assert body(endpoint)["auth"]["params"] == {"host": "h"}
    assert warnings == []


def test_asking_the_service_makes_no_created_row_look_edited() -> None:
    """Values are out of the fingerprint, however they are held; names are in, however they are spelt."""
    row = own_row(ssl_mode="Off", pin="1")
    unasked, _ = taken(row)
    asked, _ = taken(row, said({"sslMode": {}, "pin": {"format": "password"}}))
    edited, _ = taken(own_row(ssl_mode="On", pin="2"))
    more, _ = taken(own_row(ssl_mode="Off", pin="1", port="2"))
    version, _ = taken(own_row(ssl_mode="Off", pin="1", connection_spec_version="2"))
    assert unasked.fingerprint == asked.fingerprint == edited.fingerprint
    assert len({unasked.fingerprint, more.fingerprint, version.fingerprint}) == 3


@pytest.mark.parametrize(
    ("answer", "column", "message", "fix"),
    [
        (
            NotOffered(PLACE, AT),
            "connection_spec_id",
            f"the service offers no connection spec of this id {WHERE}",
            "correct connection_spec_id or sandbox, or ask Adobe to enable the source there",
        ),
        (
            ServiceSpec(PLACE, "1.0", {"Own Authentification": {}}, AT),
            "auth_spec_name",
            f"the service offers no auth spec of this name for the connection spec {WHERE}",
            "write Own Authentification",
        ),
        (
            ServiceSpec(PLACE, "1.0", {"Zzz": {}}, AT),
            "auth_spec_name",
            f"the service offers no auth spec of this name for the connection spec {WHERE}",
            "correct auth_spec_name",
        ),
    ],
)
def test_spec_that_the_service_does_not_offer_is_told_at_its_column(
    answer: SpecAnswer, column: str, message: str, fix: str
) -> None:
    """No word of a catalogue that does not know the source."""
    (error,) = errors(own_row(host="h"), answer)
    assert (error.column, error.message, error.fix) == (column, message, fix + AGAIN)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            OddSpec(PLACE, "it has no list of auth specs"),
            "what the service says of custom in sandbox dev cannot be read: it has no list of auth specs",
        ),
        (
            ServiceSpec(PLACE, None, {"Own Authentication": 5}, AT),
            f"the service's schema of custom on azure with auth=custom cannot be read {WHERE}: {_NOT_READ}",
        ),
    ],
)
def test_answer_that_cannot_be_read_leaves_the_row_its_own_word(answer: SpecAnswer, message: str) -> None:
    """Everything is held secret then."""
    endpoint, warnings = taken(own_row(host="h"), answer)
    assert warnings == [UNCHECKED, f"{message}; the row's own word stands"]
    assert endpoint.cells["secret_columns"] == "host"


def test_other_version_than_the_service_shows_is_a_warning() -> None:
    """What is sent stays the row's."""
    endpoint, warnings = taken(own_row(host="h"), said({"host": {}}, version="2.0"))
    assert warnings == [
        f"the service shows version 2.0 of connection spec {ID} {WHERE}; the row sends 1.0",
    ]
    assert endpoint.connection_spec_version == "1.0"


def test_terms_are_kept_for_few_kinds_only() -> None:
    """A file in which every row describes another source fills no memory."""
    book = SpecBook({PLACE: said({"host": {}})})
    validator = Validator(SOURCES)
    validator.learn(book)
    for number in range(1100):
        assert isinstance(validator.validate(own_row(host="h", auth_spec_name=f"Own {number}")), Invalid)
    assert len(book._terms) < 1100


@pytest.mark.parametrize(
    ("visible", "is_same"),
    [
        ([], False),
        ([("server", "h")], True),
        ([("server", "other")], False),
        ([("server", "h"), ("database", "d")], False),
    ],
)
def test_existing_connection_is_the_same_only_where_something_shows_it(
    visible: list[tuple[str, str]], *, is_same: bool
) -> None:
    """Nobody knows what a custom source calls its server: an equal name alone adopts nothing."""
    endpoint, _ = taken(own_row(server="h", token="t"))
    assert shows_same_database(endpoint, visible) is is_same


def test_dummy_row_becomes_the_same_endpoint_without_its_values() -> None:
    """A rehearsal needs the description, and no value that may be a secret."""
    endpoint, _ = taken(own_row(host="h", pin="env://P"))
    cells = dummy_row(endpoint, None)
    assert cells["params"] == {"host": DUMMY, "pin": DUMMY}
    assert (cells["connection_spec_id"], cells["auth_spec_name"]) == (ID, "Own Authentication")


_NAMES = st.text("abcXYZ_. ", min_size=1, max_size=8).map(str.strip).filter(bool)
_VALUES = st.text(min_size=6, max_size=20).map(lambda text: f"MARK{text}".strip())


@given(st.dictionaries(_NAMES, _VALUES, min_size=1, max_size=4), st.booleans())
def test_unmarked_value_is_in_nothing_that_is_kept_or_said(values: dict[str, str], is_nested: bool) -> None:
    """Whatever the value or the name: not in cells, fingerprint, diagnostics or any repr."""
    cells = {f"params.{name}" if is_nested else f"p{name}": value for name, value in values.items()}
    row = own_row(**cells)
    for answers in ((), (said({"listed": {}}),)):
        result = judge(row, *answers)
        kept = repr(result)
        if isinstance(result, Validated):
            assert not any(value in repr(dict(result.endpoint.cells)) for value in values.values())
            assert result.endpoint.fingerprint not in values.values()
        assert "MARK" not in kept
