"""Rows become endpoints, or everything that is wrong with them is said at once."""

from __future__ import annotations

import pytest

from bulkconn.core.diagnostics import Severity
from bulkconn.core.endpoint import BuiltString, InventoryRow
from bulkconn.core.errors import UsageError
from bulkconn.core.secret import SecretRef, SecretStr
from bulkconn.core.source import PlatformCloud
from bulkconn.core.validation import Invalid, RowDefaults, Validated, Validator
from tests.unit.core.rows import (
    BASIC,
    PARTS,
    PATTERN,
    SOURCES,
    STRING_PARTS,
    WHOLE,
    basic_row,
    endpoint_of,
    refusal,
    refused,
    row_of,
    string_row,
    validated,
    validator,
)

_AGAIN = ", then run the same command; rows already created are skipped"


def test_validate_of_a_complete_row_gives_its_endpoint() -> None:
    """Everything that the request needs is there, and what may be shown stands in the cells."""
    endpoint = endpoint_of(
        basic_row(
            name=" One ", description=" First\nsecond ", x_Team=" sales ", sslMode="Verify-Ca", auth="BASIC"
        )
    )
    assert endpoint.name == "One"
    assert endpoint.loose_name == "one"
    assert endpoint.key == "dev/acme/One"
    assert endpoint.description == "First\nsecond"
    assert (endpoint.auth, endpoint.auth_spec_name) == ("basic", "Basic")
    assert (endpoint.sandbox, endpoint.platform_cloud) == ("dev", PlatformCloud.AZURE)
    assert endpoint.params == (
        ("server", "h"),
        ("port", "1"),
        ("username", "u"),
        ("password", SecretStr("p")),
        ("sslMode", "Verify-Ca"),
    )
    assert endpoint.cells == {
        "description": "First\nsecond",
        "server": "h",
        "port": "1",
        "username": "u",
        "sslMode": "Verify-Ca",
        "x_Team": "sales",
    }
    assert (endpoint.file, endpoint.row) == ("a.csv", 7)


def test_validate_of_a_silent_row_takes_the_defaults() -> None:
    """Sandbox and cloud come from the run, a parameter's default from its source."""
    row = basic_row(source="ACME-DB", sandbox="", platform_cloud=None, description=" ")
    result = validator("prod", PlatformCloud.AZURE).validate(row)
    assert isinstance(result, Validated)
    assert result.endpoint.key == "prod/acme/one"
    assert result.endpoint.platform_cloud is PlatformCloud.AZURE
    assert result.endpoint.description is None
    assert dict(result.endpoint.params)["sslMode"] == "Off"
    assert "sslMode" not in result.endpoint.cells


def test_validate_of_a_row_with_its_own_words_overrules_the_defaults() -> None:
    """A row's own sandbox, cloud and key win."""
    row = basic_row(cloud="AWS", platform_cloud=None, schema="s", key="my key")
    result = validator("prod", PlatformCloud.AZURE).validate(row)
    assert isinstance(result, Validated)
    assert (result.endpoint.key, result.endpoint.sandbox) == ("my key", "dev")
    assert result.endpoint.platform_cloud is PlatformCloud.AWS


def test_validator_with_an_impossible_default_sandbox_raises() -> None:
    """The default travels in a header as a row's own sandbox does."""
    with pytest.raises(UsageError, match="'a b' is not a sandbox name"):
        validator("a b")


def test_validate_of_rows_under_one_header_row_is_the_same_as_one_by_one() -> None:
    """A file's header row is understood once, and names columns whose cells are empty."""
    headers = ("Name", "source", "cloud", "sandbox", "server", "Port", "username", "PASSWORD", "")
    shared = validator()
    cells = {"Name": "a", "source": "acme", "cloud": "azure", "sandbox": "dev", **BASIC}
    cells |= {"Port": cells.pop("port"), "PASSWORD": cells.pop("password")}
    first = shared.validate(InventoryRow("a.csv", 2, cells, headers))
    assert isinstance(first, Validated)
    del cells["PASSWORD"]
    second = shared.validate(InventoryRow("a.csv", 3, cells, headers))
    assert isinstance(second, Invalid)
    assert [(one.row, one.column, one.message) for one in second.diagnostics] == [
        (3, "PASSWORD", "password is missing")
    ]


