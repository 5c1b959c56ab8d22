"""What private servers have in common: a folder, a port, a process that is not root's."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

#: Longer than any server takes to start, on a slow machine too.
_PATIENCE_S = 60.0


def free_port() -> int:
    """Give a TCP port on which nobody listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def find_program(*names: str, beside: Sequence[Path] = ()) -> Path | None:
    """Give the first of these programs, on the PATH or in these folders; None where there is none."""
    for name in names:
        found = shutil.which(name) or next((str(one / name) for one in beside if (one / name).exists()), None)
        if found is not None:
            return Path(found).resolve()
    return None


def unprivileged() -> str | None:
    """Give a user to run a server as, where this one is root, whom servers refuse; else None."""
    if os.geteuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "mysql", "nobody") if name in users)


@contextmanager
def own_folder() -> Iterator[Path]:
    """Give a folder that belongs to `unprivileged()`; pytest's own folders let nobody else in."""
    folder = Path(tempfile.mkdtemp(prefix="bulkconn-server-"))
    give_away(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def give_away(*paths: Path) -> None:
    """Let files belong to the user that the server runs as."""
    user = unprivileged()
    if user is not None:
        for path in paths:
            shutil.chown(path, user=user, group=pwd.getpwnam(user).pw_gid)


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    is_ready: Callable[[], bool],
    *,
    end: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    """Run a server until the block ends, by this signal.

    Raises:
        RuntimeError: it ended at once, or was not ready in time; with the end of its log.
    """
    user = unprivileged()
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            user=user, group=pwd.getpwnam(user).pw_gid if user else None,
            extra_groups=[] if user else None, cwd=log.parent,
        )  # fmt: skip
    try:
        until = time.monotonic() + _PATIENCE_S
        while not is_ready():
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text(errors="replace")[-2000:])
            time.sleep(0.02)
        yield
    finally:
        process.send_signal(end)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def do(command: Sequence[str | Path], folder: Path) -> None:
    """Run a command of a server's to its end, as its user."""
    user = unprivileged()
    done = subprocess.run(
        list(map(str, command)), cwd=folder, capture_output=True, check=False, timeout=_PATIENCE_S,
        user=user, group=pwd.getpwnam(user).pw_gid if user else None, extra_groups=[] if user else None,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError((done.stdout + done.stderr).decode(errors="replace")[-2000:])
