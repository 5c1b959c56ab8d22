"""Emulators and workplaces, each test its own."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest

from tests.acceptance.process import EmulatorProcess, Workplace, bare_environment
from tests.fakes.postgres import fresh_schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class StartEmulator(Protocol):
    """Starts `bulkconn emulator` with these flags."""

    def __call__(self, *flags: str) -> EmulatorProcess:
        """Start it; it ends with the test."""
        ...


@pytest.fixture
def start_emulator() -> Iterator[StartEmulator]:
    """Give a function that starts emulators."""
    with ExitStack() as stack:

        def begin(*flags: str) -> EmulatorProcess:
            emulator = EmulatorProcess.start(*flags)
            stack.callback(emulator.stop)
            return emulator

        yield begin


@pytest.fixture
def emulator(start_emulator: StartEmulator) -> EmulatorProcess:
    """Give an emulator that takes 20 ms for everything."""
    return start_emulator("--latency", "0.02")


class OpenWorkplace(Protocol):
    """Opens a folder with the settings for an emulator."""

    def __call__(self, emulator: EmulatorProcess, folder: str = "", **variables: str) -> Workplace:
        """Open it, `folder` below the test's own; what was started there ends with the test."""
        ...


@pytest.fixture
def open_workplace(tmp_path: Path) -> Iterator[OpenWorkplace]:
    """Give a function that opens workplaces."""
    with ExitStack() as stack:

        def begin(emulator: EmulatorProcess, folder: str = "", **variables: str) -> Workplace:
            (tmp_path / folder).mkdir(exist_ok=True)
            place = Workplace(tmp_path / folder, {**bare_environment(), **emulator.env, **variables})
            stack.callback(place.close)
            return place

        yield begin


@pytest.fixture
def place(emulator: EmulatorProcess, open_workplace: OpenWorkplace) -> Workplace:
    """Give a workplace for the emulator of this test, at 300 requests a second and a grace of 2 s."""
    return open_workplace(emulator, BULKCONN_RATE="300", BULKCONN_SETTLE_GRACE="2", BULKCONN_OUTPUT="json")


@pytest.fixture(params=["sqlite", "postgres"])
def shared_or_not(request: pytest.FixtureRequest, place: Workplace) -> Iterator[Workplace]:
    """Give that workplace with its ledger in a file, and once more in a schema of a database."""
    if request.param == "sqlite":
        yield place
        return
    with fresh_schema() as url:
        # Whoever was killed had a request on its way for no longer than this.
        place.env |= {"BULKCONN_LEDGER": url, "BULKCONN_TIMEOUT": "2"}
        yield place


@dataclass(frozen=True)
class Disk:
    """A small file system of its own."""

    folder: Path

    def remount(self, options: str) -> None:
        """Change its size, or forbid writing."""
        _mount("-o", f"remount,{options}", str(self.folder))

    def fill(self) -> Path:
        """Write a file until nothing more fits, and give it."""
        path = self.folder / "filler"
        with path.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            for size in (65536, 4096, 1):
                with contextlib.suppress(OSError):
                    while file.write(bytes(size)) == size:
                        pass
        return path


class MountDisk(Protocol):
    """Mounts a tmpfs of so many bytes."""

    def __call__(self, size_bytes: int) -> Disk:
        """Mount it; it is gone after the test. Skips the test where mounting is not allowed."""
        ...


@pytest.fixture
def mount_disk(tmp_path: Path) -> Iterator[MountDisk]:
    """Give a function that mounts a small disk."""
    with ExitStack() as stack:

        def begin(size_bytes: int) -> Disk:
            folder = tmp_path / "disk"
            folder.mkdir()
            if shutil.which("mount") is None or not _mount(
                "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)
            ):
                pytest.skip("mounting a tmpfs takes root and a kernel that allows it")
            stack.callback(
                subprocess.run, ["umount", "--lazy", str(folder)], check=False, capture_output=True
            )
            return Disk(folder)

        yield begin


def _mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], check=False, capture_output=True).returncode == 0
