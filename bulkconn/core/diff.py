"""What lies between an inventory, its ledger and the sandboxes: the diff of `plan --live`."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.names import EndpointKey

#: Rows that a diff tells one by one.
SHOWN_MAX: Final = 10_000


class Change(StrEnum):
    """What a run would find of a row, or of a connection without one, in the documented order."""

    #: It would be created.
    CREATE = "create"
    #: It exists, and a run would take its id over.
    ADOPT = "adopt"
    #: Created or adopted, and edited since: reported, not sent.
    CHANGED = "changed"
    #: In the sandbox under an id of this ledger, and gone from the inventory.
    ORPHAN = "orphan"
    #: Created or adopted, as the inventory has it.
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class LiveDiff:
    """Counts of every change, and the first rows of each but the unchanged.

    `unlisted` are sandboxes of which it is not known what is there.
    """

    counts: dict[Change, int] = field(default_factory=lambda: dict.fromkeys(Change, 0))
    rows: list[dict[str, Any]] = field(default_factory=list)
    unlisted: list[str] = field(default_factory=list)

    def add(self, change: Change, row: Mapping[str, Any]) -> None:
        """Count a row in; `row` is what is told of it."""
        self.counts[change] += 1
        if change is not Change.UNCHANGED and len(self.rows) < SHOWN_MAX:
            self.rows.append({"change": change.value, **row})

    @property
    def is_empty(self) -> bool:
        """Tell whether nothing would change and nothing is left over."""
        return not any(rows for change, rows in self.counts.items() if change is not Change.UNCHANGED)

    def as_json(self) -> dict[str, Any]:
        """Give the documented value of the key `diff`."""
        counts = {change.value: self.counts[change] for change in Change}
        return {**counts, "unlisted": self.unlisted, "rows": self.rows}


class KeySet:
    """Remembers which keys an inventory has, in eight bytes each.

    Two keys that share a hash of 64 bits would hide an orphan; among a million that is one chance in ten
    million.
    """

    def __init__(self) -> None:
        self._hashes = array("Q")
        self._is_sorted = True

    def add(self, key: EndpointKey) -> None:
        """Remember a key."""
        self._hashes.append(_hash(key))
        self._is_sorted = False

    def __contains__(self, key: EndpointKey) -> bool:
        """Tell whether a key was remembered."""
        if not self._is_sorted:
            self._hashes = array("Q", sorted(self._hashes))
            self._is_sorted = True
        wanted = _hash(key)
        place = bisect_left(self._hashes, wanted)
        return place < len(self._hashes) and self._hashes[place] == wanted


def _hash(key: EndpointKey) -> int:
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def detailed_exit_code(counts: Mapping[str, int], diff: LiveDiff | None, *, usual: ExitCode) -> ExitCode:
    """Give the exit code of `plan --detailed-exitcode`, as Terraform's users know it.

    0 nothing would change, 2 something would; 1 where something stands against a run that is no change, and
    every other code that the plan usually has (`usual`). Edited rows are changes, not troubles. `counts` are
    the plan's, its `pending` only what would be sent; `diff` None: the sandboxes were not looked at, so
    nothing is known of orphans.
    """
    if usual not in {ExitCode.OK, ExitCode.ROWS_UNFINISHED}:
        return usual
    if any(counts.get(name, 0) for name in ("failed", "held", "in_doubt", "invalid", "deleted")):
        return ExitCode.ROWS_UNFINISHED
    if diff is not None:
        return ExitCode.OK if diff.is_empty else ExitCode.USAGE
    return ExitCode.USAGE if counts.get("pending", 0) or counts.get("changed", 0) else ExitCode.OK
