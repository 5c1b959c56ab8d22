"""Rows that are like a valid one go a short way, and nobody can tell which way a row has gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.recipe import Recipe
from bulkconn.core.source import AuthSpec, Parameter, PlatformCloud, Source, ValueKind
from bulkconn.core.validation import Invalid, RowDefaults, Validated, Validator
from bulkconn.sources import ALL
from tests.unit.core.rows import BASIC, PARTS, RARE, SOURCES, WHOLE

if TYPE_CHECKING:
    from collections.abc import Iterable

_COMMON = {"name": "one", "source": "acme", "platform_cloud": "azure", "sandbox": "dev"}
_MORE = {"description": "First", "key": "k", "x_team": "sales", " X_Cost ": "7", "sslMode": "Off"}
_POSTGRES = {
    "name": "one",
    "source": "postgres",
    "platform_cloud": "azure",
    "server": "h",
    "port": "5432",
    "database": "d",
    "username": "u",
    "password": "p",
    "ssl_mode": "Require",
    "x_team": "sales",
}
_KINDS: dict[str, dict[str, str]] = {
    "basic": {**_COMMON, **BASIC},
    "basic with more": {**_COMMON, **BASIC, **_MORE},
    "another sandbox": {**_COMMON, **BASIC, "sandbox": "prod"},
    "sandbox by default": {name: cell for name, cell in {**_COMMON, **BASIC}.items() if name != "sandbox"},
    "another cloud": {**_COMMON, **BASIC, "platform_cloud": "aws", "schema": "s", "comment": "c"},
    "parts": {**_COMMON, **PARTS, "auth": "connection_string"},
    "whole": {**_COMMON, "connectionString": WHOLE},
    "whole by reference": {**_COMMON, "connectionString": "env://S"},
    "only a secret": {**_COMMON, "source": "odd", "auth": "token", "token": "t"},
    "rare": {
        **_COMMON,
        "source": "rare",
        "auth": "key_pair",
        "account": "a",
        "key": "QUJD",
        "useTls": "true",
    },
    "custom": {**_COMMON, "source": "custom", "connection_spec_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12},
    "custom named": {
        **_COMMON,
        "source": "custom",
        "connection_spec_id": "0" * 8 + "-0000-4000-8000-" + "0" * 12,
        "auth_spec_name": "Basic",
        "host": "h",
    },
    "unknown column": {**_COMMON, **BASIC, "colour": "red"},
    "an export": {**_COMMON, **BASIC, "state": "created", "attempts": "1"},
}
_TEXTS = [
    "",
    " ",
    "a",
    "a b",
    " a",
    "a ",
    "a|b",
    "a |b",
    "a| b",
    "|",
    "a\tb",
    "a\nb",
    "a\u00a0b",
    "\ud800",
    "Zoë",
    "5432",
    "05",
    "70000",
    "Off",
    "off",
    "Verify-Ca",
    "true",
    "env://A",
    "env://",
    "ENV://B",
    "vault://a/b",
    "file:///x",
    "http://h",
    "-----BEGIN KEY",
    "QUJD",
    "://",
]
_COLUMNS = sorted({column for cells in _KINDS.values() for column in cells} - {"source"})

_ROWS = st.lists(
    st.tuples(
        st.sampled_from(sorted(_KINDS)),
        st.dictionaries(
            st.sampled_from(_COLUMNS), st.one_of(st.sampled_from(_TEXTS), st.text(max_size=4)), max_size=2
        ),
        st.sampled_from(["a.csv", "a.csv", "a.csv", "b.csv"]),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
)


def _validator(*, plaintext: bool = True) -> Validator:
    return Validator(
        (*SOURCES, RARE),
        defaults=RowDefaults("main", PlatformCloud.AZURE),
        schemes=("env", "vault"),
        forbid_plaintext=not plaintext,
    )


def _rows(drawn: Iterable[tuple[str, dict[str, str], str, bool]]) -> list[InventoryRow]:
    rows = []
    for number, (kind, changes, file, has_header_row) in enumerate(drawn):
        cells = {**_KINDS[kind], "name": f"row {number}", **changes}
        rows.append(InventoryRow(file, number, cells, tuple(_COLUMNS) if has_header_row else ()))
    return rows


def _the_long_way(validator: Validator, row: InventoryRow) -> Validated | Invalid:
    """Validate by one who has learnt no short way, but knows what was said before."""
    validator._shapes.clear()
    return validator.validate(row)


@given(drawn=_ROWS, plaintext=st.booleans())
@settings(max_examples=400, deadline=None)
def test_validate_of_any_rows_is_the_same_by_either_way(
    drawn: list[tuple[str, dict[str, str], str, bool]], *, plaintext: bool
) -> None:
    """Whatever rows came before: endpoints to the last cell in its order, diagnostics, what is said once."""
    short, long = _validator(plaintext=plaintext), _validator(plaintext=plaintext)
    # So that there is something to be learnt, each kind comes once as it is.
    first = _rows((kind, {}, file, True) for kind, _, file, _ in drawn)
    for row in (*first, *_rows(drawn), *first):
        found, expected = short.validate(row), _the_long_way(long, row)
        assert found == expected
        assert repr(found) == repr(expected)


@pytest.mark.parametrize("changes", [{}, {"colour": " "}, {"password": "env://A"}], ids=repr)
@pytest.mark.parametrize("kind", _KINDS)
def test_validate_of_a_row_again_gives_the_same(kind: str, changes: dict[str, str]) -> None:
    """What was learnt of a row makes its own endpoint, whatever kind it is of, if there is a short way."""
    short, long = _validator(), _validator()
    row = InventoryRow("a.csv", 2, {**_KINDS[kind], **changes})
    for _ in range(3):
        found, expected = short.validate(row), _the_long_way(long, row)
        assert repr(found) == repr(expected)
        assert found == expected


def test_validate_of_a_row_like_one_with_a_blank_cell_is_not_taken_for_it() -> None:
    """A column that is not known may hold blanks, and nothing else."""
    validator = _validator()
    row = InventoryRow("a.csv", 2, {**_KINDS["basic"], "colour": " "})
    assert isinstance(validator.validate(row), Validated)
    assert isinstance(validator.validate(row._replace(cells={**row.cells, "colour": "red"})), Invalid)


@pytest.mark.parametrize("text", ["p|w", "a b", "env://PG", "p"])
def test_validate_of_a_million_like_rows_goes_the_short_way(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row with nothing odd in it is made by what the first one taught, its secret in clear or not."""
    validator = Validator(ALL, defaults=RowDefaults("dev"))
    headers = tuple(_POSTGRES)
    learnt = InventoryRow("a.csv", 2, _POSTGRES, headers)
    like = InventoryRow(
        "a.csv", 3, {**_POSTGRES, "name": "two", "server": "h|2", "port": "5433", "password": text}, headers
    )
    assert isinstance(validator.validate(learnt), Validated)
    expected = _the_long_way(Validator(ALL, defaults=RowDefaults("dev")), like)
    monkeypatch.delattr(Validator, "_long_way")
    assert validator.validate(like) == expected


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": " two"},
        {"name": "env://X"},
        {"server": "h\t"},
        {"server": "h "},
        {"server": " h"},
        {"ssl_mode": "off"},
        {"ssl_mode": "Require "},
        {"port": "0"},
        {"password": "p "},
        {"password": " p"},
        {"x_team": "sales "},
        {"password": "vault://p"},
    ],
    ids=repr,
)
def test_recipe_of_a_row_with_something_odd_leaves_it_to_the_long_way(changes: dict[str, str]) -> None:
    """What may deserve a diagnostic is not for it to say; nor is a row of another file."""
    validator = Validator(ALL, defaults=RowDefaults("dev"))
    row = InventoryRow("a.csv", 2, _POSTGRES)
    validator.validate(row)
    ((recipe,),) = [shape.recipes.values() for shape in validator._shapes.values()]
    assert isinstance(recipe, Recipe)
    assert recipe.endpoint(row) is not None
    file = "a.csv" if changes else "b.csv"
    assert recipe.endpoint(row._replace(file=file, cells={**_POSTGRES, **changes})) is None


