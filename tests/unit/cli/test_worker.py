"""What a rehearsal's worker gets, and how its end is read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from bulkconn.cli.conducting import WorkerFailed
from bulkconn.cli.worker import WorkerEnd, bare_environment, working
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Stop

if TYPE_CHECKING:
    from pathlib import Path


def test_environment_of_a_worker_holds_nothing_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets, credentials and proxies stay outside; what a Python needs gets in."""
    for name in ("PG_PASSWORD", "BULKCONN_CLIENT_SECRET", "HTTPS_PROXY", "AWS_SECRET_ACCESS_KEY", "HOME"):
        monkeypatch.setenv(name, "of-the-user")
    monkeypatch.setenv("PATH", "/bin")
    env = bare_environment({"BULKCONN_RATE": "50"})
    assert "of-the-user" not in env.values()
    assert (env["PATH"], env["BULKCONN_RATE"], env["NO_PROXY"]) == ("/bin", "50", "*")


STOPPED = {"reason": "403: not permitted", "scope": "sandbox", "fix": "ask for it"}


def test_end_of_a_worker_is_read_from_its_report() -> None:
    """Counts and the reason of a stop are what the rehearsal goes by."""
    report = {"counts": {"created": 3, "pending": 1}, "stopped": STOPPED, "anything": "else"}
    end = WorkerEnd.of(4, json.dumps(report).encode(), b"")
    assert (end.code, end.counts) == (4, {"created": 3, "pending": 1})
    assert end.stopped == Stop("403: not permitted", Scope.SANDBOX, "ask for it")


@pytest.mark.parametrize("stdout", [b"", b"{", b"[]", b'{"counts": 3}'])
def test_end_of_a_worker_that_says_nothing_sensible_is_its_code_alone(stdout: bytes) -> None:
    """A process that was shot down has no report."""
    end = WorkerEnd.of(-9, stdout, b"  last words \xff")
    assert (end.counts, end.stopped, end.complaint) == ({}, None, "last words \ufffd")


@pytest.mark.parametrize(
    ("end", "code", "message", "fix"),
    [
        pytest.param(
            WorkerEnd(5, {}, Stop("the disk is full", Scope.RUN, "give --ledger another path"), ""),
            ExitCode.LEDGER,
            "the rehearsal's worker ended with exit code 5: the disk is full",
            "let TMPDIR name a folder",
            id="disk",
        ),
        pytest.param(
            WorkerEnd(3, {}, None, "words"),
            ExitCode.ROWS_UNFINISHED,
            "the rehearsal's worker ended with exit code 3: words",
            "please report it",
            id="defect",
        ),
        pytest.param(
            WorkerEnd(2, {}, None, ""), ExitCode.ROWS_UNFINISHED, "said nothing", "please report", id="silent"
        ),
    ],
)
def test_worker_that_fails_for_no_fault_of_a_service_ends_the_rehearsal(
    end: WorkerEnd, code: ExitCode, message: str, fix: str
) -> None:
    """The remedy is the rehearsal's, not that of a run whose ledger the user chose."""
    failed = WorkerFailed(end)
    assert failed.exit_code is code
    assert message in str(failed)
    assert fix in failed.fix


async def test_worker_does_not_outlive_its_block(tmp_path: Path) -> None:
    """Whatever ends the block ends the process, and killing it twice is no fault."""
    inventory = tmp_path / "none.jsonl"
    async with working(tmp_path, inventory, {}) as worker:
        assert await worker.kill()
        assert worker.is_over
        assert not await worker.kill()
        assert (await worker.end()).code == -9
    with pytest.raises(RuntimeError, match="meanwhile"):
        await _fail_inside(tmp_path, inventory)


async def _fail_inside(folder: Path, inventory: Path) -> None:
    async with working(folder, inventory, {}):
        raise RuntimeError("meanwhile")


async def test_worker_without_an_inventory_says_so(tmp_path: Path) -> None:
    """A worker is the real program: it ends as `bulkconn run` does."""
    async with working(tmp_path, tmp_path / "none.jsonl", {"BULKCONN_OUTPUT": "json"}) as worker:
        end = await worker.end()
    assert end.code == 2
    assert end.stopped is not None
    assert worker.is_over
