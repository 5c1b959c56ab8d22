"""Spans and numbers of real runs against the emulator, kept in memory."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bulkconn.emulator import EmulatorSettings, FaultPlan
from bulkconn.engine.audience import Audience
from bulkconn.telemetry.numbers import Numbers
from bulkconn.telemetry.spans import Spans
from tests.fakes.bench import Bench, endpoint, endpoints

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from opentelemetry.sdk.trace import ReadableSpan


class Memory:
    """Listeners whose spans and numbers stay here."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        tracers = TracerProvider(shutdown_on_exit=False)
        tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.spans = Spans(tracers.get_tracer("test"))
        self.reader = InMemoryMetricReader()
        meters = MeterProvider([self.reader], shutdown_on_exit=False)
        self.audience = Audience(structlog.get_logger())
        self.audience.add(self.spans)
        self.audience.add(Numbers(meters.get_meter("test")))

    def rows(self) -> dict[str, ReadableSpan]:
        """Give the spans of rows by the rows' names."""
        return {str(said(one)["bulkconn.row.name"]): one for one in self.named("row")}

    def named(self, name: str) -> list[ReadableSpan]:
        """Give the ended spans of a name."""
        return [one for one in self.exporter.get_finished_spans() if one.name == name]

    def children(self, parent: ReadableSpan) -> list[ReadableSpan]:
        """Give the spans below a span, in the order in which they began."""
        own = parent.get_span_context()
        assert own is not None
        found = [
            one
            for one in self.exporter.get_finished_spans()
            if one.parent is not None and one.parent.span_id == own.span_id
        ]
        return sorted(found, key=lambda one: one.start_time or 0)

    def points(self) -> dict[tuple[str, ...], Any]:
        """Give the numbers by name and attributes."""
        data = self.reader.get_metrics_data()
        assert data is not None
        return {
            (metric.name, *(str(value) for value in (point.attributes or {}).values())): point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            for point in metric.data.data_points
        }


def said(span: ReadableSpan) -> dict[str, Any]:
    """Give a span's attributes."""
    return dict(span.attributes or {})


async def test_each_row_is_a_span_with_its_attempts_below(tmp_path: Path) -> None:
    """A row that nothing befell has one attempt; each row is a trace of its own, linked to the run's."""
    memory = Memory()
    async with Bench(tmp_path, listener=memory.audience) as bench:
        await bench.onboard(endpoints(12))
        memory.spans.close(bench.clock.now())
    rows = memory.rows()
    assert len(rows) == 12
    (run,) = memory.named("bulkconn run")
    for span in rows.values():
        posts = [one for one in memory.children(span) if one.name == "attempt"]
        assert [said(one)["http.response.status_code"] for one in posts] == [201]
        assert said(posts[0])["http.request.method"] == "POST"
        assert said(span)["bulkconn.state"] == "created"
        assert said(span)["bulkconn.connection_id"]
        assert span.status.status_code is not StatusCode.ERROR
        assert span.parent is None
        assert [one.context.span_id for one in span.links] == [run.context.span_id]
        assert span.start_time <= posts[0].start_time <= posts[0].end_time <= span.end_time  # type: ignore[operator]
    assert len({one.context.trace_id for one in rows.values()}) == 12