@pytest.mark.parametrize("secret", ["env://A", "env://", "vault://A", "text"])
@pytest.mark.parametrize("whole", ["env://B", WHOLE])
def test_validate_of_two_secrets_is_the_same_by_either_way(secret: str, whole: str) -> None:
    """References are shown among the other cells where their parameters stand, secrets in clear nowhere."""
    parameters = (
        Parameter("connectionString", "All", secret=True, kind=ValueKind.CONNECTION_STRING),
        Parameter("host", "Host"),
        Parameter("token", "Token", secret=True),
    )
    auth = AuthSpec("connection_string", "Two", PlatformCloud.AZURE, parameters)
    source = Source("two", "Two", "00000000-0000-4000-8000-000000000009", (auth,))
    cells = {**_COMMON, "source": "two", "connectionString": "env://C", "host": "h", "token": "env://T"}
    row = InventoryRow("a.csv", 3, {**cells, "connectionString": whole, "token": secret})
    short, long = Validator([source]), Validator([source])
    short.validate(InventoryRow("a.csv", 2, cells))
    found = short.validate(row)
    assert repr(found) == repr(long.validate(row))
    assert found == long.validate(row)


def test_recipe_of_endless_ports_remembers_few() -> None:
    """A file in which each row has a port of its own does not fill the memory."""
    validator = Validator(ALL, defaults=RowDefaults("dev"))
    for port in range(1, 1200):
        found = validator.validate(InventoryRow("a.csv", port, {**_POSTGRES, "port": str(port)}))
        assert isinstance(found, Validated)
    ((recipe,),) = [shape.recipes.values() for shape in validator._shapes.values()]
    assert isinstance(recipe, Recipe)
    assert len(recipe._right_ports) <= 1024


def test_validate_of_endless_kinds_of_cells_remembers_few_of_them() -> None:
    """Ever new sandboxes do not fill the memory."""
    validator = Validator(ALL)
    for number in range(1100):
        row = InventoryRow("a.csv", number, {**_POSTGRES, "sandbox": f"s{number}"})
        assert isinstance(validator.validate(row), Validated)
    assert all(len(shape.recipes) <= 1024 for shape in validator._shapes.values())
