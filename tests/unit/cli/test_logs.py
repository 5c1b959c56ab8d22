"""Logs go to stderr, with fixed keys, and never with a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import structlog

from bulkconn.cli.logs import MASK, SECRET_KEYS, configure_logs, redact_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _structlog_put_back() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("key", sorted(SECRET_KEYS))
def test_redaction_of_a_secret_key_masks_its_value(key: str) -> None:
    """The second lock: whoever logs a secret by its key logs a mask."""
    event = redact_secrets(None, "info", {key.title(): "s3cret", "more": {key: "s3cret"}, "status": 201})
    assert event == {key.title(): MASK, "more": {key: MASK}, "status": 201}


def test_logs_as_json_are_one_object_a_line_on_stderr(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """Programs read JSON lines; stdout stays clean."""
    log = configure_logs("json", "info")
    log.info("row.created", endpoint_key="k", password="s3cret")
    log.debug("row.unseen")
    out, err = capfdbinary.readouterr()
    assert out == b""
    line = json.loads(err)
    assert line["event"] == "row.created"
    assert line["endpoint_key"] == "k"
    assert line["password"] == MASK


def test_logs_for_people_show_event_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    """A console line is readable, and as silent about secrets."""
    configure_logs("console", "debug").debug("gate.closed", wait_s=2.0, authorization="Bearer s3cret")
    err = capsys.readouterr().err
    assert "gate.closed" in err
    assert "wait_s=2.0" in err
    assert "s3cret" not in err
