"""`bulkconn run` as a process of its own: started, killed, and started again.

It gets a bare environment, so that no credential, no secret and no proxy of the user's reaches it, and a
session of its own, so that Ctrl-C reaches the rehearsal alone.
"""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import bulkconn
from bulkconn.core.outcome import Scope
from bulkconn.core.report import Stop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

#: What a Python needs to start, and to trust an emulator that speaks TLS.
_KEPT: Final = (
    *("PATH", "LANG", "LC_ALL", "TZ", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
)
#: Of what a worker says on stderr, so much is shown when it ends in an unforeseen way.
_SHOWN_BYTES: Final = 2000


class _Stopped(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    reason: str
    scope: str
    fix: str


class _Report(BaseModel):
    """What matters of the JSON value of `bulkconn run`."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    counts: dict[str, int] = Field(default_factory=dict)
    stopped: _Stopped | None = None


@dataclass(frozen=True, slots=True)
class WorkerEnd:
    """How a worker ended: its exit code (negative: the signal that killed it), and what it said."""

    code: int
    #: Rows by state; empty where it was cut off.
    counts: Mapping[str, int]
    stopped: Stop | None
    #: The end of its stderr.
    complaint: str

    @classmethod
    def of(cls, code: int, stdout: bytes, stderr: bytes) -> WorkerEnd:
        """Read what a worker left behind."""
        try:
            report = _Report.model_validate_json(stdout)
        except ValidationError:
            report = _Report()
        said = report.stopped
        return cls(
            code,
            report.counts,
            None if said is None else Stop(said.reason, Scope(said.scope), said.fix),
            stderr[-_SHOWN_BYTES:].decode("utf-8", "replace").strip(),
        )


class Worker:
    """A run on its way."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        # Read all the time: a full pipe would stop it.
        self._output = asyncio.create_task(process.communicate())

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._process.returncode is not None

    async def ends_within(self, seconds: float) -> bool:
        """Wait for the end, not longer than this, and tell whether it came."""
        done, _ = await asyncio.wait({self._output}, timeout=seconds)
        return bool(done)

    async def kill(self) -> bool:
        """Send SIGKILL and wait for the end; False if it had ended before. Safe to repeat."""
        if self.is_over:
            return False
        with suppress(ProcessLookupError):
            self._process.kill()
        await self._output
        return True

    async def end(self) -> WorkerEnd:
        """Wait for the end."""
        stdout, stderr = await asyncio.shield(self._output)
        code = self._process.returncode
        assert code is not None  # noqa: S101 - both pipes are closed and the process was waited for
        return WorkerEnd.of(code, stdout, stderr)


@asynccontextmanager
async def working(folder: Path, inventory: Path, settings: Mapping[str, str]) -> AsyncIterator[Worker]:
    """Run an inventory in a folder, in a process that does not outlive the block.

    `settings` are its environment variables. Cancel: the process is killed.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bulkconn", "run", inventory.name),
        cwd=folder,
        env=bare_environment(settings),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    worker = Worker(process)
    try:
        yield worker
    finally:
        await worker.kill()


def bare_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a worker: what any Python needs, and these settings."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    # From the worker's own folder this package is found only where it is installed.
    return {**kept, "PYTHONPATH": str(Path(bulkconn.__file__).parents[1]), "NO_PROXY": "*", **settings}
