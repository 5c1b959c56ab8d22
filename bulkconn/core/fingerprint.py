"""A digest of what a row sends, without its secrets: two runs agree on it, and an edited row shows."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from bulkconn.core.connection_string import NotAConnectionString, parse_string, visible_values
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.secret import SecretStr
from bulkconn.core.source import ValueKind

if TYPE_CHECKING:
    from bulkconn.core.choice import Choice
    from bulkconn.core.endpoint import ParamValue

# A list needs no sorted keys, and ASCII makes the bytes independent of any encoding.
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


def fingerprint(choice: Choice, said: tuple[str, ...], params: tuple[tuple[str, ParamValue], ...]) -> str:
    """Give the SHA-256, in hex, of the canonical JSON of everything that is sent and not secret.

    `said` is what the row says besides its parameters (sandbox, name, description). Secrets and
    references are left out: a rotated password is no change of the connection. Of a whole connection
    string the server, database and user that it names are in.
    """
    source, auth = choice
    plain: list[object] = [
        source.connection_spec_id,
        source.connection_spec_version,
        auth.spec_name,
        auth.platform_cloud.value,
        *said,
    ]
    whole = {param.name for param in auth.parameters if param.kind is ValueKind.CONNECTION_STRING}
    for param, value in params:
        if isinstance(value, str):
            plain.append((param, value))
        elif isinstance(value, BuiltString):
            plain.extend((param, key, part) for key, part in value.parts if isinstance(part, str))
        elif param in whole and isinstance(value, SecretStr):
            plain.extend((param, key, text) for key, text in _named_by(value))
    return sha256(_encode(plain).encode("ascii")).hexdigest()


def _named_by(string: SecretStr) -> list[tuple[str, str]]:
    try:
        return sorted(visible_values(parse_string(string.get_secret_value())).items())
    except NotAConnectionString:
        return []
