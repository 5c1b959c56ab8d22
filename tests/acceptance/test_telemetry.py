"""`--otel` against an OTLP receiver on loopback, and against none."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.otlp import receiver
from tests.acceptance.process import ROOT, Workplace

if TYPE_CHECKING:
    from tests.acceptance.conftest import OpenWorkplace
    from tests.acceptance.process import EmulatorProcess

_FAST = ("--rate", "200", "--settle-grace", "2")


@pytest.fixture
def workplace(open_workplace: OpenWorkplace, emulator: EmulatorProcess) -> Workplace:
    """Give a workplace."""
    return open_workplace(emulator)


def test_run_sends_a_span_a_row_and_its_numbers(workplace: Workplace) -> None:
    """By the standard variables: endpoint, headers, name of the service. No secret leaves."""
    workplace.inventory(25)
    with receiver() as collector:
        ended = workplace.run(
            *("run", "inventory.csv", *_FAST, "--otel"),
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_HEADERS="x-tenant=blue",
            OTEL_SERVICE_NAME="onboarding",
        )
    assert ended.code == 0, ended.err
    names = Counter(span.name for span in collector.spans())
    assert names["row"] == names["attempt"] == 25
    assert names["bulkconn run"] == 1
    metrics = {one.name: one for one in collector.metrics()}
    (point,) = metrics["bulkconn.rows"].sum.data_points
    assert point.as_int == 25
    assert {"bulkconn.request.duration", "bulkconn.pace"} <= metrics.keys()
    sent = b"".join(body for _, body in collector.bodies)
    assert b"onboarding" in sent
    assert b"pa55-in-tests" not in sent
    assert b"Bearer" not in sent
    assert {one["x-tenant"] for one in collector.headers} == {"blue"}
    assert "telemetry.failed" not in ended.err


def test_receiver_that_is_down_is_one_warning(workplace: Workplace) -> None:
    """The run, its report and its exit code are what they are without; the end does not wait for long."""
    workplace.inventory(10)
    with receiver() as collector:
        url = collector.url
    ended = workplace.run(
        "run", "inventory.csv", *_FAST, "--otel", "--output", "json", OTEL_EXPORTER_OTLP_ENDPOINT=url
    )
    assert ended.code == 0
    assert ended.report["counts"]["created"] == 10
    assert ended.err.count('"telemetry.failed"') == 1
    assert "Traceback" not in ended.err


def test_exporters_may_be_switched_off(workplace: Workplace) -> None:
    """Traces only: no metric leaves."""
    workplace.inventory(2)
    with receiver() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_METRICS_EXPORTER": "none"}
        assert workplace.run("run", "inventory.csv", *_FAST, BULKCONN_OTEL="1", **variables).code == 0
    assert {path for path, _ in collector.bodies} == {"/v1/traces"}


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_TRACES_EXPORTER": "zipkin"}],
    ids=["protocol", "exporter"],
)
def test_variables_that_ask_for_what_is_not_here_are_refused(
    workplace: Workplace, emulator: EmulatorProcess, variables: dict[str, str]
) -> None:
    """Before anything is sent, with the variable to mend."""
    workplace.inventory(2)
    ended = workplace.run("run", "inventory.csv", "--otel", **variables)
    assert ended.code == 2
    assert f"fix: set {next(iter(variables))}" in ended.err
    assert emulator.counts()["posts"] == 0


def test_missing_extra_is_named(workplace: Workplace, emulator: EmulatorProcess) -> None:
    """What to install, before anything is sent; without --otel nothing of it is missed."""
    workplace.inventory(2)
    without = workplace.folder / "without"
    without.joinpath("opentelemetry").mkdir(parents=True)
    without.joinpath("opentelemetry/__init__.py").write_text("raise ImportError('not here')\n")
    path = f"{without}:{ROOT}"
    ended = workplace.run("run", "inventory.csv", "--otel", PYTHONPATH=path)
    assert ended.code == 2
    assert "pip install 'bulkconn[otel]'" in ended.err
    assert emulator.counts()["posts"] == 0
    assert workplace.run("run", "inventory.csv", *_FAST, PYTHONPATH=path).code == 0
