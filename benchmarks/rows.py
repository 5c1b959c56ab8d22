"""The rows that are measured: one kind of PostgreSQL databases, as an inventory and as request bodies.

No import beyond the standard library: the alternatives use it in an environment of their own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEADER: Final = (
    "name,source,platform_cloud,auth,sandbox,description,server,port,database,username,password,"
    "ssl_mode,x_team\n"
)
_ROW: Final = (
    "Orders {0:07d},postgres,azure,basic,dev,Orders of shop {0},orders-{0:07d}.pg.example.com,5432,orders,"
    "adobe_reader,benchmark-only,Require,finance\n"
)
_SPEC: Final = {"id": "74a1c565-4e59-48d7-9d67-7c03b8a13137", "version": "1.0"}


def write_inventory(path: Path, rows: int) -> Path:
    """Write a CSV of so many rows: 13 columns, about 150 bytes a row."""
    with path.open("w", encoding="utf-8") as file:
        file.write(_HEADER)
        file.writelines(_ROW.format(number) for number in range(rows))
    return path


def bodies(rows: int) -> Iterator[dict[str, Any]]:
    """Give the body of `POST /connections` for each of so many rows, as bulkconn sends it."""
    for number in range(rows):
        yield {
            "name": f"Orders {number:07d}",
            "description": f"Orders of shop {number}",
            "auth": {
                "specName": "Basic Authentication for PostgreSQL",
                "params": {
                    "server": f"orders-{number:07d}.pg.example.com",
                    "port": "5432",
                    "database": "orders",
                    "username": "adobe_reader",
                    "password": "benchmark-only",
                    "sslMode": "Require",
                },
            },
            "connectionSpec": _SPEC,
        }


def headers() -> dict[str, str]:
    """Give the headers of a create, with a token as long as Adobe's."""
    return {
        "Authorization": "Bearer " + "t" * 1200,
        "x-api-key": "benchmark",
        "x-gw-ims-org-id": "BENCH@AdobeOrg",
        "x-sandbox-name": "dev",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
