"""The network is cut for 20 s in the middle of a run: what was on its way is neither lost nor sent twice."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import check_accounted, check_exactly_once
from tests.acceptance.wire import Wire

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace, StartEmulator
    from tests.acceptance.process import EmulatorProcess, Running, Workplace

_ROWS = 400
_CUT_S = 20.0


@dataclass(frozen=True)
class _Story:
    """A run whose way to the service is cut."""

    emulator: EmulatorProcess
    wire: Wire
    place: Workplace
    running: Running


#: How long a request waits, and for how long nothing is sent again after one that was given up: longer than
#: the cut where the network delivers at its end what it held back.
_PATIENT = {"BULKCONN_TIMEOUT": "60", "BULKCONN_SETTLE_GRACE": "2"}
_IMPATIENT = {"BULKCONN_TIMEOUT": "3", "BULKCONN_SETTLE_GRACE": "30"}
_GIVES_UP = {**_IMPATIENT, "BULKCONN_MAX_WAIT": "6", "BULKCONN_DRAIN": "1"}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_network_cut_for_20_s_ends_exactly_once(
    start_emulator: StartEmulator, open_workplace: OpenWorkplace, subtests: pytest.Subtests
) -> None:
    """Requests that outlive it just wait; those given up or reset are in doubt, and each is found."""
    with ExitStack() as stack:

        def begin(folder: str, settings: dict[str, str]) -> _Story:
            # So slow that at any time some requests are on their way and some are being carried out.
            emulator = start_emulator("--latency", "0.3")
            wire = stack.enter_context(Wire(emulator.origin))
            place = open_workplace(
                emulator, folder, **wire.env, **settings, BULKCONN_RATE="60", BULKCONN_OUTPUT="json"
            )
            place.inventory(_ROWS)
            return _Story(emulator, wire, place, place.start("run", "inventory.csv"))

        patient, impatient = begin("patient", _PATIENT), begin("impatient", _IMPATIENT)
        reset, gives_up = begin("reset", _PATIENT), begin("gives up", _GIVES_UP)
        stories = (patient, impatient, reset, gives_up)
        for story in stories:
            story.emulator.wait_for(lambda books: books["posts"] >= 100, story.running)
            story.wire.cut()
        time.sleep(_CUT_S)
        ended = gives_up.running.wait()
        for story in stories:
            # Nothing moves: what was carried out without an answer is accounted for already.
            check_accounted(story.emulator, story.place.export())
        impatient_during = impatient.place.run("status").report["counts"]
        for story in (patient, impatient, gives_up):
            story.wire.mend()
        reset.wire.mend_with_resets()
        next_run = replace(gives_up, running=gives_up.place.start("run", "inventory.csv"))
        with subtests.test("requests that outlive the cut"):
            assert _finish(patient) == {"settled": 0, "posts": _ROWS}
        with subtests.test("requests that were given up"):
            assert impatient_during["in_doubt"] > 0
            assert _finish(impatient)["settled"] > 0
        with subtests.test("connections that are reset"):
            assert _finish(reset)["settled"] > 0
        with subtests.test("a run that gives up"):
            assert (ended.code, ended.report["counts"]["in_doubt"] > 0) == (4, True), ended.out
            assert "the same command" in ended.report["stopped"]["fix"]
            assert _finish(next_run)["settled"] > 0


def _finish(story: _Story) -> dict[str, int]:
    """Let the run end, compare its ledger with the service, and give what it did."""
    ended = story.running.wait()
    assert ended.code == 0, (ended.out, ended.err[-2000:])
    assert "Traceback" not in ended.err
    check_exactly_once(story.emulator, story.place.export(), _ROWS)
    return {name: ended.report["this_run"][name] for name in ("settled", "posts")}
