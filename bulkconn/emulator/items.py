"""A connection as GET shows it: the item of help/sources/tutorials/api/update.md and the OpenAPI file."""

from __future__ import annotations

import uuid
from functools import cache
from typing import TYPE_CHECKING, Any, assert_never

from bulkconn.emulator.settings import SecretsInReplies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.emulator.records import Connection
    from bulkconn.emulator.specs import Catalogue

__all__ = ["build_item", "visible_params"]

_MASK = "********"


@cache
def _sandbox_id(name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.sandbox.invalid"))


def visible_params(
    connection: Connection, catalogue: Catalogue, secrets: SecretsInReplies
) -> Mapping[str, Any]:
    """Give a connection's parameters, the secret ones dropped, masked or in clear."""
    hidden = catalogue.secret_params(connection.spec_id, connection.auth_spec_name)
    match secrets:
        case SecretsInReplies.CLEAR:
            return connection.params
        case SecretsInReplies.MASK:
            return {name: _MASK if name in hidden else value for name, value in connection.params.items()}
        case SecretsInReplies.DROP:
            return {name: value for name, value in connection.params.items() if name not in hidden}
        case _:
            assert_never(secrets)


def build_item(connection: Connection, catalogue: Catalogue, secrets: SecretsInReplies) -> dict[str, Any]:
    """Give the JSON object of a connection."""
    item: dict[str, Any] = {
        "id": connection.id,
        "createdAt": connection.created_at_ms,
        "updatedAt": connection.updated_at_ms,
        # With a service's token the user is the client, as the OpenAPI file says.
        "createdBy": connection.created_client,
        "updatedBy": connection.updated_client,
        "createdClient": connection.created_client,
        "updatedClient": connection.updated_client,
        "sandboxId": _sandbox_id(connection.sandbox),
        "sandboxName": connection.sandbox,
        "imsOrgId": connection.org_id,
        "name": connection.name,
        "connectionSpec": {"id": connection.spec_id, "version": connection.spec_version},
        "state": connection.state,
        "auth": {
            "specName": connection.auth_spec_name,
            "params": visible_params(connection, catalogue, secrets),
        },
        "version": connection.etag,
        "etag": connection.etag,
    }
    if connection.description is not None:
        item["description"] = connection.description
    return item
