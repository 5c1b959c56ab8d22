"""The service's word beside the catalogue's: the service wins, and where they differ both are told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from bulkconn.core.diagnostics import Severity
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.secret import SecretRef, SecretStr
from bulkconn.core.service_spec import NotOffered, OddSpec, Place, ServiceSpec
from bulkconn.core.spec_book import SpecBook
from bulkconn.core.validation import Invalid, RowDefaults, Validated, Validator
from tests.unit.core.rows import ACME, SOURCES, WHOLE, basic_row, row_of, string_row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.service_spec import SpecAnswer

AT = datetime(2026, 11, 20, 10, 5, tzinfo=UTC)
PLACE = Place("dev", ACME.connection_spec_id)
WHERE = "(sandbox dev, read 2026-11-20 10:05 UTC)"
AGAIN = ", then run the same command; rows already created are skipped"
OTHERWISE = f"or leave out --check-specs if you know better{AGAIN}"
CORRECT, FILL_IN = f"correct the row, {OTHERWISE}", f"fill it in, {OTHERWISE}"


def text(**rules: object) -> dict[str, object]:
    """Give the schema of a text."""
    return {"type": "string", **rules}


def basic(required: list[str] | None = None, **properties: object) -> dict[str, Any]:
    """Give the schema of basic authentication as the catalogue has it, with changes; None takes one out."""
    listed: dict[str, object] = {
        "server": text(),
        "port": text(),
        "username": text(),
        "password": text(format="password"),
        "sslMode": text(),
        "comment": text(),
    }
    listed = {name: rule for name, rule in {**listed, **properties}.items() if rule is not None}
    needs = ["server", "port", "username", "password"] if required is None else required
    return {"type": "object", "properties": listed, "required": needs}


def spec(version: str | None = "1.0", **auths: object) -> ServiceSpec:
    """Give what the service says."""
    return ServiceSpec(PLACE, version, auths, AT)


def judge(
    row: InventoryRow, *answers: SpecAnswer, said: Mapping[str, object] | None = None
) -> Validated | Invalid:
    """Validate a row by these answers, or by this schema of basic authentication."""
    validator = Validator(SOURCES)
    answers = answers or (spec(Basic=said, String={}),)
    validator.learn(SpecBook({answer.place: answer for answer in answers}))
    return validator.validate(row)


def refused(row: InventoryRow, *answers: SpecAnswer, said: Mapping[str, object] | None = None) -> Diagnostic:
    """Give the one thing that is wrong with a row."""
    result = judge(row, *answers, said=said)
    assert isinstance(result, Invalid)
    (error,) = [one for one in result.diagnostics if one.severity is Severity.ERROR]
    return error


def warned(
    row: InventoryRow, *answers: SpecAnswer, said: Mapping[str, object] | None = None
) -> list[Diagnostic]:
    """Give what is said of a row that is valid."""
    result = judge(row, *answers, said=said)
    assert isinstance(result, Validated), result
    return list(result.warnings)


def test_row_that_both_take_has_nothing_to_say() -> None:
    """Where catalogue and service agree nobody needs to know."""
    assert warned(basic_row(), said=basic()) == []
    assert warned(basic_row(sslMode="Verify-Ca"), said=basic(sslMode=text(enum=["Off", "Verify-Ca"]))) == []


def test_place_that_was_not_asked_is_the_catalogues() -> None:
    """Another sandbox, another source: no word of the service's."""
    row = basic_row(sandbox="prod", sslMode="nonsense")
    assert refused(row, spec(Basic=basic())).message == "sslMode is none of the allowed values"


def test_parameter_that_only_the_service_requires_is_missing_and_both_are_told() -> None:
    """The catalogue calls it optional, or does not know it at all."""
    needs = ["server", "port", "username", "password", "comment"]
    error = refused(basic_row(), said=basic(needs))
    assert error.message == (
        f"comment is missing: the service requires it {WHERE}; "
        "our catalogue, after Adobe's pages, says optional"
    )
    assert (error.column, error.found, error.allowed, error.fix) == ("comment", None, None, FILL_IN)
    error = refused(basic_row(), said=basic([*needs[:4], "region"], region=text()))
    assert error.message.endswith(f"requires it {WHERE}; our catalogue does not know it")


def test_value_that_only_the_catalogue_knows_is_refused_and_both_are_told() -> None:
    """The list is the service's, the header the file's, the guess what was meant."""
    error = refused(basic_row(ssl_mode="Off"), said=basic(sslMode=text(enum=["Verify-Ca", "Offline"])))
    assert error.message == (
        f"sslMode is none of the values that the service allows {WHERE}; "
        "our catalogue, after Adobe's pages, says optional, one of Off, Verify-Ca"
    )
    assert (error.column, error.found, error.allowed) == ("ssl_mode", "Off", "Verify-Ca, Offline")
    assert error.fix == f"write Offline{AGAIN}"


