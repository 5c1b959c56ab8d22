"""Whether a connection that exists already reaches the same database as a row: asked before adopting it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.connection_string import build_string, named_by
from bulkconn.core.custom import CUSTOM
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulkconn.core.endpoint import Endpoint

#: The parameters that say which database a connection reaches, and as whom. None of them is a secret.
COMPARED: Final = (
    *("server", "host", "account", "endpoint", "domain", "clusterId", "project", "projectId"),
    *("database", "username", "clientId", "servicePrincipalId"),
)
_STRING: Final = "connectionString"


def shows_same_database(endpoint: Endpoint, visible: Iterable[tuple[str, str]]) -> bool:
    """Say whether everything that the service shows of a connection equals what the row would send.

    Compared are server, database and username, by whatever name a source gives them, to the letter, as
    parameters or inside a connection string; what the service does not show is not compared. False too
    where it shows something that the row holds only behind a reference: what cannot be compared is not
    the same. Of a custom source something must be shown.
    """
    theirs: dict[str, str] = {}
    for name, value in visible:
        if name in COMPARED:
            theirs[name] = value
        elif name == _STRING:
            theirs.update(named_by(value))
    ours = _ours(endpoint)
    if endpoint.source == CUSTOM and not theirs:
        # What such a source calls its server nobody knows: what cannot be compared is not the same.
        return False
    return all(ours.get(name) == value for name, value in theirs.items())


def _ours(endpoint: Endpoint) -> dict[str, str]:
    ours: dict[str, str] = {}
    for name, value in endpoint.params:
        if isinstance(value, BuiltString):
            # As it would be shown, with nothing in the places of its secrets.
            texts = [(part, text if isinstance(text, str) else "") for part, text in value.parts]
            ours.update(named_by(build_string(value.pattern, texts)))
        elif isinstance(value, SecretStr):
            if name == _STRING:
                ours.update(named_by(value.get_secret_value()))
            elif name in COMPARED:
                # Of a custom source everything is held secret.
                ours[name] = value.get_secret_value()
        elif isinstance(value, str) and name in COMPARED:
            ours[name] = value
    return ours
