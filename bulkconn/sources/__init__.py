"""Every source that can be onboarded: one file each, one line each in `ALL`.

A source is a value: connection spec id, auth specs per cloud, parameters as Adobe's pages document
them. No code of a source runs when a row is read; `bulkconn.core` interprets the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.choice import source_index
from bulkconn.sources.mysql import MYSQL
from bulkconn.sources.postgresql import POSTGRESQL
from bulkconn.sources.redshift import REDSHIFT

if TYPE_CHECKING:
    from bulkconn.core.source import Source

#: In the order in which `bulkconn sources` lists them.
ALL: Final[tuple[Source, ...]] = (POSTGRESQL, MYSQL, REDSHIFT)

_BY_NAME: Final = source_index(ALL)


def find_source(name: str) -> Source | None:
    """Give the source of a slug or alias, whatever its case; None when there is no such source."""
    return _BY_NAME.get(name.strip().lower())
