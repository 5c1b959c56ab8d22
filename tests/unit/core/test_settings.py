"""The defaults of a run are the documented ones."""

from __future__ import annotations

from bulkconn.core.plan import OnExisting, Reopen
from bulkconn.core.settings import PaceSettings, PatienceSettings, RunSettings


def test_pace_settings_default_is_ten_a_second_and_twenty_at_once() -> None:
    """`--rate` and `--concurrency`."""
    assert PaceSettings() == PaceSettings(rate_per_s=10.0, concurrency=20)


def test_patience_settings_default_is_as_documented() -> None:
    """`--max-attempts`, `--max-resends`, `--settle-grace`, `--max-wait` and `--drain`."""
    assert PatienceSettings() == PatienceSettings(
        max_attempts=5, max_resends=2, settle_grace_s=120.0, max_wait_s=300.0, drain_s=20.0
    )


def test_run_settings_as_recorded_are_named_and_hold_no_client() -> None:
    """What the ledger keeps of a run can be read by a program, and in the same order each time."""
    settings = RunSettings(reopen=Reopen(failed=True, codes=frozenset({"b", "a"})), client_id="client")
    assert settings.as_recorded() == {
        "rate_per_s": 10.0,
        "concurrency": 20,
        "max_attempts": 5,
        "max_resends": 2,
        "settle_grace_s": 120.0,
        "max_wait_s": 300.0,
        "drain_s": 20.0,
        "on_existing": "hold",
        "retry_failed": True,
        "error_codes": ["a", "b"],
        "recreate": False,
        "marker": False,
    }


def test_run_settings_default_sends_nothing_that_could_be_regretted() -> None:
    """Existing names are held, failed rows stay failed, descriptions are left alone."""
    assert RunSettings() == RunSettings(
        pace=PaceSettings(),
        patience=PatienceSettings(),
        on_existing=OnExisting.HOLD,
        reopen=Reopen(failed=False, codes=frozenset(), deleted=False),
        has_marker=False,
        client_id=None,
    )