def test_validate_of_endless_kinds_of_rows_remembers_few_of_them() -> None:
    """Neither ever new headers nor ever new spellings fill the memory."""
    shared = validator()
    for number in range(1100):
        assert isinstance(shared.validate(basic_row(**{f"x_{number}": " "})), Validated)
    for number in range(1100):
        assert isinstance(shared.validate(basic_row(source="acme" + " " * number)), Validated)
    assert len(shared._shapes) < 1100
    assert all(len(shape.layouts) < 1100 for shape in shared._shapes.values())


# --- common columns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "column", "message", "found"),
    [
        pytest.param({"name": None}, "name", "name is missing", None, id="no name"),
        pytest.param({"name": "  "}, "name", "name is missing", None, id="blank name"),
        pytest.param(
            {"name": "a\tb"}, "name", "name holds a control character", "a\\tb", id="control in name"
        ),
        pytest.param({"key": "a\nb"}, "key", "key holds a control character", "a\\nb", id="control in key"),
        pytest.param(
            {"name": "env://X"},
            "name",
            "name is a secret reference, but the column is not secret",
            "env://X",
            id="reference as name",
        ),
        pytest.param(
            {"description": "a\x00"},
            "description",
            "description holds a control character",
            "a\\x00",
            id="NUL",
        ),
        pytest.param({"x_t": "\ud800"}, "x_t", "x_t holds a control character", "\\ud800", id="half a pair"),
        pytest.param({"sandbox": None}, "sandbox", "sandbox is missing", None, id="no sandbox"),
        pytest.param({"sandbox": "*"}, "sandbox", "sandbox is not a sandbox name", "*", id="star as sandbox"),
        pytest.param({"source": None}, "source", "source is missing", None, id="no source"),
        pytest.param({"source": "acne"}, "source", "source is not known", "acne", id="near a source"),
        pytest.param({"source": "zzz"}, "source", "source is not known", "zzz", id="far from any source"),
        pytest.param(
            {"platform_cloud": None}, "platform_cloud", "platform_cloud is missing", None, id="no cloud"
        ),
        pytest.param(
            {"platform_cloud": "azur"},
            "platform_cloud",
            "platform_cloud is not known",
            "azur",
            id="near a cloud",
        ),
        pytest.param(
            {"platform_cloud": "gcp"},
            "platform_cloud",
            "platform_cloud is not known",
            "gcp",
            id="other cloud",
        ),
    ],
)
def test_validate_of_a_wrong_common_column_names_it(
    cells: dict[str, str | None], column: str, message: str, found: str | None
) -> None:
    """What every row must have is checked whatever the source is."""
    one = refusal(basic_row(**cells))
    assert (one.severity, one.column, one.message, one.found) == (Severity.ERROR, column, message, found)


@pytest.mark.parametrize(
    ("cells", "allowed", "fix"),
    [
        pytest.param(
            {"source": None}, "acme, odd, only, built, custom", "name the row's source", id="no source"
        ),
        pytest.param({"source": "acne"}, "acme, odd, only, built, custom", "write acme", id="near"),
        pytest.param(
            {"source": "zzz"},
            "acme, odd, only, built, custom",
            "write one of these, or describe the source yourself as source=custom",
            id="far",
        ),
        pytest.param(
            {"platform_cloud": None},
            "azure, aws",
            "say where Experience Platform runs, in the row or by --platform-cloud",
            id="no cloud",
        ),
        pytest.param({"platform_cloud": "azur"}, "azure, aws", "write azure", id="near a cloud"),
        pytest.param({"platform_cloud": "gcp"}, "azure, aws", "write azure or aws", id="other cloud"),
        pytest.param({"sandbox": None}, None, "name it in the row or by --sandbox", id="no sandbox"),
    ],
)
def test_validate_of_a_wrong_common_column_offers_a_remedy(
    cells: dict[str, str | None], allowed: str | None, fix: str
) -> None:
    """The remedy says what to write, and that going on is safe."""
    one = refusal(basic_row(**cells))
    assert (one.allowed, one.fix) == (allowed, fix + _AGAIN)


def test_validate_of_a_row_with_many_faults_says_them_all() -> None:
    """One pass is enough to mend a row."""
    found = refused(row_of(name=None, sandbox=None, server="h", port="x", sslMode="off", colour="red"))
    assert [(one.column, one.message) for one in found] == [
        ("name", "name is missing"),
        ("sandbox", "sandbox is missing"),
        ("colour", "colour is not a column of acme on azure with auth=basic"),
        ("port", "port is not a number"),
        ("username", "username is missing"),
        ("password", "password is missing"),
        ("sslMode", "sslMode is none of the allowed values"),
    ]


