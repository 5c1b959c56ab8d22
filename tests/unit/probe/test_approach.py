"""The table of approaches against the catalogue of sources."""

from __future__ import annotations

import pytest

from bulkconn.core.source import Source, ValueKind
from bulkconn.probe.approach import APPROACHES, DRIVERS, UNKNOWN, Protocol, approach_of
from bulkconn.sources import ALL

_ADDRESS = frozenset({"server", "host"})


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_source_of_the_catalogue_has_an_approach(source: Source) -> None:
    """A new source is not checked by guess: somebody said what its server speaks."""
    assert source.slug in APPROACHES


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_approach_finds_an_address_in_every_auth_of_its_source(source: Source) -> None:
    """Each auth spec names a host in a column that the approach knows, or in a connection string."""
    approach = approach_of(source.slug)
    known = {*approach.host_columns, approach.account_column} - {None}
    for auth in source.auths:
        names = {parameter.name.lower() for parameter in auth.parameters}
        has_string = any(one.kind is ValueKind.CONNECTION_STRING for one in auth.parameters)
        assert approach.host or has_string or names & known, auth.spec_name
        # A column that looks like an address is one that the approach looks at.
        assert not names & _ADDRESS or names & _ADDRESS & known


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_login_is_tried_where_every_auth_has_what_it_takes(source: Source) -> None:
    """User name, password and database are columns, or part of a connection string."""
    if approach_of(source.slug).protocol not in DRIVERS:
        return
    for auth in source.auths:
        names = {parameter.name for parameter in auth.parameters} | {
            part.column for part in auth.string_parts
        }
        assert {"username", "password", "database"} <= names, auth.spec_name


def test_source_that_nobody_documented_gets_a_connection_at_most() -> None:
    """What it speaks is not known, so nothing is said to it."""
    assert approach_of("custom") is UNKNOWN
    assert UNKNOWN.protocol is Protocol.TCP