async def test_row_that_is_in_doubt_stays_open_until_a_lookup_finds_it(tmp_path: Path) -> None:
    """Its span has the attempt without an answer, the doubt, and the lookups that ended it."""
    memory = Memory()
    plan = FaultPlan.model_validate({"by_name": {"db-0002": ["reset_after_create"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan), listener=memory.audience) as bench:
        await bench.onboard(endpoints(3))
    span = memory.rows()["db-0002"]
    kinds = [(one.name, said(one).get("error.type")) for one in memory.children(span)]
    assert ("attempt", "maybe_processed") in kinds
    assert ("lookup", None) in kinds[kinds.index(("attempt", "maybe_processed")) :]
    assert [event.name for event in span.events] == ["in doubt"]
    assert said(span)["bulkconn.state"] == "created"


async def test_refused_and_held_rows_end_in_error_with_their_codes(tmp_path: Path) -> None:
    """Why is said as the ledger says it; the row's password is nowhere."""
    memory = Memory()
    plan = FaultPlan.model_validate({"by_name": {"db-0001": ["status_500_before"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan), listener=memory.audience) as bench:
        await bench.onboard([*endpoints(2), endpoint("odd", password="s3cret-in-tests")], max_resends=0)
        # Another ledger does not know that these connections are its own.
        bench.folder = tmp_path / "second"
        bench.folder.mkdir()
        await bench.onboard(endpoints(2)[1:])
    text = " ".join(one.to_json() for one in memory.exporter.get_finished_spans())
    assert "s3cret-in-tests" not in text
    assert "pa55-in-tests" not in text
    held = [one for one in memory.named("row") if said(one).get("bulkconn.state") == "held"]
    assert [said(one)["bulkconn.error_code"] for one in held] == ["name_exists"]
    assert held[0].status.status_code is StatusCode.ERROR
    (failed,) = [one for one in memory.named("row") if said(one).get("bulkconn.state") == "failed"]
    assert said(failed)["bulkconn.error_code"] == "resends_exhausted"
    assert "no lookup shows a connection" in (failed.status.description or "")


async def test_what_is_open_at_the_end_is_ended(tmp_path: Path) -> None:
    """A row that this run leaves in doubt has a span too; closing again ends nothing twice."""
    memory = Memory()
    plan = FaultPlan.model_validate({"by_name": {"db-0001": ["reset_before"]}})
    async with Bench(tmp_path, EmulatorSettings(faults=plan), listener=memory.audience) as bench:
        report = await bench.onboard(endpoints(2), settle_grace_s=None)
        memory.spans.close(bench.clock.now(), exit_code=int(report.exit_code))
        memory.spans.close(bench.clock.now())
    assert report.counts["in_doubt"] == 1
    span = memory.rows()["db-0001"]
    assert said(span)["bulkconn.state"] == "in_doubt"
    (run,) = memory.named("bulkconn run")
    assert said(run)["bulkconn.exit_code"] == 1
    assert run.status.status_code is StatusCode.ERROR


async def test_numbers_agree_with_the_report(tmp_path: Path) -> None:
    """Rows by outcome, requests by kind, and no name of a row among the attributes."""
    memory = Memory()
    faults = FaultPlan.model_validate({"chances": {"status_429": 0.1}})
    async with Bench(tmp_path, EmulatorSettings(faults=faults, seed=3), listener=memory.audience) as bench:
        report = await bench.onboard(endpoints(40))
    points = memory.points()
    assert points["bulkconn.rows", "created"].value == report.counts["created"] == 40
    requests = Counter[str]()
    for (name, *words), point in points.items():
        if name == "bulkconn.request.duration":
            requests[words[0]] += point.count
    assert requests == {"post": report.this_run.posts, "lookup": report.this_run.lookups}
    assert points["bulkconn.gate.closed",].value > 0
    assert points["bulkconn.pace", "ceiling"].value == 500
    assert not [words for words in points if any("db-00" in word for word in words)]


class Broken:
    """A listener with a defect."""

    hears_rows = True

    def hear(self, *_: object) -> None:
        """Fail."""
        raise ValueError("s3cret")


async def test_listener_that_fails_is_sent_away_and_the_run_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The others hear on; what it said is not repeated."""
    memory = Memory()
    memory.audience.add(Broken())
    async with Bench(tmp_path, listener=memory.audience) as bench:
        report = await bench.onboard(endpoints(5))
    assert report.exit_code == 0
    assert len(memory.rows()) == 5
    shown = capsys.readouterr()
    assert (shown.out + shown.err).count("listener.failed") == 1
    assert "s3cret" not in shown.out + shown.err
