"""What all tests share: real servers, and aioresponses made to work with the aiohttp that we require."""

from __future__ import annotations

import compileall
import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import aioresponses.core
from hypothesis import settings

# pytest finds fixtures by their names here; none of these starts a server before a test asks for it.
from tests.servers.fixtures import (  # noqa: F401 - see above
    certificates,
    mariadb,
    mariadb_without_tls,
    postgres,
    postgres_without_tls,
)

if TYPE_CHECKING:
    import pytest


# A machine may stop for a second at any moment: how long an example takes proves nothing.
settings.register_profile("bulkconn", deadline=None)
settings.load_profile("bulkconn")


def pytest_configure(config: pytest.Config) -> None:
    """Compile the package: a thousand processes are started here, and none of them may write byte code."""
    if not hasattr(config, "workerinput"):
        compileall.compile_dir(Path(__file__).parents[1] / "bulkconn", quiet=2)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the slow tests begin first, then what starts processes: short ones fill the time beside them."""
    items.sort(
        key=lambda item: (item.get_closest_marker("slow") is None, "acceptance" not in item.path.parts)
    )


class _Response(aiohttp.ClientResponse):
    """A response as aioresponses builds it, which does not know of `stream_writer` yet (its issue 289)."""

    def __init__(self, *args: Any, **named: Any) -> None:
        named.setdefault("stream_writer", SimpleNamespace(output_size=0))
        super().__init__(*args, **named)


if "stream_writer" in inspect.signature(aiohttp.ClientResponse.__init__).parameters:
    # The package exports nothing in so many words, and replacing this name is the whole point.
    aioresponses.core.ClientResponse = _Response  # type: ignore[attr-defined]
