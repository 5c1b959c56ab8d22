"""What must be true of every source, whichever it is: one test file serves them all."""

from __future__ import annotations

import uuid

import pytest

from bulkconn.core.adoption import COMPARED
from bulkconn.core.columns import spellings
from bulkconn.core.connection_string import named_by
from bulkconn.core.diagnostics import Severity
from bulkconn.core.endpoint import BuiltString, InventoryRow
from bulkconn.core.layout import column_names
from bulkconn.core.request import build_request, secret_refs, secret_values
from bulkconn.core.secret import SecretStr
from bulkconn.core.source import AuthSpec, Need, PlatformCloud, Source, ValueKind
from bulkconn.core.validation import Invalid, Validated, Validator
from bulkconn.sources import ALL, find_source
from tests.unit.sources.rows import (
    SECRET,
    SPECS,
    column_of,
    complete_row,
    filled_by,
    minimal_row,
    need_of,
    valid,
)

_EDITS = {
    ValueKind.TEXT: ["edited"],
    ValueKind.PORT: ["1234"],
    ValueKind.BOOLEAN: ["false"],
}


def test_names_of_all_sources_are_unique() -> None:
    """A slug or alias means one source, and slugs are what people can type."""
    names = [name for source in ALL for name in (source.slug, *source.aliases)]
    assert len(names) == len(set(names))
    assert all(name == name.lower() and name.replace("-", "").isalnum() for name in names)


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_find_source_by_slug_or_alias_in_any_case_finds_it(source: Source) -> None:
    """Case and blanks around a source's name do not matter."""
    for name in (source.slug, *source.aliases):
        assert find_source(f" {name.upper()} ") is source


def test_find_source_of_an_unknown_name_gives_none() -> None:
    """What is not in the list is no source."""
    assert find_source("clay tablets") is None


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_source_has_a_spec_id_version_and_title(source: Source) -> None:
    """The connection spec's id is a UUID as Adobe writes them; the version is always sent."""
    assert str(uuid.UUID(source.connection_spec_id)) == source.connection_spec_id
    assert source.connection_spec_version == "1.0"
    assert source.title
    assert all(note.endswith(".") for note in source.notes)
    here = [(auth.platform_cloud, auth.auth) for auth in source.auths]
    assert len(here) == len(set(here))
    assert all(auth.spec_name == auth.spec_name.strip() for auth in source.auths)


