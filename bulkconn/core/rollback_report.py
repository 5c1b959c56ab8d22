"""What a rollback tells at its end, in the shape that scripts rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bulkconn.core.report import Report
from bulkconn.core.rollback import Spared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.rollback import KeptRow


@dataclass(frozen=True, slots=True)
class RollbackReport(Report):
    """The report of a run, and what became of the connections that were to be deleted.

    `chosen` rows had something to delete, `deleted` of them are deleted now, `already_gone` of these were so
    before; `kept` counts the others by reason, `left` were not come to. `in_doubt` rows may have a connection
    that nobody knows yet. `listed` are rows that would be deleted, in a dry run, `kept_rows` those that are
    kept; of both the first 10,000.
    """

    chosen: int = 0
    deleted: int = 0
    already_gone: int = 0
    kept: Mapping[Spared, int] = field(default_factory=dict)
    left: int = 0
    in_doubt: int = 0
    deletes: int = 0
    is_dry_run: bool = False
    kept_rows: Sequence[KeptRow] = ()
    listed: Sequence[Mapping[str, Any]] = ()

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON value: that of a run, and the key `rollback`."""
        # Zero-argument `super` does not work in a dataclass with slots.
        shown = Report.as_json(self)
        shown["rollback"] = {
            "dry_run": self.is_dry_run,
            "rows": self.chosen,
            "deleted": self.deleted,
            "already_gone": self.already_gone,
            "kept": {why.value: self.kept.get(why, 0) for why in Spared},
            "left": self.left,
            "in_doubt": self.in_doubt,
            "requests": self.deletes,
            "would_delete": [dict(one) for one in self.listed],
            "kept_rows": [one.as_json() for one in self.kept_rows],
        }
        return shown
