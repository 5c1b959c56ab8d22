"""What a worker did, added up over the shards that it worked on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.report import THIS_RUN_NAMES, Tally, ThisRun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.report import Report


class Deeds:
    """The sum of the reports of a worker's shards; one that lost its lease brings none."""

    def __init__(self) -> None:
        self.this_run = ThisRun()
        #: Where the rows of each shard stood when this worker left it last.
        self._counts: dict[int, Mapping[str, int]] = {}

    def add(self, shard_id: int, report: Report) -> None:
        """Count in what came of a shard; of one that was worked on again its rows count once."""
        self._counts[shard_id] = report.counts
        for name in THIS_RUN_NAMES:
            setattr(self.this_run, name, getattr(self.this_run, name) + getattr(report.this_run, name))

    @property
    def counts(self) -> Mapping[str, int]:
        """Give the rows of all shards by state."""
        tally = Tally()
        for counts in self._counts.values():
            for name, rows in counts.items():
                tally.add(name, rows)
        return tally.counts