def test_as_json_of_a_diagnostic_has_the_documented_keys() -> None:
    """Scripts rest on these keys."""
    assert refusal(basic_row(port="54x2")).as_json() == {
        "severity": "error",
        "file": "a.csv",
        "row": 7,
        "column": "port",
        "message": "port is not a number",
        "found": "54x2",
        "allowed": "1-65535",
        "fix": "correct the cell" + _AGAIN,
    }


# --- headers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["sslMode", "ssl_mode", "SSLMODE", "Ssl_Mode", "params.sslMode", " sslMode "]
)
def test_validate_of_any_spelling_of_a_parameter_finds_it(header: str) -> None:
    """The API's name and its snake_case, in any case, nested or not, mean the parameter."""
    endpoint = endpoint_of(basic_row(**{header: "Verify-Ca"}))
    assert dict(endpoint.params)["sslMode"] == "Verify-Ca"
    assert endpoint.cells["sslMode"] == "Verify-Ca"


@pytest.mark.parametrize(
    ("header", "fix"),
    [
        pytest.param("pasword", "write password", id="near a parameter"),
        pytest.param("sanbdox", "write sandbox", id="near a common column"),
        pytest.param("ss_lmode", "write sslMode", id="an underscore in the wrong place"),
        pytest.param("params.name", "write name", id="a common column that is nested"),
        pytest.param(
            "colour", "remove the column, or begin its name with x_ to carry it along", id="like nothing"
        ),
        pytest.param(
            "schema",
            "it is known for acme on aws with auth=basic only: remove the cell or correct the row",
            id="of another cloud",
        ),
        pytest.param(
            "database",
            "it is known for acme on azure with auth=connection_string only: "
            "remove the cell or correct the row",
            id="of another auth",
        ),
    ],
)
def test_validate_of_an_unknown_column_suggests_one(header: str, fix: str) -> None:
    """A column that the source does not know is refused, never ignored; its cell may be a secret."""
    one = refusal(basic_row(**{header: "s3cret"}))
    assert one.column == header
    assert one.message == f"{header} is not a column of acme on azure with auth=basic"
    assert one.allowed == "server, port, username, password, sslMode, comment"
    assert one.found is None
    assert one.fix == fix + _AGAIN


def test_validate_of_an_unknown_column_without_a_cell_is_fine() -> None:
    """An empty cell means that the row has no such column."""
    assert endpoint_of(basic_row(colour=" ")).name == "one"


def test_validate_of_a_cell_under_no_header_is_refused() -> None:
    """A cell without a name could be anything."""
    one = refusal(basic_row(**{"": "s3cret"}))
    assert (one.column, one.message) == ("", "a cell stands under an empty header")


def test_validate_of_two_headers_of_one_column_is_refused() -> None:
    """Nobody can know which of the two is meant."""
    one = refusal(basic_row(sslMode="Off", ssl_mode="Off"))
    assert (one.column, one.message) == ("ssl_mode", "ssl_mode and sslMode mean the same column")


def test_validate_of_bookkeeping_columns_ignores_them() -> None:
    """An export is an inventory again."""
    assert endpoint_of(basic_row(state="failed", attempts="3", error_message="no")).cells == {
        "server": "h",
        "port": "1",
        "username": "u",
    }


# --- values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("port", "message", "fix"),
    [
        pytest.param("54x2", "port is not a number", "correct the cell", id="letters"),
        pytest.param("5432.0", "port is not written in plain digits", "write 5432", id="a spreadsheet's"),
        pytest.param("05432", "port is not written in plain digits", "write 5432", id="leading zero"),
        pytest.param("5432.5", "port is not a number", "correct the cell", id="a fraction"),
        pytest.param("70000", "port is out of range", "correct the cell", id="too large"),
        pytest.param("0", "port is out of range", "correct the cell", id="zero"),
        pytest.param("-1", "port is not a number", "correct the cell", id="negative"),
        pytest.param("env://PORT", "port is not a number", "correct the cell", id="a reference"),
    ],
)
def test_validate_of_a_wrong_port_says_what_was_seen(port: str, message: str, fix: str) -> None:
    """Ports are digits from 1 to 65535; what a spreadsheet makes of them is recognised."""
    one = refusal(basic_row(port=port))
    assert (one.column, one.message, one.found, one.allowed) == ("port", message, port, "1-65535")
    assert one.fix == fix + _AGAIN


