"""Sending traces and metrics by OTLP over HTTP; an exporter in trouble is one warning and no more."""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from bulkconn import __version__
from bulkconn.core.errors import UsageError
from bulkconn.telemetry.numbers import Numbers
from bulkconn.telemetry.spans import Spans

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from bulkconn.core.protocols import Clock, Listener

#: Seconds at the end for what was not sent yet.
_LAST_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.02
_PROTOCOL: Final = "http/protobuf"


class _Complaints(logging.Handler):
    """Takes what the SDK logs: the first is told by its source alone, for a text may hold an address."""

    def __init__(self, on_trouble: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._on_trouble: Callable[[str], None] | None = on_trouble

    def emit(self, record: logging.LogRecord) -> None:
        """Tell the first."""
        tell, self._on_trouble = self._on_trouble, None
        if tell is not None:
            tell(record.name)


@asynccontextmanager
async def exporting(clock: Clock, on_trouble: Callable[[str], None]) -> AsyncIterator[tuple[Listener, ...]]:
    """Give the listeners that make traces and metrics, for the length of the block.

    `on_trouble` is called once, on any thread, when the exporter or the SDK complains.

    Raises:
        UsageError: the variables ask for what is not here.
    """
    _check_environment()
    logger = logging.getLogger("opentelemetry")
    handler, propagates = _Complaints(on_trouble), logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    resource = Resource.create(_resource())
    providers: list[Any] = []
    listeners: list[Listener] = []
    spans = None
    if _exporter("TRACES") == "otlp":
        tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        spans = Spans(tracers.get_tracer("bulkconn", __version__))
        providers.append(tracers)
        listeners.append(spans)
    if _exporter("METRICS") == "otlp":
        reader = PeriodicExportingMetricReader(OTLPMetricExporter())
        meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        providers.append(meters)
        listeners.append(Numbers(meters.get_meter("bulkconn", __version__)))
    try:
        yield tuple(listeners)
    finally:
        if spans is not None:
            spans.close(clock.now())
        await _shut_down(providers, clock)
        logger.removeHandler(handler)
        logger.propagate = propagates


async def _shut_down(providers: list[Any], clock: Clock) -> None:
    """Send what is left; a receiver that is down or slow is not waited for any longer than a few seconds."""
    threads = [threading.Thread(target=one.shutdown, daemon=True) for one in providers]
    until_s = clock.elapsed_s() + _LAST_S
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) and clock.elapsed_s() < until_s:  # noqa: ASYNC110 - threads
        await asyncio.sleep(_LOOK_EVERY_S)


def _check_environment() -> None:
    for name in ("", "TRACES_", "METRICS_"):
        variable = f"OTEL_EXPORTER_OTLP_{name}PROTOCOL"
        if os.environ.get(variable, "").strip().lower() not in {"", _PROTOCOL}:
            raise UsageError(
                f"{variable} asks for another protocol than {_PROTOCOL}, which is the only one here",
                fix=f"set {variable}={_PROTOCOL}, and the endpoint to the collector's HTTP port (4318)",
            )
    for signal in ("TRACES", "METRICS"):
        if _exporter(signal) not in {"otlp", "none"}:
            raise UsageError(
                f"OTEL_{signal}_EXPORTER names an exporter that is not here",
                fix=f"set OTEL_{signal}_EXPORTER to otlp or none, or leave it out",
            )


def _exporter(signal: str) -> str:
    return os.environ.get(f"OTEL_{signal}_EXPORTER", "").strip().lower() or "otlp"


def _resource() -> dict[str, str]:
    """Give what this process is; the service's name where the environment names none."""
    said = os.environ.get("OTEL_SERVICE_NAME") or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )
    name = {} if said else {"service.name": "bulkconn"}
    return {**name, "service.version": __version__}
