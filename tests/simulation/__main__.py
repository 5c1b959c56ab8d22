"""`python -m tests.simulation --seeds 2000`: play many seeds on all cores; `--seed N --trace` replays one."""

from __future__ import annotations

import argparse
import gc
import multiprocessing
import os
import sys
import time
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.fleet.story import simulate_fleet
from tests.simulation.scenario import ROWS, Verdict, simulate
from tests.simulation.upkeep.story import simulate_upkeep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_CHUNK = 25
#: Of so many seeds one is a fleet's, and one of upkeep.
_FLEET_EACH = 4
_UPKEEP_EACH = 10


def is_fleets(seed: int) -> bool:
    """Tell whether a seed is played by a fleet where both kinds are."""
    return seed % _FLEET_EACH == _FLEET_EACH - 1


def is_upkeeps(seed: int) -> bool:
    """Tell whether a seed is of rollback, rotation or dedupe where all kinds are played."""
    return seed % _UPKEEP_EACH == 0


def judge(
    seed: int, *, on_file: bool = False, fleet: bool | None = None, upkeep: bool | None = None
) -> Verdict:
    """Play one seed; what the engine did not catch is a fault like any other.

    `fleet` says whether a fleet plays it, `upkeep` whether it is of rollback, rotation or dedupe; None lets
    one seed of four be a fleet's, and where that is not said either one of ten be of upkeep.
    """
    began_s = time.process_time()
    if upkeep is None:
        upkeep = fleet is None and is_upkeeps(seed) and not on_file
    if fleet is None:
        fleet = is_fleets(seed) and not on_file
    try:
        if upkeep:
            verdict = simulate_upkeep(seed)
        else:
            verdict = simulate_fleet(seed) if fleet else simulate(seed, on_file=on_file)
    except Exception as error:  # noqa: BLE001 - a defect of ours, to be told with its seed
        verdict = Verdict(seed, faults=[f"{type(error).__name__}: {error}"])
    verdict.cpu_s, verdict.is_fleet, verdict.is_upkeep = time.process_time() - began_s, fleet, upkeep
    return verdict


def judge_all(seeds: Sequence[int], jobs: int, play: Callable[[int], Verdict]) -> Iterator[Verdict]:
    """Play seeds on several cores, in any order."""
    gc.collect()
    gc.freeze()
    if jobs <= 1:
        yield from map(play, seeds)
        return
    with multiprocessing.get_context("fork").Pool(jobs) as pool:
        yield from pool.imap_unordered(play, seeds, chunksize=_CHUNK)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what the command line asks for; 1 if a seed failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many seeds to play (default 2000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default 0)")
    parser.add_argument("--seed", type=int, help="play this one seed alone")
    parser.add_argument("--on-file", action="store_true", help="over real ledger files, which can be torn")
    parser.add_argument("--fleet", action="store_true", help="every seed by a fleet, not one of four")
    parser.add_argument("--alone", action="store_true", help="every seed by single processes")
    parser.add_argument("--upkeep", action="store_true", help="every seed of rollback, rotation or dedupe")
    parser.add_argument("--trace", action="store_true", help="with --seed: tell everything that happens")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: cores)")
    asked = parser.parse_args(arguments)
    fleet = True if asked.fleet else False if asked.alone or asked.on_file else None
    upkeep = True if asked.upkeep else None
    if asked.seed is not None:
        if upkeep or (fleet is None and is_upkeeps(asked.seed)):
            return _tell(simulate_upkeep(asked.seed, trace=_say if asked.trace else None))
        return _replay(asked.seed, on_file=asked.on_file, fleet=fleet, is_traced=asked.trace)
    began_s = time.perf_counter()
    seeds = range(asked.first, asked.first + asked.seeds)
    failed = posts = crashes = runs = twins = within = fleets = 0
    longest_s = cpu_s = 0.0
    met: Counter[str] = Counter()
    play = partial(judge, on_file=asked.on_file, fleet=fleet, upkeep=upkeep)
    for verdict in judge_all(seeds, asked.jobs, play):
        met += verdict.met
        posts, crashes, runs = posts + verdict.posts, crashes + verdict.crashes, runs + verdict.runs
        twins, within = twins + verdict.twins, within + verdict.is_within
        fleets += verdict.is_fleet
        longest_s, cpu_s = max(longest_s, verdict.longest_s), cpu_s + verdict.cpu_s
        if verdict.faults:
            failed += 1
            _say(f"seed {verdict.seed} FAILED: {'; '.join(verdict.faults)}")
            kind = "upkeep" if verdict.is_upkeep else "fleet" if verdict.is_fleet else "alone"
            kind = "on-file" if asked.on_file else kind
            _say(f"  replay: python -m tests.simulation --seed {verdict.seed} --{kind} --trace")
    seconds = time.perf_counter() - began_s
    _say(
        f"{asked.seeds} seeds ({within} within the assumption, {fleets} of fleets) of {ROWS} rows, "
        f"{failed} failed; {runs} runs, {crashes} crashes, {posts} POSTs, {twins} twins; "
        f"longest run {longest_s:.0f} virtual seconds; "
        f"{asked.seeds / seconds:.0f} seeds/s, {asked.seeds / cpu_s:.0f} in a second of a core's own time"
    )
    _say("met: " + ", ".join(f"{what} {times}" for what, times in sorted(met.items())))
    return 1 if failed else 0


def _replay(seed: int, *, on_file: bool, fleet: bool | None, is_traced: bool) -> int:
    trace = _say if is_traced else None
    if fleet or (fleet is None and is_fleets(seed)):
        verdict = simulate_fleet(seed, trace=trace)
    else:
        verdict = simulate(seed, on_file=on_file, trace=trace)
    return _tell(verdict)


def _tell(verdict: Verdict) -> int:
    _say(f"seed {verdict.seed}: {'; '.join(verdict.faults) or 'nothing wrong'}")
    return 1 if verdict.faults else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
