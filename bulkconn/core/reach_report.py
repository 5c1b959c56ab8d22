"""What `check` tells at its end, in the shape that scripts rest on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.reach import Cause, Depth, Result

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.errors import ExitCode
    from bulkconn.core.reach import Row, RowReach
    from bulkconn.core.report import Stop


@dataclass(slots=True)
class ReachGroup:
    """Rows that are not ok alike, at one address; `first` is the first of them, the rest is counted.

    Where there are too many addresses to keep, the later ones share a group without one.
    """

    first: Row
    rows: int = 0
    not_tried: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give the documented keys."""
        keys = ("result", "cause", "code", "host", "port", "message", "fix")
        example = {key: self.first[key] for key in ("key", "inventory_file", "inventory_row")}
        return {
            **{key: self.first[key] for key in keys},
            "rows": self.rows,
            "not_tried": self.not_tried,
            "example": example,
        }


#: Groups of one address, and rows, that are kept for the report; beyond them rows are counted by cause.
KEPT_GROUPS: Final = 1_000
KEPT_ROWS: Final = 10_000


@dataclass(slots=True)
class ReachTally:
    """Counts rows as they come; what it keeps of them is bounded.

    `probes` are the rows for which a connection was tried, `encrypted` and `plain` those whose login was
    encrypted, or was not.
    """

    counts: dict[Result, int] = field(default_factory=lambda: dict.fromkeys(Result, 0))
    causes: dict[Cause, int] = field(default_factory=dict)
    probes: int = 0
    encrypted: int = 0
    plain: int = 0
    kept: list[Row] = field(default_factory=list)
    _groups: dict[tuple[object, ...], ReachGroup] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows came."""
        return sum(self.counts.values())

    @property
    def groups(self) -> list[ReachGroup]:
        """The groups, failed rows before those that were not checked, large before small."""
        return sorted(
            self._groups.values(), key=lambda one: (one.first["result"] != Result.FAILED.value, -one.rows)
        )

    def add(self, row: RowReach) -> None:
        """Count a row in."""
        answer = row.answer
        self.counts[answer.result] += 1
        self.probes += answer.is_tried and answer.cause not in _WITHOUT_PROBE
        if answer.tested is Depth.LOGIN:
            self.encrypted += answer.encrypted is True
            self.plain += answer.encrypted is False
        if answer.cause is None:
            return
        self.causes[answer.cause] = self.causes.get(answer.cause, 0) + 1
        if len(self.kept) < KEPT_ROWS:
            self.kept.append(row.as_mapping())
        group = self._group_of(row)
        group.rows += 1
        group.not_tried += not answer.is_tried

    def _group_of(self, row: RowReach) -> ReachGroup:
        answer = row.answer
        kind = (answer.result, answer.cause, answer.code)
        group = self._groups.get((*kind, row.host, row.port))
        if group is not None:
            return group
        if len(self._groups) < KEPT_GROUPS:
            group = self._groups[(*kind, row.host, row.port)] = ReachGroup(row.as_mapping())
            return group
        # One more for each kind of failure, whatever the server: there are few kinds.
        rest = ReachGroup({**row.as_mapping(), "host": None, "port": None})
        return self._groups.setdefault((*kind, None, None), rest)


#: Causes that are known without opening a connection.
_WITHOUT_PROBE: Final = frozenset({Cause.SECRET, Cause.UNREADABLE, Cause.NO_ADDRESS})

#: Said at the end of every check, because a green one invites to forget it.
NOTICE: Final = (
    "This was tested from this machine, not from Adobe's network: a database that lets this machine in may "
    "still keep Experience Platform out, and the other way round."
)
#: After Adobe's page "IP address allow list" of sources. The addresses themselves are not repeated here:
#: they change, and a stale one in a firewall lets strangers in.
ALLOW_LIST: Final = (
    "Adobe's documents ask that the addresses of your region (VA7, NLD2, AUS5, CAN2, ...) are on the "
    "allow list of each database's firewall before sources are used: "
    "https://experienceleague.adobe.com/en/docs/experience-platform/sources/ip-address-allow-list"
)


@dataclass(frozen=True, slots=True)
class ReachReport:
    """The result of `check`. `invalid` rows of the inventory were not looked at."""

    tally: ReachTally
    duration_s: float
    exit_code: ExitCode
    invalid: int = 0
    #: Valid rows that were not come to, because the check was stopped.
    left: int = 0
    diagnostics: Sequence[Diagnostic] = ()
    stopped: Stop | None = None

    @property
    def counts(self) -> dict[str, int]:
        """Rows by result, every documented name present; they add up to all rows."""
        counts = {result.value: rows for result, rows in self.tally.counts.items()}
        counts[Result.NOT_CHECKED.value] += self.left
        return {**counts, "invalid": self.invalid}

    def as_json(self) -> dict[str, Any]:
        """Give the documented JSON value of `check`."""
        tally = self.tally
        return {
            "rows": sum(self.counts.values()),
            "counts": self.counts,
            "causes": {cause.value: tally.causes.get(cause, 0) for cause in Cause},
            "probes": tally.probes,
            "logins": {"encrypted": tally.encrypted, "plain": tally.plain},
            "groups": [group.as_json() for group in tally.groups],
            "not_ok": tally.kept,
            "notice": f"{NOTICE} {ALLOW_LIST}",
            "diagnostics": [diagnostic.as_json() for diagnostic in self.diagnostics],
            "stopped": self.stopped.as_json() if self.stopped else None,
            "duration_s": round(self.duration_s, 3),
            "exit_code": int(self.exit_code),
        }
