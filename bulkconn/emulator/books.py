"""The truth of the emulator: every connection that exists, and every request that was seen.

A test asks here what really happened, whatever the client was told. Secrets are kept so that a test can
compare them, but no `repr` and no JSON of this module shows one.
"""

from __future__ import annotations

import bisect
import time
import uuid
from collections import Counter, defaultdict, deque
from typing import TYPE_CHECKING, Any

from bulkconn.emulator.limits import BusiestSecond
from bulkconn.emulator.records import Connection, Draft, RequestRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Books"]


class Books:
    """Connections and requests, with the questions that tests ask about them."""

    def __init__(self, *, visibility_lag_s: float = 0.0, log_limit: int = 100_000) -> None:
        """Start empty; see `EmulatorSettings` for the two bounds."""
        self._visibility_lag_s = visibility_lag_s
        self._by_id: dict[str, Connection] = {}
        # Lists in order of `seq`, which is the order of creation too.
        self._by_sandbox: dict[str, list[Connection]] = defaultdict(list)
        self._by_name: dict[tuple[str, str], list[Connection]] = defaultdict(list)
        self._last_seq = 0
        self._last_ms = 0
        self._requests: deque[RequestRecord] = deque(maxlen=log_limit)
        self._api_requests = 0
        self._token_requests = 0
        self._posts = 0
        self._answers: Counter[int] = Counter()
        self._unanswered = 0
        self._faults: Counter[str] = Counter()
        self._busiest = BusiestSecond()

    # --- connections ---------------------------------------------------------------------------------

    def create(self, draft: Draft, *, is_planted: bool = False) -> Connection:
        """Make a connection exist. Two of one name are two connections, as with the real service."""
        self._last_seq += 1
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        connection = Connection(
            id=str(uuid.uuid4()),
            seq=self._last_seq,
            sandbox=draft.sandbox,
            name=draft.name,
            description=draft.description,
            spec_id=draft.spec_id,
            spec_version=draft.spec_version,
            auth_spec_name=draft.auth_spec_name,
            params=draft.params,
            created_client=draft.client,
            updated_client=draft.client,
            org_id=draft.org_id,
            created_at_ms=self._last_ms,
            updated_at_ms=self._last_ms,
            etag=_etag(),
            visible_at=time.monotonic() + (0.0 if is_planted else self._visibility_lag_s),
            is_planted=is_planted,
        )
        self._by_id[connection.id] = connection
        self._by_sandbox[connection.sandbox].append(connection)
        self._by_name[connection.sandbox, connection.name].append(connection)
        return connection

    def change(self, connection: Connection, changes: Mapping[str, Any], client: str) -> None:
        """Change name, description, auth_spec_name or params, and with them the etag."""
        old_name = connection.name
        for attribute, value in changes.items():
            setattr(connection, attribute, value)
        if connection.name != old_name:
            self._drop(self._by_name[connection.sandbox, old_name], connection)
            bisect.insort(
                self._by_name[connection.sandbox, connection.name], connection, key=lambda one: one.seq
            )
        connection.updated_at_ms = time.time_ns() // 1_000_000
        connection.updated_client = client
        connection.etag = _etag()

    def delete(self, connection_id: str) -> bool:
        """Remove a connection; False if there is none of that id."""
        connection = self._by_id.pop(connection_id, None)
        if connection is None:
            return False
        self._drop(self._by_sandbox[connection.sandbox], connection)
        self._drop(self._by_name[connection.sandbox, connection.name], connection)
        return True

    @staticmethod
    def _drop(connections: list[Connection], gone: Connection) -> None:
        del connections[bisect.bisect_left(connections, gone.seq, key=lambda one: one.seq)]

    def connection(self, connection_id: str) -> Connection | None:
        """Give the connection of that id, visible or not; None if there is none."""
        return self._by_id.get(connection_id)

    def in_sandbox(self, sandbox: str) -> Sequence[Connection]:
        """Give a sandbox's connections in order of creation, visible or not. Not a copy: do not keep it."""
        return self._by_sandbox.get(sandbox, ())

    def named(self, sandbox: str, name: str, spec_id: str | None = None) -> list[Connection]:
        """Give a sandbox's connections of exactly this name, of one spec or (None) of any."""
        found: Iterable[Connection] = self._by_name.get((sandbox, name), ())
        return [one for one in found if spec_id is None or one.spec_id == spec_id]

    def all_connections(self) -> list[Connection]:
        """Give every connection of every sandbox in order of creation, planted ones included."""
        return list(self._by_id.values())

    @property
    def connection_count(self) -> int:
        """Connections that exist in all sandboxes."""
        return len(self._by_id)

    def duplicates(self) -> dict[tuple[str, str, str], list[str]]:
        """Give sandbox, spec id and name of every twin, with the ids: what a bulk run must never leave."""
        groups: dict[tuple[str, str, str], list[str]] = defaultdict(list)
        for one in self._by_id.values():
            groups[one.sandbox, one.spec_id, one.name].append(one.id)
        return {key: ids for key, ids in groups.items() if len(ids) > 1}

    # --- requests ------------------------------------------------------------------------------------

    def open_request(self, record: RequestRecord, now: float, *, is_api: bool) -> None:
        """Number an arrival and note it; `now` is monotonic.

        Requests for a token stay out of the busiest second.
        """
        record.seq = self._api_requests + self._token_requests + 1
        self._requests.append(record)
        if is_api:
            self._api_requests += 1
            self._busiest.count(now)
            self._posts += record.method == "POST" and record.path == "/connections"
        else:
            self._token_requests += 1

    def close_request(self, record: RequestRecord, *, is_api: bool) -> None:
        """Note how a request ended."""
        if record.fault is not None:
            self._faults[record.fault] += 1
        if not is_api:
            return
        if record.status is None:
            self._unanswered += 1
        else:
            self._answers[record.status] += 1

    def count_fault(self, fault: str) -> None:
        """Note a fault that struck no request: a connection reset on accept."""
        self._faults[fault] += 1

    def requests(self, method: str | None = None, path: str | None = None) -> list[RequestRecord]:
        """Give the requests seen, oldest first, of a method and a path or (None) of any."""
        return [
            one
            for one in self._requests
            if (method is None or one.method == method) and (path is None or one.path == path)
        ]

    @property
    def posts(self) -> int:
        """POSTs to /connections seen, whatever became of them."""
        return self._posts

    @property
    def api_requests(self) -> int:
        """API requests seen; those for tokens are not among them."""
        return self._api_requests

    @property
    def token_requests(self) -> int:
        """Requests for a token seen."""
        return self._token_requests

    @property
    def unanswered(self) -> int:
        """API requests that ended without an HTTP status on the wire."""
        return self._unanswered

    @property
    def max_per_second(self) -> int:
        """API requests in the busiest window of one second, those refused included."""
        return self._busiest.most

    def answers(self) -> dict[int, int]:
        """Give the number of API requests for every status sent."""
        return dict(self._answers)

    def faults(self) -> dict[str, int]:
        """Give the number of faults committed, by name."""
        return dict(self._faults)


def _etag() -> str:
    digits = uuid.uuid4().hex
    # The look of Adobe's examples: 8-4-4-4-12 hexadecimal digits in double quotes of their own.
    return f'"{digits[:8]}-0000-0200-0000-{digits[8:20]}"'
