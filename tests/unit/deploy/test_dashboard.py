"""The dashboard asks for metrics that a worker has, and shows every one of them."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from bulkconn.engine.clock import SystemClock
from bulkconn.metrics.meters import Meters
from tests.unit.deploy.containers import ROOT

DASHBOARD: Final[dict[str, Any]] = json.loads(
    (ROOT / "deploy/grafana/fleet.json").read_text(encoding="utf-8")
)
_SUFFIX: Final = re.compile(r"_(total|bucket|sum|count|created)$")


def test_dashboard_shows_each_metric_of_a_worker_and_no_other() -> None:
    """Names are the same on both sides; panels stand beside each other and have ids of their own."""
    served = re.findall(r"^# TYPE (\w+)", Meters(SystemClock()).as_text().decode(), re.MULTILINE)
    asked = {
        name
        for panel in DASHBOARD["panels"]
        for target in panel["targets"]
        for name in re.findall(r"bulkconn_\w+", target["expr"])
    }
    wanted = {_SUFFIX.sub("", name) for name in served if not name.endswith("_created")}
    assert {_SUFFIX.sub("", name) for name in asked} == wanted
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in DASHBOARD["panels"]}
    assert len(set(ids)) == len(places) == len(ids)
