"""Logs go to stderr, with fixed keys, and never with a secret."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
import structlog

from bulkconn.cli.logs import MASK, SECRET_KEYS, configure_logs, redact_secrets
from bulkconn.core.columns import snake_case
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def _structlog_put_back() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def test_redaction_knows_every_secret_of_every_source() -> None:
    """A source's secret is masked by the name of its parameter, its snake_case and its part of a string."""
    names = {what.name for source in ALL for auth in source.auths for what in auth.parameters if what.secret}
    parts = {part for source in ALL for auth in source.auths for part in auth.string_parts if part.secret}
    wanted = (
        {name.lower() for name in names}
        | {snake_case(name) for name in names}
        | {part.column for part in parts}
    )
    assert wanted <= SECRET_KEYS


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