def test_connection_spec_ids_of_all_sources_differ() -> None:
    """No two sources share a connection spec."""
    assert len({source.connection_spec_id for source in ALL}) == len(ALL)


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_columns_of_an_auth_spec_can_be_told_apart(source: Source, auth: AuthSpec) -> None:
    """Every auth spec has columns, one of them secret, and no spelling means two of them."""
    names = list(column_names(auth))
    assert names
    assert any(what.secret for what in auth.parameters)
    spelt = [spelling for name in names for spelling in spellings(name)]
    assert len(spelt) == len(set(spelt))
    assert all(parameter.description for parameter in auth.parameters)
    assert all(part.description for part in auth.string_parts)
    assert all(what.default in what.allowed for what in auth.parameters if what.default and what.allowed)


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_what_an_adoption_compares_is_there_and_no_secret(source: Source, auth: AuthSpec) -> None:
    """Every auth spec says which database it reaches; what is kept of a listing may be shown."""
    assert not [what.name for what in auth.parameters if what.name in COMPARED and what.secret]
    is_string = any(what.kind is ValueKind.CONNECTION_STRING for what in auth.parameters)
    assert is_string or any(what.name in COMPARED for what in auth.parameters)
    if auth.string_parts:
        string = build_request(valid(complete_row(source, auth)), {}).body()["auth"]["params"]
        assert "server" in named_by(string["connectionString"])


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_row_of_the_examples_becomes_a_request(source: Source, auth: AuthSpec) -> None:
    """A row made of the documented examples is valid, and its body has what the auth spec says."""
    result = Validator(ALL).validate(complete_row(source, auth))
    assert isinstance(result, Validated), result
    cautions = [one.message for one in (*source.cautions, *auth.cautions)]
    assert [one.message for one in result.warnings if one.column == "source"] == cautions
    # Only of what no page explains there is nothing to show.
    assert [one.column for one in result.warnings if one.column != "source"] == [
        what.name for what in auth.parameters if what.need is Need.UNKNOWN and not what.example
    ]
    body = build_request(result.endpoint, {}).body()
    assert body["auth"]["specName"] == auth.spec_name
    assert body["auth"].get("type") == auth.auth_type
    assert body["connectionSpec"] == {"id": source.connection_spec_id, "version": "1.0"}
    assert {name: type(value) for name, value in body["auth"]["params"].items()} == {
        what.name: bool if what.kind is ValueKind.BOOLEAN else str
        for what in auth.parameters
        if what.secret or what.example
    }


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_row_of_what_is_required_becomes_a_request(source: Source, auth: AuthSpec) -> None:
    """Nothing else is needed: what has a default is sent with it."""
    body = build_request(valid(minimal_row(source, auth)), {}).body()
    required = {what.name for what in auth.parameters if what.need is Need.REQUIRED or what.default}
    assert body["auth"]["params"].keys() == (required or {auth.parameters[0].name})


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_row_without_a_required_column_names_it(source: Source, auth: AuthSpec) -> None:
    """Each required column that is missing gives a diagnostic that names it; a default stands in for it."""
    for what in filled_by(auth):
        name, default = column_of(what), getattr(what, "default", None)
        if need_of(what) is not Need.REQUIRED:
            continue
        result = Validator(ALL).validate(complete_row(source, auth, **{name: None}))
        if default is not None:
            assert isinstance(result, Validated)
            assert dict(result.endpoint.params)[name] == default
            continue
        assert isinstance(result, Invalid)
        (one,) = [one for one in result.diagnostics if one.severity is Severity.ERROR]
        assert (one.column, one.message) == (name, f"{name} is missing")


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_row_without_a_column_of_unknown_need_is_sent_with_a_warning(source: Source, auth: AuthSpec) -> None:
    """What the pages show and do not explain may be left out, and is said once; never all of it."""
    unknown = [what for what in auth.parameters if what.need is Need.UNKNOWN and what.default is None]
    for what in unknown:
        validator = Validator(ALL)
        result = validator.validate(complete_row(source, auth, **{what.name: None}))
        if [what] == list(auth.parameters):
            assert isinstance(result, Invalid)
            continue
        assert isinstance(result, Validated), result
        assert what.name not in dict(result.endpoint.params)
        (one,) = [one for one in result.warnings if one.column == what.name]
        assert one.message.startswith(f"{what.name} is missing, here and maybe in later rows; ")
        again = validator.validate(complete_row(source, auth, **{what.name: None}))
        assert isinstance(again, Validated)
        assert again.warnings == ()
    if unknown:
        result = Validator(ALL).validate(
            complete_row(source, auth, **dict.fromkeys(map(column_of, filled_by(auth))))
        )
        assert isinstance(result, Invalid)


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_row_without_an_optional_column_isvalid(source: Source, auth: AuthSpec) -> None:
    """What may be left out is not missed; its default is sent, if it has one."""
    for what in auth.parameters:
        if what.need is Need.OPTIONAL or (what.need is Need.UNKNOWN and what.default is not None):
            result = Validator(ALL).validate(complete_row(source, auth, **{what.name: None}))
            assert isinstance(result, Validated)
            assert not [one for one in result.warnings if one.column == what.name]
            body = build_request(result.endpoint, {}).body()
            assert body["auth"]["params"].get(what.name) == what.default


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_row_with_a_column_that_no_page_knows_is_refused_with_a_suggestion(
    source: Source, auth: AuthSpec
) -> None:
    """A slip in a column's name is an error that says what was meant, never ignored."""
    for what in filled_by(auth):
        name = column_of(what)
        slip = name[:-1] + ("x" if name[-1] != "x" else "y")
        result = Validator(ALL).validate(complete_row(source, auth, **{slip: SECRET}))
        assert isinstance(result, Invalid)
        (one,) = [one for one in result.diagnostics if one.severity is Severity.ERROR]
        assert one.column == slip
        assert one.fix.startswith("write ")
        assert SECRET not in str(one)


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_row_with_every_allowed_value_sends_it_as_given(source: Source, auth: AuthSpec) -> None:
    """Whatever a page lists is accepted and sent to the letter; a near miss is refused with it."""
    for what in auth.parameters:
        for value in what.allowed:
            endpoint = valid(complete_row(source, auth, **{what.name: value}))
            assert dict(endpoint.params)[what.name] == value
            result = Validator(ALL).validate(complete_row(source, auth, **{what.name: value.swapcase()}))
            assert isinstance(result, Invalid)
            (one,) = result.diagnostics
            assert one.found == value.swapcase()
            assert one.allowed == ", ".join(what.allowed)
            assert one.fix.startswith("write ")


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_secret_of_a_row_is_nowhere_but_in_the_body(source: Source, auth: AuthSpec) -> None:
    """A literal secret shows in no repr, cell, fingerprint or diagnostic; it is known to the redaction."""
    row = complete_row(source, auth)
    endpoint = valid(row)
    request = build_request(endpoint, {})
    assert SECRET in str(request.body())
    assert any(SECRET in text for text in secret_values(request))
    for shown in (repr(row), repr(endpoint), repr(request), str(endpoint.cells)):
        assert SECRET not in shown
    name = next(column_of(what) for what in filled_by(auth) if what.secret)
    assert valid(complete_row(source, auth, **{name: "another"})).fingerprint == endpoint.fingerprint
    wrong = Validator(ALL).validate(
        complete_row(source, auth, **{name: f"{SECRET};\x00", "port": "x", "pasword": SECRET})
    )
    assert isinstance(wrong, Invalid)
    assert SECRET not in str(wrong)


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_cells_of_a_row_are_an_inventory_again(source: Source, auth: AuthSpec) -> None:
    """What the ledger keeps, with the secret filled in, gives the same endpoint; references are kept."""
    row = complete_row(source, auth, x_team="sales", description="For the ledger")
    references = {column_of(what): f"env://{column_of(what)}" for what in filled_by(auth) if what.secret}
    endpoint = valid(row._replace(cells={**row.cells, **references}))
    assert endpoint.cells.items() >= references.items()
    again = valid(
        InventoryRow(
            "a.csv",
            2,
            {
                **endpoint.cells,
                "key": endpoint.key,
                "name": endpoint.name,
                "source": endpoint.source,
                "platform_cloud": endpoint.platform_cloud,
                "sandbox": endpoint.sandbox,
                "auth": endpoint.auth,
                "state": "failed",
                "attempts": "1",
            },
        )
    )
    assert again == endpoint
    assert {one.uri for one in secret_refs(endpoint)} == set(references.values())
    request = build_request(endpoint, {one: SecretStr(SECRET) for one in secret_refs(endpoint)})
    assert request == build_request(valid(row), {})


