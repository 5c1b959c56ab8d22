"""The probes by protocol. Drivers are imported when there is a row for them, and may be missing."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import UsageError
from bulkconn.probe.approach import DRIVERS, Protocol
from bulkconn.probe.connections import probe_tcp, probe_tls

if TYPE_CHECKING:
    from collections.abc import Collection

    from bulkconn.probe.prober import Probe

_NAMES: Final = {Protocol.POSTGRESQL: "PostgreSQL and Redshift", Protocol.MYSQL: "MySQL and MariaDB"}


def load_probes(protocols: Collection[Protocol]) -> dict[Protocol, Probe]:
    """Give the probes of these protocols.

    Raises:
        UsageError: the library of one is not installed; the message says what to install.
    """
    missing = [one for one in DRIVERS if one in protocols and importlib.util.find_spec(DRIVERS[one]) is None]
    if missing:
        names = " and ".join(f"{_NAMES[one]} with {DRIVERS[one]}" for one in missing)
        raise UsageError(
            f"check logs in to {names}, which is not installed",
            fix="install it: python3 -m pip install 'bulkconn[check]'",
        )
    probes: dict[Protocol, Probe] = {Protocol.TCP: probe_tcp, Protocol.TLS: probe_tls}
    if Protocol.POSTGRESQL in protocols:
        from bulkconn.probe.postgresql import probe_postgresql  # noqa: PLC0415 - an extra that may be missing

        probes[Protocol.POSTGRESQL] = probe_postgresql
    if Protocol.MYSQL in protocols:
        from bulkconn.probe.mysql import probe_mysql  # noqa: PLC0415 - likewise

        probes[Protocol.MYSQL] = probe_mysql
    return probes
