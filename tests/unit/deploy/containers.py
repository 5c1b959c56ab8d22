"""The commands of containers, as this program would take them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.cli.main import bulkconn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import click
    import pytest

ROOT: Final = Path(__file__).parents[3]


def parsed(
    words: Sequence[str], env: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> tuple[click.Command, click.Context]:
    """Parse a command line in a container's environment; click's own error where it is wrong."""
    for variable, value in env.items():
        monkeypatch.setenv(variable, value)
    group = bulkconn.make_context("bulkconn", list(words))
    name, command, rest = bulkconn.resolve_command(group, list(words))
    assert name is not None
    assert command is not None
    return command, command.make_context(name, rest, parent=group)


def unknown_settings(command: click.Command, env: Mapping[str, str], also: Sequence[str]) -> list[str]:
    """Give the variables of ours that this command does not read: misspelt, or in the wrong place."""
    known = {*also, *(one.envvar for one in command.params if isinstance(one.envvar, str))}
    return sorted(name for name in env if name.startswith("BULKCONN_") and name not in known)
