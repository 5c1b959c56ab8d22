"""What a retry may send, kept beside the ledger: failed rows, and what retries before it took up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bulkconn.core.plan import Reopen
    from tests.simulation.disk import Disk
    from tests.simulation.party import Ran

_ROWS: Final = "SELECT key, state, coalesce(error_code, '') FROM rows ORDER BY key"
_SENT: Final = """
    SELECT DISTINCT rows.key FROM attempts JOIN rows ON rows.id = row_id JOIN runs ON runs.id = run
    WHERE runs.run_id = ? AND fact = 'intent' ORDER BY rows.key
"""
_UNFINISHED: Final = frozenset({"pending", "sending", "in_doubt"})


class Retries:
    """Remembers, process by process, which rows a retry has taken up and not finished, and by which code."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._open: dict[str, str] = {}
        self._wanted: dict[str, str] | None = None

    @property
    def codes(self) -> list[str]:
        """The codes of rows that a retry could take up."""
        if not self._disk.rows("SELECT 1 FROM sqlite_master WHERE name = 'rows'"):
            return []
        failed = {code for _, state, code in self._disk.rows(_ROWS) if state == "failed"}
        return sorted({*failed, *self._open.values()})

    def on_begin(self, reopen: Reopen) -> None:
        """Take note of what a process may send."""
        self._wanted = None
        if not reopen.failed:
            return
        rows = self._disk.rows(_ROWS)
        known = {key: code for key, state, code in rows if state == "failed"} | self._open
        self._wanted = {
            key: code
            for key, code in known.items()
            if not reopen.codes or reopen.codes & {code, code.partition("-")[0]}
        }

    def on_end(self, ran: Ran) -> list[str]:
        """Judge what a process did, and take note of what it leaves."""
        states = {key: state for key, state, _ in self._disk.rows(_ROWS)}
        faults = [] if self._wanted is None else _judge(ran, self._wanted, states, self._sent(ran))
        known = self._open | (self._wanted or {})
        self._open = {key: code for key, code in known.items() if states[key] in _UNFINISHED}
        return faults

    def _sent(self, ran: Ran) -> list[str]:
        return [key for (key,) in self._disk.rows(_SENT, ran.run_id)]


def _judge(ran: Ran, wanted: dict[str, str], states: dict[str, str], sent: list[str]) -> list[str]:
    faults = [f"a retry sent {key}, for which nobody asked" for key in sent if key not in wanted]
    report = ran.report
    if report is not None and report.stopped is None and report.exit_code not in {130, 143}:
        listed = {one.key for one in ran.endpoints}
        own = [key for key in wanted if key in listed and states[key] == "pending"]
        faults += [f"a retry came to its end and left {key} pending" for key in own]
    return faults
