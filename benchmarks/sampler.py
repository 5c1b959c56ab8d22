"""`python -m benchmarks.sampler FILE WORDS...`: run `bulkconn WORDS` and say where its processor time went.

A timer on processor time looks at both threads about five hundred times a second of it. Each look charges
what either thread's own clock has counted since the last one to the stage that its stack shows. FILE gets
`{"main": {stage: seconds}, "ledger": {...}, "functions": {...}}`.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from types import FrameType

_EVERY_S: Final = 0.002

#: Stages of a row by file and function of the program ("" is every function), the first that fits a frame;
#: frames are looked at from the innermost outward.
_STAGES: Final = (
    ("importlib", "", "start"),
    ("bulkconn/core/validation.py", "", "validate"),
    ("bulkconn/inventory/duplicates.py", "", "validate"),
    ("bulkconn/inventory/", "", "read"),
    ("bulkconn/engine/survey.py", "", "plan"),
    ("bulkconn/engine/feed.py", "", "plan"),
    ("bulkconn/engine/clearance.py", "", "plan"),
    ("bulkconn/engine/requests.py", "", "build"),
    ("bulkconn/engine/attempt.py", "_commit_intent", "intent"),
    ("bulkconn/engine/gate.py", "", "gate"),
    ("bulkconn/engine/attempt.py", "_created", "outcome"),
    ("bulkconn/engine/attempt.py", "_post", "POST"),
    ("bulkconn/flowservice/", "", "POST"),
    ("aiohttp/", "", "POST"),
    ("bulkconn/engine/attempt.py", "_apply", "outcome"),
    ("bulkconn/engine/attempt.py", "", "dispatch"),
    ("bulkconn/engine/run.py", "", "dispatch"),
    ("bulkconn/ledger/writer.py", "_deliver", "dispatch"),
    ("bulkconn/ledger/grouped.py", "_write_seen", "plan"),
    ("bulkconn/ledger/queries.py", "", "plan"),
    ("bulkconn/ledger/grouped.py", "_write_intents", "intent"),
    ("bulkconn/ledger/grouped.py", "_write_created", "outcome"),
    ("bulkconn/ledger/changes.py", "write_move", "outcome"),
    ("bulkconn/ledger/", "_write", "commit"),
)
_REST: Final = "other"


class Sampler:
    """Looks at the main thread and the ledger's."""

    def __init__(self) -> None:
        self.stages: dict[str, Counter[str]] = {"main": Counter(), "ledger": Counter()}
        self.functions: Counter[str] = Counter()
        self._clocks: dict[str, tuple[int, int]] = {}
        self._read: dict[str, float] = {}

    def start(self) -> None:
        """Begin to look."""
        signal.signal(signal.SIGPROF, self._look)
        signal.setitimer(signal.ITIMER_PROF, _EVERY_S, _EVERY_S)

    def stop(self) -> None:
        """Look no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _look(self, _number: int, frame: FrameType | None) -> None:
        frames = sys._current_frames()  # noqa: SLF001 - there is no other way to see another thread
        for thread in threading.enumerate():
            place = {"MainThread": "main", "bulkconn-ledger": "ledger"}.get(thread.name)
            if place is None or thread.ident is None:
                continue
            clock = time.pthread_getcpuclockid(thread.ident)
            now_s = time.clock_gettime(clock)
            spent_s = now_s - self._read.get(place, 0.0 if place == "main" else now_s)
            self._read[place] = now_s
            self._charge(place, frame if place == "main" else frames.get(thread.ident), spent_s)

    def _charge(self, place: str, frame: FrameType | None, spent_s: float) -> None:
        if frame is not None:
            code = frame.f_code
            self.functions[
                f"{place} {code.co_filename.rpartition('site-packages/')[2]}:{code.co_qualname}"
            ] += spent_s  # type: ignore[assignment]
        self.stages[place][_stage_of(frame)] += spent_s  # type: ignore[assignment]


def _stage_of(frame: FrameType | None) -> str:
    while frame is not None:
        code = frame.f_code
        for file, function, stage in _STAGES:
            if file in code.co_filename and code.co_name.startswith(function):
                return stage
        frame = frame.f_back
    return _REST


def main() -> int:
    """Run the command under the sampler."""
    sampler = Sampler()
    sampler.start()
    from bulkconn.cli.main import entry_point  # noqa: PLC0415 - its import is part of what is looked at

    code = entry_point(sys.argv[2:])
    sampler.stop()
    stages = {place: dict(found) for place, found in sampler.stages.items()}
    Path(sys.argv[1]).write_text(
        json.dumps({**stages, "functions": dict(sampler.functions)}), encoding="utf-8"
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