def test_default_that_the_service_does_not_take_is_refused() -> None:
    """What is judged is what would be sent, given or not."""
    error = refused(basic_row(), said=basic(sslMode=text(enum=["Verify-Ca"])))
    assert (error.column, error.found, error.fix) == ("sslMode", "Off", CORRECT)


def test_value_that_only_the_service_knows_is_taken_and_both_are_told() -> None:
    """The target organisation's truth beats the pages; it is said once for each value."""
    said = basic(sslMode=text(enum=["Off", "Require"]))
    (warning,) = warned(basic_row(sslMode="Require"), said=said)
    assert warning.message == (
        "the service takes sslMode=Require (sandbox dev, read 2026-11-20 10:05 UTC: optional, one of Off, "
        "Require); our catalogue, after Adobe's pages, says optional, one of Off, Verify-Ca"
    )
    assert warning.fix == f"look whether that is meant: the service's word was taken{AGAIN}"


def test_parameter_that_only_the_catalogue_requires_may_be_missing_and_both_are_told() -> None:
    """A list of needs says of all others that they are none."""
    (warning,) = warned(basic_row(port=None), said=basic(["server"]))
    assert warning.message == (
        "the service takes rows without port (sandbox dev, read 2026-11-20 10:05 UTC: optional); "
        "our catalogue, after Adobe's pages, says required"
    )
    assert warning.column == "port"


def test_schema_that_lists_no_needs_leaves_them_to_the_catalogue() -> None:
    """The service says nothing of needs: nothing is replaced."""
    said = {"properties": {"port": text()}}
    assert refused(basic_row(port=None), said=said).message == "port is missing"


def test_parameter_that_only_the_service_knows_is_sent_as_it_says() -> None:
    """A column that the catalogue would refuse; its secrecy is the schema's, its switches are booleans."""
    said = basic(
        region=text(),
        apiToken=text(format="password"),
        useTunnel={"type": "boolean"},
        quiet={"type": "boolean"},
    )
    row = basic_row(region="eu", api_token="MARKED", use_tunnel="TRUE", quiet="false")
    result = judge(row, said=said)
    assert isinstance(result, Validated)
    assert result.warnings == ()
    assert result.endpoint.params[-4:] == (
        ("region", "eu"), ("apiToken", SecretStr("MARKED")), ("useTunnel", True), ("quiet", False),
    )  # fmt: skip
    assert result.endpoint.cells["region"] == "eu"
    assert "MARKED" not in repr(result.endpoint)


def test_parameter_that_neither_knows_is_refused_by_the_catalogue() -> None:
    """A typing error is one whoever is asked; what may be written is what both know."""
    error = refused(basic_row(regoin="eu"), said=basic(region=text()))
    assert error.message == "regoin is not a column of acme on azure with auth=basic"
    assert "region" in (error.allowed or "")
    assert error.fix == f"write region{AGAIN}"


def test_parameter_that_the_service_does_not_list_is_doubted_or_refused() -> None:
    """An open schema lets it pass, a closed one does not."""
    said = basic(comment=None, comments=text())
    (warning,) = warned(basic_row(comment="c"), said=said)
    assert warning.message == (
        f"the service does not list comment among the parameters {WHERE}; "
        "our catalogue, after Adobe's pages, says optional"
    )
    assert (warning.column, warning.fix) == ("comment", f"write comments{AGAIN}")
    (warning,) = warned(basic_row(comment="c"), said=basic(comment=None))
    assert warning.fix == f"leave it out if the service refuses it{AGAIN}"
    error = refused(basic_row(comment="c"), said={**basic(comment=None), "additionalProperties": False})
    assert error.message.startswith(f"comment is not known to the service {WHERE}; our catalogue")
    assert error.allowed == "server, port, username, password, sslMode"


def test_spelling_of_the_service_that_is_another_is_not_guessed_at() -> None:
    """`sslmode` and `sslMode` are one column and two parameters: which is meant is for a person to say."""
    (warning,) = warned(basic_row(sslMode="Off"), said=basic(sslMode=None, sslmode=text()))
    assert warning.fix == f"write sslmode{AGAIN}"


