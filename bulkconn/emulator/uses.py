"""What people build on a base connection, as far as its DELETE must know: source connections and flows."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from bulkconn.emulator.errors import FlowServiceError

__all__ = ["Flow", "SourceConnection", "Uses"]


@dataclass(frozen=True, slots=True)
class SourceConnection:
    """A source connection on a base connection."""

    id: str
    sandbox: str
    base_connection_id: str


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow that reads from one source connection."""

    id: str
    sandbox: str
    source_connection_id: str


@dataclass(slots=True)
class Uses:
    """All source connections and flows."""

    sources: list[SourceConnection] = field(default_factory=list)
    flows: list[Flow] = field(default_factory=list)

    def plant(self, sandbox: str, connection_id: str, flows: int) -> SourceConnection:
        """Make a source connection exist, with so many flows."""
        source = SourceConnection(str(uuid.uuid4()), sandbox, connection_id)
        self.sources.append(source)
        self.flows += [Flow(str(uuid.uuid4()), sandbox, source.id) for _ in range(flows)]
        return source

    def clear(self, connection_id: str) -> None:
        """Let nothing use a connection any more."""
        gone = {one.id for one in self.sources if one.base_connection_id == connection_id}
        self.flows = [one for one in self.flows if one.source_connection_id not in gone]
        self.sources = [one for one in self.sources if one.id not in gone]

    def check_free(self, connection_id: str) -> None:
        """Do nothing if no flow uses the connection.

        Raises:
            FlowServiceError: 1418, one does.
        """
        used = {one.id for one in self.sources if one.base_connection_id == connection_id}
        if any(one.source_connection_id in used for one in self.flows):
            raise FlowServiceError("1418-400", "The connection is in use by a flow and cannot be deleted.")