@pytest.mark.parametrize(
    ("value", "fix"), [("verify ca", "write Verify-Ca"), ("OFF", "write Off"), ("zzzzzz", "correct the cell")]
)
def test_validate_of_a_near_miss_of_a_choice_suggests_it(value: str, fix: str) -> None:
    """Allowed values are sent to the letter, so case and blanks must be right."""
    one = refusal(basic_row(sslMode=value))
    assert one.message == "sslMode is none of the allowed values"
    assert (one.found, one.allowed, one.fix) == (value, "Off, Verify-Ca", fix + _AGAIN)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a\x07b", "server holds a control character"),
        ("env://HOST", "server is a secret reference, but the column is not secret"),
    ],
)
def test_validate_of_a_wrong_text_is_refused(value: str, message: str) -> None:
    """Text has no control characters, and a reference is no host."""
    one = refusal(basic_row(server=value))
    assert (one.column, one.message) == ("server", message)


def test_validate_of_text_that_is_not_printable_or_like_an_address_keeps_it() -> None:
    """Blanks of other scripts and addresses are text."""
    endpoint = endpoint_of(basic_row(server="https://h\u00a0x", comment="a\u200bb"))
    assert endpoint.cells["server"] == "https://h\u00a0x"
    assert endpoint.cells["comment"] == "a\u200bb"


# --- secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("password", ["p@ss! /+=;é漢", "://x", "env:X", "a\tb"])
def test_validate_of_a_literal_secret_keeps_it_to_the_letter(password: str) -> None:
    """Only the schemes of the list make a reference."""
    endpoint = endpoint_of(basic_row(password=password))
    assert dict(endpoint.params)["password"] == SecretStr(password)
    assert "password" not in endpoint.cells


def test_validate_of_a_secret_with_blanks_at_its_ends_warns() -> None:
    """They may belong to it, so they are kept, and the reader is told without seeing the secret."""
    result = validated(basic_row(password=" s3cret "))
    assert dict(result.endpoint.params)["password"] == SecretStr(" s3cret ")
    (one,) = result.warnings
    assert one.severity is Severity.WARNING
    assert (one.column, one.found) == ("password", None)
    assert one.message == "password has blanks at its ends, which are kept as part of the secret"
    found = refused(basic_row(password=" s3cret ", port="x"))
    assert [diagnostic.severity for diagnostic in found] == [Severity.ERROR, Severity.WARNING]


@pytest.mark.parametrize("password", ["abc://s3cret", "evn://PG"])
def test_validate_of_a_secret_that_begins_like_a_reference_warns(password: str) -> None:
    """A password may look like an address, so it is kept; it may also be a slip, so the reader is told."""
    result = validated(basic_row(password=password))
    assert dict(result.endpoint.params)["password"] == SecretStr(password)
    assert result.endpoint.cells.get("password") is None
    (one,) = result.warnings
    assert (one.column, one.found) == ("password", None)
    assert one.message == ("password is taken as it stands: it begins like a reference, but of no known kind")
    assert one.fix == "if a reference is meant, begin it with env://, file://" + _AGAIN
    assert endpoint_of(row_of(source="only", connectionString="jdbc://h")).name == "one"


def test_validate_of_a_blank_secret_is_missing() -> None:
    """Blanks alone are no secret."""
    assert refusal(basic_row(password="   ")).message == "password is missing"


def test_validate_of_a_reference_keeps_it_and_shows_it() -> None:
    """A reference is not secret: ledger and export have it."""
    endpoint = endpoint_of(basic_row(password=" env://PG "))
    assert dict(endpoint.params)["password"] == SecretRef("env://PG")
    assert endpoint.cells["password"] == "env://PG"


@pytest.mark.parametrize(
    ("password", "message", "found"),
    [
        pytest.param(
            "vault://a/b#c",
            "password refers to a secret store that cannot be read here",
            "vault://",
            id="a store that is not at hand",
        ),
        pytest.param("env://", "password is a secret reference that names nothing", "env://", id="no name"),
        pytest.param(
            "env://A\x00B", "password is a secret reference that names nothing", "env://A\\x00B", id="NUL"
        ),
        pytest.param("a\x00b", "password holds a control character or half a character", None, id="literal"),
    ],
)
def test_validate_of_a_secret_that_cannot_be_used_is_refused(
    password: str, message: str, found: str | None
) -> None:
    """A reference that cannot be resolved is never taken for a password."""
    one = refusal(basic_row(password=password))
    assert (one.column, one.message, one.found) == ("password", message, found)


