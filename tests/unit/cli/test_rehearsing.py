"""What a rehearsal was asked for, and the line that asks for the same again."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner

from bulkconn.cli.commands import rehearse
from bulkconn.cli.rehearsing import Asked


def asked(*words: str) -> Asked:
    """Give what a command line asks for."""
    with rehearse.make_context("rehearse", list(words)) as context:
        return Asked.of(context.params)


@pytest.mark.parametrize(
    "words",
    [
        ["a.csv", "--faults", "none", "--seed", "7"],
        ["a.csv", "b.json", "--faults", "storm", "--seed", "-1", "--rows", "50"],
        ["-", "--faults", "mild", "--seed", "0", "--emulator", "http://127.0.0.1:8080"],
        [
            *("a.csv", "--faults", "mild", "--seed", "3", "--sandbox", "dev"),
            *("--platform-cloud", "aws", "--encoding", "cp1252", "--skip-invalid"),
            "--forbid-plaintext-secrets",
        ],
    ],
    ids=["short", "sample", "by-url", "reading"],
)
def test_replay_asks_for_the_same_again(words: list[str]) -> None:
    """Who types the line that was shown gets the same rows, faults and kills."""
    command = asked(*words).as_command()
    assert command == ["bulkconn", "rehearse", *words]
    assert asked(*command[2:]) == asked(*words)


def test_replay_of_a_seed_that_was_drawn_has_it() -> None:
    """A seed that was left out is drawn anew each time, and shown."""
    drawn = [asked("a.csv") for _ in range(5)]
    assert len({one.seed for one in drawn}) > 1
    assert drawn[0].as_command()[-2:] == ["--seed", str(drawn[0].seed)]


def test_replay_of_a_signed_address_shows_no_signature() -> None:
    """What opens an inventory on the web stays in the command line of the user."""
    assert "MARK" not in " ".join(asked("https://files.example.com/a.csv?sig=MARK").as_command())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a.csv", "--faults", "worse"], "'worse' is not one of"),
        (["a.csv", "--rows", "0"], "--rows must be a whole number of at least 1; found '0'"),
        ([], "Missing argument 'INVENTORY...'"),
    ],
)
def test_rehearsal_of_nonsense_is_refused(words: list[str], message: str) -> None:
    """The command line is read before anything is."""
    result: Any = CliRunner().invoke(rehearse, words)
    assert result.exit_code != 0
    assert message in f"{result.output} {result.exception}"
