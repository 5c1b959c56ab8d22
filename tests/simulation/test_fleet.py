"""Workers that share a ledger: a hundred seeds in every test run, as many as you like by `--fleet`."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import judge
from tests.simulation.fleet.server import in_sqlite
from tests.simulation.fleet.story import simulate_fleet

_CHUNK = 25


@pytest.mark.parametrize("first", range(0, 100, _CHUNK))
def test_seeds_of_fleets_break_no_invariant(first: int) -> None:
    """Whoever is killed, stalled or cut off: nothing is created twice, lost, or sent without a lease."""
    verdicts = [judge(seed, fleet=True) for seed in range(first, first + _CHUNK)]
    failed = [verdict for verdict in verdicts if verdict.faults]
    assert not failed, "\n".join(
        f"python -m tests.simulation --seed {verdict.seed} --fleet --trace  # {'; '.join(verdict.faults)}"
        for verdict in failed
    )
    met = {what for verdict in verdicts for what in +verdict.met}
    assert {
        "worker killed",
        "worker stalled",
        "cut off from the database",
        "COMMITs without an answer",
        "two runs at a time",
    } <= met
    assert "log: shard.lost" in met


def test_seeds_of_fleets_meet_answers_that_come_after_the_lease() -> None:
    """The world is rough enough: a worker that lost its shard hears of a connection all the same."""
    verdicts = [judge(seed, fleet=True) for seed in range(50, 100)]
    assert sum(verdict.met["answers kept that came late"] for verdict in verdicts)


@pytest.mark.parametrize("seed", [1, 7, 58])
def test_seed_of_a_fleet_played_twice_tells_the_same_story(seed: int) -> None:
    """A failing seed can be replayed: the same number gives the same trace, threads or not."""
    first: list[str] = []
    second: list[str] = []
    simulate_fleet(seed, trace=first.append)
    simulate_fleet(seed, trace=second.append)
    assert first == second


@pytest.mark.parametrize(
    ("sql", "plain"),
    [
        ("SELECT extract(epoch FROM until - clock_timestamp())", "SELECT (until - clock_timestamp())"),
        ("until = clock_timestamp() + make_interval(secs => ?)", "until = clock_timestamp() + (?)"),
        ("WHERE until > '-infinity' FOR UPDATE", "WHERE until > -1e18 "),
        ("greatest(next_at, least(%(ceiling)s, 1))", "max(next_at, min(:ceiling, 1))"),
    ],
)
def test_statement_is_translated_to_sqlite(sql: str, plain: str) -> None:
    """Where the dialects differ the meaning stays."""
    assert in_sqlite(sql).sql == plain
