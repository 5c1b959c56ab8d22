"""Whatever a file holds, a converter gives rows that can be written, or says what is wrong."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bulkconn.converters.convert import Kind, convert
from bulkconn.converters.database import Malformed
from bulkconn.converters.jdbc import read_jdbc_url
from bulkconn.converters.rows import Conversion, Secrets
from bulkconn.core.names import loose_name
from bulkconn.core.text import has_control
from tests.unit.converters.samples import SAMPLES, sample

_KEYS = st.sampled_from(
    [
        *("conn_type", "host", "login", "password", "port", "schema", "extra", "conn_id", "extra_dejson"),
        *("DBInstances", "DBClusters", "Clusters", "DBInstanceIdentifier", "Engine", "Endpoint", "Address"),
        *("ClusterIdentifier", "MasterUserSecret", "SecretArn", "DBName", "MasterUsername", "Port"),
        *("connections", "driver", "provider", "name", "configuration", "url", "handlers", "enabled"),
        *("properties", "auth-properties", "credentials", "configurationType", "type", "database"),
        *("version", "resources", "mode", "instances", "attributes", "identifier", "engine", "address"),
        *("values", "root_module", "child_modules", "index_key", "master_user_secret", "secret_arn"),
    ]
)
_TEXTS = st.one_of(
    st.sampled_from(
        [
            *("postgres", "mysql", "mssql", "oracle", "snowflake", "aurora", "docdb", "managed", "URL"),
            *("aws_db_instance", "aws_redshift_cluster", "postgres-jdbc", "h.example.com", "5432", "TUNNEL"),
            *("postgres://u:p@h:1/d?sslmode=require", "jdbc:postgresql://h/d", '{"a": 1}', "\ud800", "\x00"),
            *("env://X", "a:b:c:d:e", "=", "'", "\n", "*", "\\", "x" * 300),
        ]
    ),
    st.text(max_size=8),
)
_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _TEXTS, st.just(4), st.just("managed")),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(_KEYS, _TEXTS), inner, max_size=6)
    ),
    max_leaves=25,
)
_LINES = st.lists(_TEXTS, max_size=12).map("".join)
_SPOILT = st.tuples(st.sampled_from(list(SAMPLES)), st.integers(0, 4000), st.integers(0, 40), _TEXTS).map(
    lambda one: sample(one[0])[: one[1]] + one[3] + sample(one[0])[one[1] + one[2] :]
)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("secrets", Secrets)
@given(text=st.one_of(_VALUES.map(json.dumps), _LINES, _SPOILT, st.text()))
@settings(max_examples=120, deadline=None)
def test_convert_of_any_text_is_rows_or_a_reason(kind: Kind, secrets: Secrets, text: str) -> None:
    """No text raises anything else; names are fit and unlike each other; every cell can be written."""
    made = Conversion()
    with contextlib.suppress(Malformed):
        made = convert(kind, text, secrets=secrets)
    names = [row["name"] for row in made.rows]
    assert all(name and name == name.strip() and not has_control(name) for name in names)
    assert len({loose_name(name) for name in names}) == len(names)
    assert all(set(row) <= set(made.columns) for row in made.rows)
    json.dumps([made.rows, [one.name for one in made.skipped]], ensure_ascii=False).encode()


@given(st.text(), st.sampled_from(["", "jdbc:x://", "jdbc:sqlserver://h", "jdbc:oracle:thin:@h:1"]))
def test_jdbc_url_of_any_text_is_facts(text: str, start: str) -> None:
    """No URL raises, and no fact is empty."""
    assert all(read_jdbc_url(start + text).values())
