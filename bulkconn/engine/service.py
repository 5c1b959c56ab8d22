"""Flow Service as the engine sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkconn.core.protocols import ConnectionApi, Pacer, SpecApi, TokenSource, UpkeepApi
    from bulkconn.engine.existing import SharedNames


@dataclass(frozen=True, slots=True)
class Service:
    """Where connections are made and kept, tokens and specs come from.

    `pacer` is the pace that is shared with others; without one the engine keeps its own, up to its ceiling.
    `names` is what other engines of this process have listed.
    """

    connections: ConnectionApi
    tokens: TokenSource
    specs: SpecApi | None = None
    pacer: Pacer | None = None
    upkeep: UpkeepApi | None = None
    names: SharedNames | None = None
