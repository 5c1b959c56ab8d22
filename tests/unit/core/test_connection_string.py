"""Connection strings, read whole and put together from parts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkconn.core.connection_string import (
    NotAConnectionString,
    breaks_out,
    build_string,
    is_port,
    named_by,
    parse_string,
    secret_parts,
    stays_in_place,
    unusual_keys,
    visible_values,
    whole_string_faults,
)
from tests.unit.core.rows import ACME, RARE, WHOLE

_PATTERN = ACME.auths[0].string_parts


def test_parse_string_of_pairs_gives_them_in_order() -> None:
    """Blanks around a key, an end without a value and `=` in a value are all right."""
    assert parse_string("Server = h; Port=1;;Password=a=b ; ") == (
        ("Server", " h"),
        ("Port", "1"),
        ("Password", "a=b "),
    )


@pytest.mark.parametrize("text", ["Server=h;word", "=h", "Server=h; =x", "word"])
def test_parse_string_of_other_text_raises(text: str) -> None:
    """A piece without a key or `=` is no part of a connection string; the exception does not repeat it."""
    with pytest.raises(NotAConnectionString) as raised:
        parse_string(text)
    assert str(raised.value) == ""


@given(st.text(), st.text())
def test_breaks_out_of_any_value_it_lets_pass_stays_in_its_place(password: str, server: str) -> None:
    """A string that is built of values that pass comes apart into exactly these values."""
    if breaks_out(password, is_secret=True) or breaks_out(server, is_secret=False):
        return
    built = f"Server={server};Password={password};Port=1"
    assert parse_string(built) == (("Server", server), ("Password", password), ("Port", "1"))


@pytest.mark.parametrize("char", list(";'\"`{}\x00\n\x85"))
def test_breaks_out_of_a_character_with_a_meaning_is_true(char: str) -> None:
    """Whatever a reader of connection strings may take for syntax is refused, in passwords too."""
    assert breaks_out(f"a{char}b", is_secret=True)


def test_breaks_out_of_harmless_characters_is_false() -> None:
    """`@ ! / + =` and letters of any script are fine in a password, `=` nowhere else; ends are special."""
    assert not breaks_out("p@ss! /+=é漢", is_secret=True)
    assert breaks_out("a=b", is_secret=False)
    assert breaks_out("=a", is_secret=True)
    assert breaks_out(" a", is_secret=True)
    assert breaks_out("a\u00a0", is_secret=True)


@pytest.mark.parametrize("text", ["1", "5432", "65535"])
def test_is_port_of_a_port_is_true(text: str) -> None:
    """Ports are 1 to 65535, in digits."""
    assert is_port(text)


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "05432", "5432.0", "-1", "+1", "1 ", "٥", "²", "9" * 5000]
)
def test_is_port_of_anything_else_is_false(text: str) -> None:
    """No sign, no leading zero, no digits of other scripts."""
    assert not is_port(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WHOLE, id="all there"),
        pytest.param("Server={SERVER};Database={DB};Port={PORT};UID={U};Password={P}", id="placeholders"),
        pytest.param("server=h; database=d; PORT=1; uid=u; password=p;", id="case and blanks"),
        pytest.param(WHOLE + ";Mode=1;Timeout=7", id="more than is documented"),
    ],
)
def test_whole_string_faults_of_a_complete_string_are_none(text: str) -> None:
    """Every documented key is there once; others pass as they are."""
    assert whole_string_faults(text, _PATTERN) == []


@pytest.mark.parametrize(
    ("text", "fault", "remedy"),
    [
        pytest.param(
            WHOLE.replace("UID=u;", ""), "the connection string has no UID", "add UID=…", id="missing"
        ),
        pytest.param(
            WHOLE.replace("UID=u", "UID= "), "the connection string has no UID", "add UID=…", id="empty"
        ),
        pytest.param(
            WHOLE.replace("UID", "User Id"),
            "the connection string has no UID",
            "write UID instead of user id",
            id="another name",
        ),
        pytest.param(
            WHOLE.replace("Password", "PWD"),
            "the connection string has no Password",
            "write Password instead of pwd",
            id="another name of the password",
        ),
        pytest.param(
            WHOLE.replace("Password", "Pasword"),
            "the connection string has no Password",
            "add Password=…; a key that is like it stands there and may be misspelt",
            id="misspelt",
        ),
        pytest.param(
            WHOLE + ";port=2", "the connection string has Port twice", "keep one of the two", id="twice"
        ),
        pytest.param(
            WHOLE + ";s3cret=1;S3cret=2",
            "the connection string has a key twice",
            "keep one of the two",
            id="an undocumented key twice",
        ),
        pytest.param(
            WHOLE.replace("Port=1", "Port=70000"),
            "Port in the connection string is not a port",
            "give a port of 1-65535",
            id="port out of range",
        ),
        pytest.param(
            WHOLE + ";Mode=",
            "the connection string has no Mode",
            "add Mode=…",
            id="an option without a value",
        ),
        pytest.param(
            WHOLE + ";s3cret",
            "a piece of the connection string is not of the form Key=value",
            "if a value holds a semicolon it cannot be sent this way: give the row as auth=basic",
            id="a semicolon in the password",
        ),
    ],
)
def test_whole_string_faults_of_a_wrong_string_name_the_key(text: str, fault: str, remedy: str) -> None:
    """The fault names the documented key, the remedy what to write; neither shows a value."""
    assert whole_string_faults(text, _PATTERN) == [(fault, remedy)]


def test_unusual_keys_of_another_case_gives_both_spellings() -> None:
    """A key that differs from the documented one in case is told apart from one that does not."""
    assert unusual_keys("server=h;Port=1;other=2", _PATTERN) == [("server", "Server")]


def test_visible_values_of_known_names_are_server_database_and_username() -> None:
    """Common other names of the same keys are understood."""
    assert visible_values([("Host", " h "), ("Initial Catalog", "d"), ("User Id", "u"), ("Port", "1")]) == {
        "server": "h",
        "database": "d",
        "username": "u",
    }
    assert named_by(WHOLE) == {"server": "h", "database": "d", "username": "u"}
    assert named_by("word") == {}


def test_parse_string_of_a_jdbc_address_gives_its_host_and_pairs() -> None:
    """What stands before the first `?` or `;` names the host; pairs are divided by `&` or `;`."""
    text = "jdbc:snowflake://acme.example.com/?user=u&password=a=b&db=d"
    assert parse_string(text) == (
        ("host", "acme.example.com"),
        ("user", "u"),
        ("password", "a=b"),
        ("db", "d"),
    )
    assert named_by(text) == {"server": "acme.example.com", "username": "u", "database": "d"}
    assert parse_string("jdbc:hive2://h:1/x;user=u;PWD=p") == (("host", "h:1"), ("user", "u"), ("PWD", "p"))
    assert parse_string("jdbc:a://h") == (("host", "h"),)
    with pytest.raises(NotAConnectionString):
        parse_string("jdbc:a")


def test_build_string_fills_the_pattern_and_appends_what_is_not_always_there() -> None:
    """Columns in braces are places; other braces of a pattern stay."""
    always, option = RARE.auths[1].string_parts, ACME.auths[0].string_parts[-1]
    parts = [*zip(always, ("h", "u", "p"), strict=True), (option, "1")]
    assert build_string('Server={server};[{"user":"{username}","pass":"{password}"}]', parts) == (
        'Server=h;[{"user":"u","pass":"p"}];Mode=1'
    )


@pytest.mark.parametrize(
    ("value", "is_in_place"), [("h", True), ("H", False), ("h.example.com", False), ("h;", False)]
)
def test_stays_in_place_of_a_part_with_a_fit_holds_the_value_to_it(value: str, *, is_in_place: bool) -> None:
    """Beside what breaks out of any string, a place may ask for more."""
    assert stays_in_place(RARE.auths[1].string_parts[0], value) is is_in_place


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ('data source=h;Login=[{"user":"u"}]', []),
        ('Host=h;Login=[{"user":"u"}]', []),
        ("Host=h", [("the connection string has no Login", "add Login=…")]),
        (
            "word",
            [
                (
                    "a piece of the connection string is not of the form Key=value",
                    "if a value holds a semicolon it cannot be sent this way: change that value",
                )
            ],
        ),
    ],
    ids=["another case", "another spelling", "two parts under one key", "no basic to fall back on"],
)
def test_whole_string_faults_of_a_rare_pattern(text: str, faults: list[tuple[str, str]]) -> None:
    """Other documented spellings of a key are as good; two parts under one key are one fault."""
    assert whole_string_faults(text, RARE.auths[1].string_parts, has_basic=False) == faults
    assert unusual_keys("HOST=h", RARE.auths[1].string_parts) == [("HOST", "Host")]


@pytest.mark.parametrize(
    ("text", "secrets"),
    [
        ('CredString=[{"user": "u", "pass":"p1"}];', ("p1", '[{"user": "u", "pass":"p1"}]')),
        ("jdbc:a://h/?user=u&password=p%401&db=d", ("p%401", "p@1")),
        ('no string; but "password" : "a;b"', ("a;b",)),
        ("Server=h;PWD=a=b;Access Token=t;Password=", ("a=b", "t")),
        ("Server=h;Password= p ", (" p ", "p")),
        ("no string at all", ()),
        ("Server=h", ()),
    ],
)
def test_secret_parts_of_a_string_are_its_passwords(text: str, secrets: tuple[str, ...]) -> None:
    """What a gateway may echo without the string around it is secret by itself."""
    assert secret_parts(text) == secrets