def test_text_where_the_service_asks_for_another_type_is_judged_as_what_it_says() -> None:
    """The pages show ports and switches as texts: so they are sent, and a person is told."""
    said = basic(port={"type": "integer", "maximum": 9999}, sslMode={"type": ["boolean", "null"]})
    (warning,) = warned(basic_row(port="5432", sslMode=None), said=basic(port={"type": "integer"}))
    assert warning.message == (
        f"the service asks for port as integer {WHERE}; "
        "our catalogue says that it is sent as a text, and so it is"
    )
    error = refused(
        basic_row(port="10000", sslMode=None), said=basic(port={"type": "integer", "maximum": 9999})
    )
    assert error.message.startswith(f"port is out of the range that the service allows {WHERE}")
    error = refused(basic_row(port="5432"), said=said)
    assert (error.column, error.found, error.allowed) == ("sslMode", "Off", "boolean, null")
    assert error.message.startswith("sslMode is not of the type that the service asks for")


def test_secret_that_breaks_a_rule_is_refused_and_never_shown() -> None:
    """Validating needs the value; telling does not."""
    error = refused(
        basic_row(password="MARKED"), said=basic(password=text(enum=["a", "MARK"], format="password"))
    )
    assert (error.column, error.found, error.allowed) == ("password", None, "a, MARK")
    assert "MARKED" not in repr(error)


def test_reference_is_present_and_nothing_more_is_asked_of_it() -> None:
    """It is resolved just before sending, never for a check."""
    said = basic(password=text(minLength=50, format="password"), server=text(pattern="^x$"))
    row = basic_row(password="env://PG", server="x")
    result = judge(row, said=said)
    assert isinstance(result, Validated)
    assert dict(result.endpoint.params)["password"] == SecretRef("env://PG")
    error = refused(basic_row(password=None, server="x"), said=said)
    assert error.message.startswith("password is missing: the service requires it")


def test_column_that_has_an_error_already_gets_no_other_one() -> None:
    """One thing wrong, one thing told."""
    error = refused(basic_row(port="54x2"), said=basic(port=text(pattern="^[0-9]+$")))
    assert error.message == "port is not a number"


def test_parameter_that_only_the_service_holds_secret_is_hidden_and_changes_no_fingerprint() -> None:
    """A run with and one without --check-specs see the same row."""
    plain = warned(basic_row(username="u"), said=basic())
    said = basic(username=text(format="password"))
    secret = judge(basic_row(username="u"), said=said)
    open_one = judge(basic_row(username="u"), said=basic())
    other = judge(basic_row(username="v"), said=said)
    assert isinstance(secret, Validated)
    assert isinstance(open_one, Validated)
    assert isinstance(other, Validated)
    assert plain == []
    assert dict(secret.endpoint.params)["username"] == SecretStr("u")
    assert "username" not in secret.endpoint.cells
    assert secret.endpoint.fingerprint == open_one.endpoint.fingerprint != other.endpoint.fingerprint


def test_connection_string_is_judged_whole_and_built_from_parts() -> None:
    """The service sees one text, however the row gives it."""
    said = {
        "properties": {"connectionString": text(pattern="Password=[^;]{3,}", format="password")},
        "required": ["connectionString"],
    }
    answer = spec(String=said)
    error = refused(string_row(password="pw"), answer)
    assert (error.column, error.found) == ("connectionString", None)
    assert error.allowed == "text that matches Password=[^;]{3,}"
    assert warned(string_row(password="long enough"), answer) == []
    assert warned(string_row(password="env://PW"), answer) == []
    error = refused(row_of(connectionString=WHOLE), answer)
    assert error.column == "connectionString"
    error = refused(string_row(password="a;b"), answer)
    assert "break out" in error.message


def test_rule_about_several_parameters_stands_at_the_auth() -> None:
    """There is no single cell to correct."""
    error = refused(basic_row(auth="basic"), said={**basic(), "not": {"required": ["server", "port"]}})
    assert error.message == f"the parameters together break a rule of the service (not) {WHERE}"
    assert (error.column, error.fix) == ("auth", CORRECT)


def test_rule_that_cannot_be_read_when_a_row_meets_it_is_a_warning() -> None:
    """The catalogue's word stands."""
    endless = {"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveRef": "#"}
    (warning,) = warned(basic_row(), said={**basic(), **endless})
    assert "has a rule that cannot be read" in warning.message
    assert warning.column == "auth"


def test_rules_that_cannot_be_read_at_all_are_told_once_a_file() -> None:
    """Their names are the service's, so they are shown escaped."""
    validator = Validator(SOURCES)
    bad = basic(server=text(pattern="("))
    bad["properties"]["\x1b[m"] = text(pattern="(")
    validator.learn(SpecBook({PLACE: spec(Basic=bad)}))
    first, second = validator.validate(basic_row()), validator.validate(basic_row())
    assert isinstance(first, Validated)
    (warning,) = first.warnings
    assert warning.message == (
        "some of the service's rules cannot be read, so they are not checked "
        rf"{WHERE}: the pattern of server, the pattern of \x1b[m"
    )
    assert isinstance(second, Validated)
    assert second.warnings == ()


