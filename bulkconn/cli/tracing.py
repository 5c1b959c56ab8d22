"""`--otel`: traces and metrics by OpenTelemetry, while a command works."""

from __future__ import annotations

import importlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from bulkconn.cli.given import Given
    from bulkconn.core.protocols import Listener
    from bulkconn.engine.context import World


@asynccontextmanager
async def tracing(given: Given, world: World) -> AsyncIterator[Sequence[Listener]]:
    """Give the listeners that make traces and metrics, if they were asked for.

    Raises:
        UsageError: the packages are not installed, or the variables ask for what is not there.
    """
    if not given.is_on("otel"):
        yield ()
        return
    try:
        importlib.import_module("opentelemetry.exporter.otlp.proto.http")
        importlib.import_module("opentelemetry.sdk")
    except ImportError as error:
        raise UsageError(
            "--otel needs the packages of OpenTelemetry, which are not installed",
            fix="pip install 'bulkconn[otel]', or leave --otel (BULKCONN_OTEL) out",
        ) from error
    from bulkconn.telemetry.export import exporting  # noqa: PLC0415 - an extra that may be missing

    def on_trouble(source: str) -> None:
        world.log.warning("telemetry.failed", source=source, reason="see what the OTEL_* variables name")

    async with exporting(world.clock, on_trouble) as listeners:
        yield listeners