def test_validate_with_other_schemes_names_those_at_hand() -> None:
    """Which stores can be read is the caller's to say."""
    result = Validator(SOURCES, defaults=RowDefaults(), schemes=["vault"]).validate(
        basic_row(password="env://X")
    )
    assert isinstance(result, Invalid)
    assert (result.diagnostics[0].found, result.diagnostics[0].allowed) == ("env://", "vault://")


def _strict(row: InventoryRow) -> Validated | Invalid:
    return Validator(SOURCES, defaults=RowDefaults(), forbid_plaintext=True).validate(row)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        pytest.param(basic_row(password="s3cret"), "password", id="a password"),
        pytest.param(basic_row(password="evn://s3cret"), "password", id="of no known scheme"),
        pytest.param(basic_row(password=" s3cret\x00"), "password", id="one that could not be used anyway"),
        pytest.param(string_row(password="s3cret"), "password", id="a part of a string"),
        pytest.param(
            row_of(source="only", connectionString="Server=h;s3cret"), "connectionString", id="whole"
        ),
    ],
)
def test_validate_where_plaintext_is_forbidden_refuses_a_secret_unseen(
    row: InventoryRow, column: str
) -> None:
    """Each secret cell in clear is an error at its own column, and what it holds is not shown."""
    result = _strict(row)
    assert isinstance(result, Invalid)
    (one,) = result.diagnostics
    assert (one.severity, one.file, one.row, one.column) == (Severity.ERROR, "a.csv", 7, column)
    assert one.message == f"{column} is a secret in clear, which --forbid-plaintext-secrets refuses"
    assert one.allowed == "a reference: env://, file://"
    assert one.fix == "put it into a secret store and write its reference here" + _AGAIN
    assert "s3cret" not in repr(one)


@pytest.mark.parametrize("row", [basic_row(password="env://PG"), string_row(password="file:///run/pg")])
def test_validate_where_plaintext_is_forbidden_takes_references(row: InventoryRow) -> None:
    """A reference is no secret, and text that is not secret stays in clear."""
    assert isinstance(_strict(row), Validated)


# --- auth ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "auth"),
    [
        pytest.param(basic_row(), "basic", id="basic where there is one"),
        pytest.param(row_of(connectionString=WHOLE), "connection_string", id="by the string's column"),
        pytest.param(
            row_of(source="only", connection_string="jdbc:x"), "connection_string", id="the only one"
        ),
        pytest.param(row_of(source="built", **PARTS), "connection_string", id="the only one, built"),
        pytest.param(row_of(source="odd", auth="Token", token="t"), "token", id="named"),
    ],
)
def test_validate_of_a_row_finds_its_auth(row: InventoryRow, auth: str) -> None:
    """A silent row means its connection string, else basic, else the only auth there is."""
    assert endpoint_of(row).auth == auth


@pytest.mark.parametrize(
    ("cells", "column", "message", "allowed", "fix"),
    [
        pytest.param(
            {"source": "odd"},
            "auth",
            "auth is missing, and odd on azure has several",
            "token, key_pair",
            "write one of token, key_pair",
            id="several",
        ),
        pytest.param(
            {"source": "odd", "platform_cloud": "aws"},
            "platform_cloud",
            "odd is not documented on aws",
            "azure",
            "correct source or platform_cloud, or give the row as source=custom",
            id="no such cloud",
        ),
        pytest.param(
            {"platform_cloud": "aws", "auth": "connection_string"},
            "auth",
            "auth=connection_string is documented for acme on azure only, not on aws",
            "basic",
            "write auth=basic",
            id="on another cloud",
        ),
        pytest.param(
            {"platform_cloud": "aws", "connectionString": "s3cret"},
            "auth",
            "auth=connection_string is documented for acme on azure only, not on aws",
            "basic",
            "write auth=basic",
            id="on another cloud, by its column",
        ),
        pytest.param(
            {"source": "odd", "auth": "keypair"},
            "auth",
            "auth is not known",
            "token, key_pair",
            "write auth=key_pair",
            id="near",
        ),
        pytest.param(
            {"source": "odd", "auth": "basic"},
            "auth",
            "auth=basic is not documented for odd",
            "token, key_pair",
            "write one of token, key_pair",
            id="unknown",
        ),
    ],
)
def test_validate_of_an_undocumented_auth_names_what_is_possible(
    cells: dict[str, str], column: str, message: str, allowed: str, fix: str
) -> None:
    """Nothing is sent that no page documents."""
    one = refusal(row_of(**cells))
    assert (one.column, one.message, one.allowed, one.fix) == (column, message, allowed, fix + _AGAIN)


