"""The configuration file of Adobe's Python client is read, and no value of it shown in an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from bulkconn.core.errors import UsageError
from bulkconn.flowservice import AdobeConfig, read_adobe_config
from tests.integration.flowservice.values import CLIENT_SECRET

if TYPE_CHECKING:
    from pathlib import Path

WHOLE: dict[str, object] = {
    "org_id": "ORG@AdobeOrg",
    "client_id": "client-1",
    "secret": CLIENT_SECRET,
    "sandbox-name": "prod",
    "scopes": "openid,AdobeID",
    "environment": "prod",
}


def written(tmp_path: Path, content: object) -> Path:
    """Write a configuration file."""
    path = tmp_path / "config.json"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_read_adobe_config_whole_file_gives_its_values(tmp_path: Path) -> None:
    """Known keys are read, unknown ones left alone, the secret is wrapped."""
    config = read_adobe_config(written(tmp_path, WHOLE))
    assert config == AdobeConfig(
        org_id="ORG@AdobeOrg",
        client_id="client-1",
        secret=SecretStr(CLIENT_SECRET),
        scopes="openid,AdobeID",
        sandbox_name="prod",
    )
    assert CLIENT_SECRET not in repr(config)


@pytest.mark.parametrize(
    "sandbox", [{}, {"sandbox-name": ""}, {"sandbox-name": None}], ids=["absent", "empty", "null"]
)
def test_read_adobe_config_without_sandbox_names_none(tmp_path: Path, sandbox: dict[str, object]) -> None:
    """The sandbox may come from elsewhere; blanks, a BOM and a list of scopes are fine."""
    content = {key: value for key, value in WHOLE.items() if key != "sandbox-name"} | sandbox
    content |= {"scopes": ["openid", "AdobeID"], "client_id": " client-1 "}
    config = read_adobe_config(written(tmp_path, b"\xef\xbb\xbf" + json.dumps(content).encode()))
    assert (config.sandbox_name, config.scopes, config.client_id) == (None, "openid,AdobeID", "client-1")


BAD: dict[str, tuple[object, str]] = {
    "missing-keys": ({"org_id": "o"}, "missing client_id, secret, scopes"),
    "empty-value": (WHOLE | {"org_id": " "}, "org_id is empty or not text"),
    "number": (WHOLE | {"client_id": 5}, "client_id is empty or not text"),
    "list-of-numbers": (WHOLE | {"scopes": [5]}, "scopes is empty or not text"),
    "sandbox-list": (WHOLE | {"sandbox-name": ["x"]}, "sandbox-name is empty or not text"),
    "placeholder": (WHOLE | {"org_id": "<orgID>"}, "org_id is still the template's placeholder"),
    "list": ([WHOLE], "not a JSON object"),
    "not-json": (json.dumps(WHOLE).encode()[:-1], "not JSON (line 1, column "),
    "not-utf-8": (b'{"secret": "\xe9"}', "not JSON (line 1, column "),
}


@pytest.mark.parametrize(("content", "message"), BAD.values(), ids=BAD.keys())
def test_read_adobe_config_bad_file_is_refused_with_a_remedy(
    tmp_path: Path, content: object, message: str
) -> None:
    """The error names file and key, and no value."""
    path = written(tmp_path, content)
    with pytest.raises(UsageError) as caught:
        read_adobe_config(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    assert caught.value.fix
    assert CLIENT_SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None


def test_read_adobe_config_absent_file_is_refused(tmp_path: Path) -> None:
    """A path that leads nowhere is said as the system says it."""
    with pytest.raises(UsageError, match="No such file or directory") as caught:
        read_adobe_config(tmp_path / "none.json")
    assert caught.value.fix == "check the path and its permissions"
