"""Skeletons of inventories are valid as they stand."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import UsageError
from bulkconn.core.request import secret_refs
from bulkconn.core.secret import SecretStr
from bulkconn.core.source import PlatformCloud
from bulkconn.core.validation import Validated, Validator
from bulkconn.inventory.formats import InventoryFormat
from bulkconn.inventory.templates import example, template
from bulkconn.sources import ALL, find_source
from tests.unit.inventory.reading import rows_of

if TYPE_CHECKING:
    from bulkconn.core.source import Source


@pytest.mark.parametrize("form", [one for one in InventoryFormat if one is not InventoryFormat.XLSX])
def test_template_of_all_sources_has_a_valid_row_for_each_auth_spec(form: InventoryFormat) -> None:
    """Every example row passes validation, and its secrets are references."""
    rows = rows_of(template(ALL, format=form), f".{form}")
    assert all(isinstance(row, InventoryRow) for row in rows)
    results = [Validator(ALL).validate(row) for row in rows]
    specs = []
    for result in results:
        assert isinstance(result, Validated), result
        # What Adobe has deprecated is said, and what it never explained is left out.
        assert {one.column for one in result.warnings} <= {"source", "authenticationType"}
        assert secret_refs(result.endpoint)
        assert not [value for _, value in result.endpoint.params if isinstance(value, SecretStr)]
        specs.append((result.endpoint.source, result.endpoint.platform_cloud, result.endpoint.auth))
    assert specs == [(source.slug, auth.platform_cloud, auth.auth) for source in ALL for auth in source.auths]


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_example_of_a_source_has_a_valid_row_for_each_auth_spec(source: Source) -> None:
    """The smallest inventory that shows them all: no column is empty in every row."""
    text = example(source)
    rows = list(csv.DictReader(io.StringIO(text)))
    assert all(any(row[header] for row in rows) for header in rows[0])
    results = [Validator(ALL).validate(row) for row in rows_of(text)]
    ways = [(one.endpoint.platform_cloud, one.endpoint.auth) for one in results if isinstance(one, Validated)]
    assert ways == [(auth.platform_cloud, auth.auth) for auth in source.auths]
    assert len(results) == len(rows) == len({row["name"] for row in rows})


def test_template_of_one_way_has_its_columns_alone() -> None:
    """Cloud and auth narrow it down; a string that can be built shows its parts and its own column."""
    postgres = find_source("postgresql")
    assert postgres is not None
    text = template([postgres], platform_cloud=PlatformCloud.AZURE, auth="connection_string")
    assert text == (
        "name,source,platform_cloud,auth,sandbox,description,connectionString,server,database,port,username,"
        "password,encryption_method,validate_server_certificate\n"
        "postgres azure connection string,postgres,azure,connection_string,your-sandbox,PostgreSQL on azure,,"
        "pg.example.com,sales,5432,adobe_reader,env://PG_PASSWORD,,\n"
    )


def test_template_of_what_is_not_documented_raises() -> None:
    """The message says for what there is nothing."""
    redshift = find_source("redshift")
    assert redshift is not None
    with pytest.raises(UsageError) as raised:
        template([redshift], auth="connection_string")
    assert str(raised.value) == "nothing is documented for redshift on any cloud with auth=connection_string"
    with pytest.raises(UsageError, match="for redshift on aws with auth=token"):
        template([redshift], platform_cloud=PlatformCloud.AWS, auth="token")