@pytest.mark.parametrize("schema", [None, "none", {"type": "array"}, {"$ref": "#"}])
def test_schema_that_cannot_be_read_leaves_the_catalogue_its_word(schema: object) -> None:
    """A warning, once; the catalogue's checks are all there."""
    answer = spec(Basic=schema)
    (warning,) = warned(basic_row(), answer)
    assert warning.message.startswith(
        f"the service's schema of acme on azure with auth=basic cannot be read {WHERE}: "
    )
    assert warning.message.endswith("; our catalogue's word stands, after Adobe's pages")
    assert refused(basic_row(port="0"), answer).message == "port is out of range"


def test_answer_that_cannot_be_read_leaves_the_catalogue_its_word() -> None:
    """Whatever the service sent, it was no connection spec."""
    (warning,) = warned(basic_row(), OddSpec(PLACE, "the answer has no list of items"))
    assert warning.message == (
        "what the service says of acme in sandbox dev cannot be read: the answer has no list of items; "
        "our catalogue's word stands, after Adobe's pages"
    )


def test_source_that_the_service_does_not_offer_is_refused_beside_all_other_errors() -> None:
    """A POST would be answered 1413."""
    result = judge(basic_row(port="0"), NotOffered(PLACE, AT))
    assert isinstance(result, Invalid)
    port, source = result.diagnostics
    assert port.message == "port is out of range"
    assert source.message == (
        f"the service offers no connection spec for acme {WHERE}; our catalogue, after Adobe's pages, "
        "knows it as 00000000-0000-4000-8000-000000000001"
    )
    assert (source.column, source.found) == ("source", "acme")
    assert source.fix.startswith("correct source or sandbox, or ask Adobe to enable the source there")


def test_auth_spec_that_the_service_does_not_offer_is_refused_naming_those_it_has() -> None:
    """A POST would be answered 1415; another way that both know is proposed."""
    error = refused(basic_row(), spec(String={}, Other={}))
    assert error.message == (
        f"the service offers no auth spec of this name for acme {WHERE}; "
        "our catalogue, after Adobe's pages, has it for acme on azure with auth=basic"
    )
    assert (error.column, error.found, error.allowed) == ("auth", "Basic", "String, Other")
    assert error.fix == (
        f"write platform_cloud=azure and auth=connection_string, or give the row as source=custom{AGAIN}"
    )
    error = refused(basic_row(), spec())
    assert error.allowed is None
    assert error.fix == f"correct auth or platform_cloud, or give the row as source=custom{AGAIN}"


def test_version_that_the_service_shows_otherwise_is_told() -> None:
    """Ours is sent all the same: nothing is guessed."""
    (warning,) = warned(basic_row(), spec("2.0", Basic=basic()))
    assert warning.message == f"the service shows version 2.0 of acme {WHERE}; our catalogue sends 1.0"
    assert warned(basic_row(), spec(None, Basic=basic())) == []


def test_sandboxes_that_say_different_things_are_told_apart() -> None:
    """The same row is right in one and wrong in the other; those that say the same share a schema."""
    validator = Validator(SOURCES)
    said = {"dev": basic(), "prod": basic(sslMode=text(enum=["Verify-Ca"])), "test": basic()}
    book = SpecBook(
        {
            place: ServiceSpec(place, "1.0", {"Basic": schema}, AT)
            for sandbox, schema in said.items()
            for place in [Place(sandbox, ACME.connection_spec_id)]
        }
    )
    validator.learn(book)
    for cells in ({}, {"x_team": "sales"}):
        rows = [basic_row(sandbox=sandbox, **cells) for sandbox in said]
        assert [type(validator.validate(row)) for row in rows] == [Validated, Invalid, Validated]
    assert len(book._schemas) == 2


def test_place_of_a_row_is_its_sandbox_and_connection_spec() -> None:
    """By slug or alias, with the default sandbox; what cannot be told is None."""
    validator = Validator(SOURCES, defaults=RowDefaults("prod"))
    assert validator.place_of(row_of(source="ACME-DB", sandbox=" dev ")) == PLACE
    assert validator.place_of(row_of(sandbox=None)) == Place("prod", ACME.connection_spec_id)
    assert validator.place_of(row_of(source="acne")) is None
    assert validator.place_of(row_of(sandbox="no sandbox!")) is None
    assert Validator(SOURCES).place_of(row_of(sandbox=None)) is None
    assert Validator(SOURCES).place_of(InventoryRow("a", 1, {})) is None
