"""Adobe's Python library, aepp: `createConnection` for one row after another, or with threads.

It knows one address for Adobe's API; the benchmark's server takes its place.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

import aepp
from aepp import flowservice

from benchmarks.rows import bodies

_CONFIG = {
    "org_id": "BENCH@AdobeOrg",
    "client_id": "benchmark",
    "secret": "benchmark-only",
    "scopes": "openid",
    "sandbox": "dev",
    "environment": "prod",
    "token": "t" * 1200,
    "date_limit": time.time() + 86_000,
    "connectionType": "oauthV2",
    "retry": 0,
}


def main(base_url: str, rows: int, concurrency: int) -> None:
    """Create so many connections, and read every id."""
    aepp.config.endpoints["global"] = base_url
    aepp.config.endpoints["flow"] = ""
    header = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "x-api-key": "benchmark",
        "x-gw-ims-org-id": "BENCH@AdobeOrg",
        "x-sandbox-name": "dev",
    }
    service = flowservice.FlowService(config=_CONFIG, header=header)

    def create(body: dict[str, object]) -> str:
        made: str = service.createConnection(data=body)["id"]
        return made

    if concurrency == 1:
        ids = [create(body) for body in bodies(rows)]
    else:
        with ThreadPoolExecutor(concurrency) as pool:
            ids = list(pool.map(create, bodies(rows)))
    assert len(set(ids)) == rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("rows", type=int)
    parser.add_argument("concurrency", type=int)
    given = parser.parse_args()
    main(given.base_url, given.rows, given.concurrency)
