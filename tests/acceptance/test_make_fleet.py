"""What `make fleet` shows: the compose file's own commands finish the demo though a worker is killed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.acceptance.process import ROOT, bare_environment


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_commands_of_the_compose_file_create_each_row_once_though_a_worker_is_killed() -> None:
    """PostgreSQL with a password, an emulator, a submit and three workers: nothing doubled, nothing lost."""
    command = [sys.executable, "-m", "tests.fleet"]
    env = bare_environment()
    ended = subprocess.run(
        command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=280
    )
    if ended.returncode == 2:
        pytest.skip(ended.stdout.splitlines()[0])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    said = [line.split() for line in ended.stdout.splitlines()]
    for line in (["created", "60"], ["duplicates", "0"], ["lost", "0"], ["invented", "0"]):
        assert line in said
    assert "one was killed (SIGKILL)" in ended.stdout