# --- connection strings -------------------------------------------------------------------------------


def test_validate_of_parts_builds_the_string_in_order() -> None:
    """The parts stand as documented, options at the end, and are kept as the columns they came from."""
    endpoint = endpoint_of(string_row(encryptionMode="1", password="p@!/+=é"))
    assert endpoint.params == (
        (
            "connectionString",
            BuiltString(
                PATTERN,
                tuple(zip(STRING_PARTS, ("h", "d", "1", "u", SecretStr("p@!/+=é"), "1"), strict=True)),
                "use auth=basic",
            ),
        ),
    )
    assert endpoint.cells == {
        "server": "h",
        "database": "d",
        "port": "1",
        "username": "u",
        "encryption_mode": "1",
    }


def test_validate_of_a_whole_string_keeps_it_to_the_letter() -> None:
    """Nothing of it is kept for show."""
    endpoint = endpoint_of(row_of(connection_string=WHOLE + ";Extra={x}"))
    assert endpoint.params == (("connectionString", SecretStr(WHOLE + ";Extra={x}")),)
    assert endpoint.cells == {}


def test_validate_of_a_whole_string_in_another_case_warns() -> None:
    """Documents disagree on the case of keys, so it is sent as given."""
    result = validated(row_of(connectionString=WHOLE.replace("UID", "Uid")))
    (one,) = result.warnings
    assert one.message == "the connection string writes Uid where UID is documented; it is sent as given"
    assert one.fix == "write UID if the service refuses the row" + _AGAIN


def test_validate_of_a_whole_string_by_reference_waits_for_it() -> None:
    """What a reference holds is checked when it is resolved."""
    endpoint = endpoint_of(row_of(connectionString="file:///run/secrets/pg"))
    assert endpoint.params == (("connectionString", SecretRef("file:///run/secrets/pg")),)
    assert endpoint.cells == {"connectionString": "file:///run/secrets/pg"}


@pytest.mark.parametrize(
    ("row", "column", "message", "fix"),
    [
        pytest.param(
            row_of(connectionString="Server=s3cret"),
            "connectionString",
            "the connection string has no Database",
            "add Database=…",
            id="incomplete",
        ),
        pytest.param(
            row_of(connectionString=WHOLE + "\x00"),
            "connectionString",
            "connectionString holds a control character or half a character",
            "correct the cell",
            id="control character",
        ),
        pytest.param(
            row_of(connectionString=WHOLE, server="h"),
            "server",
            "connectionString and server are both given",
            "keep the whole string or its parts",
            id="whole and parts",
        ),
        pytest.param(
            row_of(auth="connection_string"),
            "connectionString",
            "connectionString is missing",
            "give it whole, or its parts server, database, port, username, password",
            id="neither",
        ),
        pytest.param(
            row_of(source="only"),
            "connectionString",
            "connectionString is missing",
            "fill it in",
            id="no pattern",
        ),
        pytest.param(
            string_row(server=None), "server", "server is missing", "fill it in", id="a part is missing"
        ),
        pytest.param(
            string_row(encryption_mode="2"),
            "encryption_mode",
            "encryption_mode is none of the allowed values",
            "correct the cell",
            id="a wrong option",
        ),
        pytest.param(
            string_row(server="h=x"),
            "server",
            "server would break out of its place in the connection string",
            "use auth=basic",
            id="an equals sign outside the password",
        ),
        pytest.param(
            string_row(password="a;b"),
            "password",
            "password would break out of its place in the connection string",
            "use auth=basic",
            id="a semicolon in the password",
        ),
        pytest.param(
            row_of(source="built", **{**PARTS, "username": "{u}"}),
            "username",
            "username would break out of its place in the connection string",
            "give the string whole, or change the value",
            id="braces, and no basic to fall back on",
        ),
    ],
)
def test_validate_of_a_wrong_connection_string_names_the_cell(
    row: InventoryRow, column: str, message: str, fix: str
) -> None:
    """A string is complete, given once, and nothing in it leaves its place."""
    one = refused(row)[0]
    assert (one.column, one.message, one.fix) == (column, message, fix + _AGAIN)
    assert "s3cret" not in str(one)
    assert one.found is None or one.column != "password"


def test_validate_of_a_part_with_blanks_at_its_ends_is_refused() -> None:
    """A password's blanks would be lost in the string, so basic is the way."""
    errors = [one for one in refused(string_row(password="p ")) if one.severity is Severity.ERROR]
    assert [one.message for one in errors] == [
        "password would break out of its place in the connection string"
    ]