@pytest.mark.parametrize(("source", "auth"), SPECS)
def test_edit_of_a_row_changes_the_fingerprint(source: Source, auth: AuthSpec) -> None:
    """Whatever is sent and not secret shows in the fingerprint when it is edited."""
    original = valid(complete_row(source, auth)).fingerprint
    edits = {"name": "edited", "sandbox": "edited", "description": "edited"}
    for what in filled_by(auth):
        if not what.secret:
            choices = [*what.allowed, *_EDITS[what.kind]]
            edits[column_of(what)] = next(one for one in choices if one != what.example)
    for name, value in edits.items():
        assert valid(complete_row(source, auth, **{name: value})).fingerprint != original


@pytest.mark.parametrize(
    ("source", "auth"),
    [
        pytest.param(source, auth, id=source.slug)
        for source in ALL
        for auth in source.auths
        if auth.string_parts
    ],
)
def test_string_of_a_source_is_built_after_its_pattern(source: Source, auth: AuthSpec) -> None:
    """The parts stand in the documented order; a whole string of the same text sends the same body."""
    endpoint = valid(complete_row(source, auth))
    (value,) = dict(endpoint.params).values()
    assert isinstance(value, BuiltString)
    assert [part for part, _ in value.parts] == [part for part in auth.string_parts if part.always]
    body = build_request(endpoint, {}).body()
    whole = body["auth"]["params"]["connectionString"]
    assert "{" not in whole.replace('[{"user"', "")
    assert f"{SECRET}" in whole
    given = {part.column: None for part in auth.string_parts}
    assert (
        build_request(valid(complete_row(source, auth, **given, connectionString=whole)), {}).body() == body
    )


@pytest.mark.parametrize(
    ("source", "cloud", "auth", "possible"),
    [
        ("postgres", "aws", "connection_string", "basic"),
        ("mysql", "aws", "connection_string", "basic"),
        ("redshift", "aws", "connection_string", "basic"),
        ("redshift", "azure", "connection_string", "basic"),
    ],
)
def test_combination_that_is_not_documented_is_refused(
    source: str, cloud: str, auth: str, possible: str
) -> None:
    """Connection strings exist on Azure only, and Redshift has none: the refusal says what is possible."""
    cells = {"name": "a", "source": source, "platform_cloud": cloud, "auth": auth, "sandbox": "dev"}
    result = Validator(ALL).validate(InventoryRow("a.csv", 2, cells))
    assert isinstance(result, Invalid)
    (one,) = result.diagnostics
    assert (one.column, one.found, one.allowed) == ("auth", auth, possible)
    assert "not documented" in one.message or "only, not on" in one.message


def test_schema_of_redshift_is_known_on_aws_only() -> None:
    """On Azure the column is refused and the remedy says where it is known."""
    redshift = find_source("redshift")
    assert redshift is not None
    azure = next(auth for auth in redshift.auths if auth.platform_cloud is PlatformCloud.AZURE)
    result = Validator(ALL).validate(complete_row(redshift, azure, schema="public"))
    assert isinstance(result, Invalid)
    (one,) = result.diagnostics
    assert one.column == "schema"
    assert one.message == "schema is not a column of redshift on azure with auth=basic"
    assert one.fix.startswith("it is known for redshift on aws with auth=basic only")
