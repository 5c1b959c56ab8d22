"""What the service itself says of a connection spec: the answer to GET /connectionSpecs/{id}, cut down.

Adobe documents the shape by examples only (OpenAPI `ConnectionSpecResponse` and the connector tutorials of
2020): `items` of one, in it `authSpec`, a list of name and JSON Schema. Everything is read leniently, and
what cannot be read is a value that says so: an odd answer must not stop what the catalogue knows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bulkconn.core.error_body import read_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from bulkconn.core.reply import Reply

_OK: Final = 200
_NOT_FOUND: Final = 404
#: `Flow Service errors`: the spec id is invalid; and, of sandboxes, what a 404 means beside "no such spec".
_SPEC_INVALID: Final = "1413"
_SANDBOX_UNKNOWN: Final = frozenset({"2100", "2101"})
_REFUSED: Final = frozenset({400, _NOT_FOUND, 422})
#: Keys that only the service behind the gateway writes: its own 404 is about the spec, any other about us.
_SERVICE_KEYS: Final = frozenset({"errorMessage", "errorDetails", "report"})


class Place(NamedTuple):
    """Where a connection spec is asked for.

    Specs are the same for every organisation (OpenAPI, tag "Connection specs"), but which auth specs are
    shown may depend on the cloud and on what is licensed, and both belong to a sandbox: the one thing of a
    lookup that tells two rows of one source apart.
    """

    sandbox: str
    connection_spec_id: str


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A connection spec as the service states it in one sandbox.

    `auths` maps `auth.specName` to a JSON Schema that nobody has read yet: it may be any JSON value.
    """

    place: Place
    version: str | None
    auths: Mapping[str, object]
    read_at: datetime

    def document(self) -> dict[str, Any]:
        """Give what a ledger keeps: nothing of it is a secret."""
        listed = [{"name": name, "spec": schema} for name, schema in self.auths.items()]
        return {"version": self.version, "authSpec": listed}


@dataclass(frozen=True, slots=True)
class NotOffered:
    """The service knows no such connection spec in this sandbox: it would refuse every row of it."""

    place: Place
    read_at: datetime


@dataclass(frozen=True, slots=True)
class OddSpec:
    """The service answered, but not with a connection spec; `reason` holds nothing of the answer."""

    place: Place
    reason: str


#: What a lookup came to, once the service has answered at all.
SpecAnswer = ServiceSpec | NotOffered | OddSpec


def read_spec(reply: Reply, place: Place, read_at: datetime) -> SpecAnswer | None:
    """Read the answer to a lookup; None where it is a trouble that says nothing of the spec.

    A body that was cut is such a trouble: the caller asks again.
    """
    if reply.status in _REFUSED:
        return NotOffered(place, read_at) if _denies_the_spec(reply) else None
    if reply.status != _OK or reply.body is None:
        return None
    items = reply.body.get("items") if isinstance(reply.body, dict) else None
    if not isinstance(items, list):
        return OddSpec(place, "the answer has no list of items")
    if not items:
        return NotOffered(place, read_at)
    wanted = place.connection_spec_id.lower()
    for item in items:
        if isinstance(item, dict) and str(item.get("id", wanted)).lower() == wanted:
            return read_document(item, place, read_at)
    return OddSpec(place, "the answer is about another connection spec")


def read_document(document: Mapping[str, Any], place: Place, read_at: datetime) -> ServiceSpec | OddSpec:
    """Read a connection spec, as the service sends it or as a ledger kept it."""
    listed = document.get("authSpec")
    if not isinstance(listed, list):
        return OddSpec(place, "it has no list of auth specs")
    auths: dict[str, object] = {}
    for one in listed:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            return OddSpec(place, "one of its auth specs has no name")
        schema = one.get("spec")
        # Stated twice (for two clouds, perhaps), it is enough to fulfil one of the two.
        auths[name] = {"anyOf": [auths[name], schema]} if name in auths else schema
    version = document.get("version")
    return ServiceSpec(place, version if isinstance(version, str) else None, auths, read_at)


def _denies_the_spec(reply: Reply) -> bool:
    error = read_error(reply.status, reply.body)
    if error.number == _SPEC_INVALID:
        return True
    return (
        reply.status == _NOT_FOUND
        and error.number not in _SANDBOX_UNKNOWN
        and isinstance(reply.body, dict)
        and not _SERVICE_KEYS.isdisjoint(reply.body)
    )
