"""The usual script: a ThreadPoolExecutor and requests, one session a thread."""

from __future__ import annotations

import argparse
import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from benchmarks.rows import bodies, headers

_MINE = threading.local()


def main(base_url: str, rows: int, concurrency: int) -> None:
    """POST so many bodies, and read every id."""
    url, send_with = f"{base_url}/connections", headers()

    def post(body: dict[str, object]) -> str:
        if not hasattr(_MINE, "session"):
            _MINE.session = requests.Session()
            _MINE.session.headers.update(send_with)
        response = _MINE.session.post(url, json=body, timeout=60)
        response.raise_for_status()
        made: str = response.json()["id"]
        return made

    with ThreadPoolExecutor(concurrency) as pool:
        assert len(set(pool.map(post, bodies(rows)))) == rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base_url")
    parser.add_argument("rows", type=int)
    parser.add_argument("concurrency", type=int)
    given = parser.parse_args()
    main(given.base_url, given.rows, given.concurrency)
