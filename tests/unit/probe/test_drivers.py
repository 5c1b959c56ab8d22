"""Which probes there are, and what is said where a driver is missing."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.probe.approach import Protocol
from bulkconn.probe.drivers import load_probes


def test_probes_of_all_protocols_are_there() -> None:
    """With the extra installed, every protocol has one."""
    assert set(load_probes(set(Protocol))) == set(Protocol)


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ({"asyncpg"}, "check logs in to PostgreSQL and Redshift with asyncpg, which is not installed"),
        ({"aiomysql"}, "check logs in to MySQL and MariaDB with aiomysql, which is not installed"),
    ],
    ids=["asyncpg", "aiomysql"],
)
def test_driver_that_is_missing_is_named_with_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: set[str], message: str
) -> None:
    """Only where there is a row for it: other rows need no driver."""
    real = importlib.util.find_spec

    def find(name: str, *rest: Any) -> Any:
        return None if name in missing else real(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find)
    with pytest.raises(UsageError, match=message) as raised:
        load_probes(set(Protocol))
    assert raised.value.fix == "install it: python3 -m pip install 'bulkconn[check]'"
    assert set(load_probes({Protocol.TCP, Protocol.TLS})) == {Protocol.TCP, Protocol.TLS}
