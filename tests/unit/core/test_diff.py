"""The diff of `plan --live`, and what its exit codes say."""

from __future__ import annotations

import pytest

from bulkconn.core import diff as diff_module
from bulkconn.core.diff import Change, KeySet, LiveDiff, detailed_exit_code
from bulkconn.core.errors import ExitCode
from bulkconn.core.names import EndpointKey


def made(*changes: Change) -> LiveDiff:
    """Make a diff of such rows."""
    found = LiveDiff()
    for number, change in enumerate(changes):
        found.add(change, {"key": f"k{number}"})
    return found


def test_diff_counts_every_change_and_tells_all_rows_but_the_unchanged() -> None:
    """Keys are documented and always there."""
    shown = made(Change.CREATE, Change.UNCHANGED, Change.ORPHAN, Change.CREATE).as_json()
    assert shown == {
        "create": 2,
        "adopt": 0,
        "changed": 0,
        "orphan": 1,
        "unchanged": 1,
        "unlisted": [],
        "rows": [
            {"change": "create", "key": "k0"},
            {"change": "orphan", "key": "k2"},
            {"change": "create", "key": "k3"},
        ],
    }


def test_diff_tells_no_more_rows_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size does not grow with the inventory; its counts do."""
    monkeypatch.setattr(diff_module, "SHOWN_MAX", 2)
    found = made(*[Change.CREATE] * 5)
    assert (found.counts[Change.CREATE], len(found.rows)) == (5, 2)


@pytest.mark.parametrize("change", Change, ids=str)
def test_diff_is_empty_only_if_all_is_unchanged(change: Change) -> None:
    """An orphan alone is a change too."""
    assert made(Change.UNCHANGED, change).is_empty is (change is Change.UNCHANGED)


def test_keys_are_found_again_whenever_they_were_added() -> None:
    """Looking and adding may alternate."""
    keys = KeySet()
    assert EndpointKey("a") not in keys
    for name in "cab":
        keys.add(EndpointKey(name))
    assert [EndpointKey(name) in keys for name in "abcd"] == [True, True, True, False]
    keys.add(EndpointKey("d"))
    assert EndpointKey("d") in keys
    assert EndpointKey("\ud800") not in keys


OK, UNFINISHED, CHANGES = ExitCode.OK, ExitCode.ROWS_UNFINISHED, ExitCode.USAGE
EXITS: dict[str, tuple[dict[str, int], LiveDiff | None, ExitCode, ExitCode]] = {
    "nothing": ({"created": 3}, None, OK, OK),
    "nothing-live": ({"created": 3}, made(Change.UNCHANGED), OK, OK),
    "to-create": ({"pending": 1}, None, OK, CHANGES),
    "edited": ({"changed": 1}, None, UNFINISHED, CHANGES),
    "edited-live": ({"changed": 1}, made(Change.CHANGED), UNFINISHED, CHANGES),
    "orphan": ({"created": 3}, made(Change.ORPHAN), OK, CHANGES),
    "held": ({"held": 1, "pending": 1}, None, UNFINISHED, UNFINISHED),
    "failed": ({"failed": 1}, made(Change.CREATE), UNFINISHED, UNFINISHED),
    "stopped": ({"pending": 1}, made(Change.CREATE), ExitCode.STOPPED, ExitCode.STOPPED),
    "invalid": ({"invalid": 1}, None, ExitCode.INVENTORY_INVALID, ExitCode.INVENTORY_INVALID),
}


@pytest.mark.parametrize(("counts", "diff", "usual", "code"), EXITS.values(), ids=EXITS.keys())
def test_detailed_exit_code_is_as_terraform_has_it(
    counts: dict[str, int], diff: LiveDiff | None, usual: ExitCode, code: ExitCode
) -> None:
    """0 nothing to do, 2 something to do, 1 and above: somebody must look first."""
    assert detailed_exit_code(counts, diff, usual=usual) == code
