"""Read the configuration file of Adobe's Python client, `aepp`, so that nobody types its values again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from pydantic import BaseModel, ConfigDict, SecretStr

from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["AdobeConfig", "read_adobe_config"]

_REQUIRED: Final = ("org_id", "client_id", "secret", "scopes")
_SANDBOX: Final = "sandbox-name"
_FIX: Final = (
    "give a JSON object with the keys org_id, client_id, secret, scopes and, if you like, sandbox-name,"
    " as `aepp` writes it"
)
_MAX_BYTES: Final = 1 << 20


class AdobeConfig(BaseModel):
    """What the file says. `sandbox_name` is None where it names none."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    org_id: str
    client_id: str
    secret: SecretStr
    scopes: str
    sandbox_name: str | None = None


def read_adobe_config(path: Path) -> AdobeConfig:
    """Read the file; keys that we do not know are left alone.

    Raises:
        UsageError: it cannot be read, is not a JSON object, or lacks a key. No value of it is repeated.
    """
    content = _content(path)
    missing = [key for key in _REQUIRED if key not in content]
    if missing:
        raise UsageError(f"{path}: missing {', '.join(missing)}", fix=_FIX)
    values = {key: _text(path, key, content[key]) for key in _REQUIRED}
    sandbox = content.get(_SANDBOX) or None
    return AdobeConfig(
        org_id=values["org_id"],
        client_id=values["client_id"],
        secret=SecretStr(values["secret"]),
        scopes=values["scopes"],
        sandbox_name=None if sandbox is None else _text(path, _SANDBOX, sandbox),
    )


def _content(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}", fix="check the path and its permissions") from error
    try:
        content = orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        # Not chained: the exception holds the whole text, secret included.
        where = f"line {error.lineno}, column {error.colno}"
        raise UsageError(f"{path}: not JSON ({where})", fix=_FIX) from None
    if not isinstance(content, dict):
        raise UsageError(f"{path}: not a JSON object", fix=_FIX)
    return content


def _text(path: Path, key: str, value: object) -> str:
    if key == "scopes" and isinstance(value, list) and all(isinstance(one, str) for one in value):
        value = ",".join(value)
    if not isinstance(value, str) or not value.strip():
        raise UsageError(f"{path}: {key} is empty or not text", fix=_FIX)
    text = value.strip()
    if text.startswith("<") and text.endswith(">"):
        raise UsageError(f"{path}: {key} is still the template's placeholder", fix="put in your own value")
    return text
