"""Stations 1 to 3 of a row's road: inventory row → validated endpoint → request ready to send."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bulkconn.core.json_types import read_loosely
from bulkconn.core.names import EndpointKey, loose_name
from bulkconn.core.secret import SecretRef, SecretStr, SecretValue

if TYPE_CHECKING:
    from bulkconn.core.source import PlatformCloud, StringPart

#: Finds the value behind a reference; raises `SecretUnavailable` where it cannot.
Resolve = Callable[[SecretRef], SecretStr]


class SecretUnavailable(Exception):
    """A secret reference cannot be resolved, or what it holds cannot be used; its row fails.

    `str()` holds no secret. `code` groups equal faults in ledger and reports (its remedy is for a row that
    failed); `fix` is what the reader of an inventory does about it before anything is sent.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "secret_unavailable",
        fix: str = "put the secret there or correct the reference",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.fix = fix


class SecretStoreDown(Exception):
    """A secret store is down, or turns us away whatever we ask for: no row's fault, so the run stops.

    `str()` names the store and holds no secret; `fix` is what to mend before the same command again.
    """

    def __init__(self, message: str, *, fix: str) -> None:
        super().__init__(message)
        self.fix = fix


class InventoryRow(NamedTuple):
    """One row as it was read: cells by header as the file writes it, absent ones left out.

    JSON numbers and booleans arrive as their text; nested `params` under `params.<name>`.
    `headers` is the whole header row where the file has one (CSV), so that a column whose cell is
    empty can still be named as the file writes it. `repr` shows neither: nobody knows yet which cells
    are secret, and a file without a header row has data there.
    """

    # A named tuple, because one is made for every row: a frozen dataclass costs four times as much to make.
    file: str
    row: int
    cells: Mapping[str, str]
    headers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Say where it stands, and nothing of what stands there."""
        return f"InventoryRow(file={self.file!r}, row={self.row!r})"


@dataclass(frozen=True, slots=True)
class BuiltString:
    """A connection string to be put together from checked parts when its secrets are known.

    `parts` fill the documented `pattern`. Their values were checked not to break out of their places; a
    referenced one is checked when it is resolved, and `remedy` is what to do if it would.
    """

    pattern: str
    parts: tuple[tuple[StringPart, str | SecretValue], ...]
    remedy: str


#: What an inventory may give for a parameter.
ParamValue = str | bool | SecretValue | BuiltString


#: The types of a catalogue's parameters: none is sent as anything but a text, or the boolean that it is here.
NO_TYPES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Endpoint(NamedTuple):
    """A database of the inventory, validated: everything is there that its base connection needs.

    `cells` are the row's own non-secret columns (API names, references, `x_` columns) for ledger and
    export; `fingerprint` covers the non-secret content that is sent, so that an edited row shows.
    `auth_type` is sent as `auth.type` where a page shows one. `encoded` are the parameters that must be
    Base64; `types` the JSON types of those that are sent as no text, however they are held here.
    """

    # A named tuple for the same reason, and with more fields for a better one.
    key: EndpointKey
    name: str
    source: str
    platform_cloud: PlatformCloud
    sandbox: str
    auth: str
    auth_spec_name: str
    connection_spec_id: str
    connection_spec_version: str
    description: str | None
    params: tuple[tuple[str, ParamValue], ...]
    cells: Mapping[str, str]
    fingerprint: str
    file: str
    row: int
    auth_type: str | None = None
    encoded: frozenset[str] = frozenset()
    types: Mapping[str, tuple[str, ...]] = NO_TYPES

    @property
    def loose_name(self) -> str:
        """The name as it is compared where likeness is enough to block."""
        return loose_name(self.name)


@dataclass(frozen=True, slots=True)
class ConnectionRequest:
    """A `POST /connections` body, complete but for the unwrapping of its secrets.

    Shape after Adobe's `CreateConnectionRequest`; `connectionSpec.version` is always sent, because
    the documents disagree on what leaving it out means. `types` are the JSON types of parameters that are
    sent as no text.
    """

    name: str
    description: str | None
    auth_spec_name: str
    auth_params: Mapping[str, str | bool | SecretStr]
    connection_spec_id: str
    connection_spec_version: str
    sandbox: str
    auth_type: str | None = None
    types: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: NO_TYPES)

    def body(self) -> dict[str, Any]:
        """Give the JSON body with secrets in clear. Call it only where the bytes are written."""
        body: dict[str, Any] = {"name": self.name}
        if self.description is not None:
            body["description"] = self.description
        params: dict[str, Any] = {
            name: value.get_secret_value() if isinstance(value, SecretStr) else value
            for name, value in self.auth_params.items()
        }
        params |= {name: _typed(params[name], types) for name, types in self.types.items() if name in params}
        body["auth"] = {"specName": self.auth_spec_name, "params": params}
        if self.auth_type is not None:
            body["auth"]["type"] = self.auth_type
        body["connectionSpec"] = {"id": self.connection_spec_id, "version": self.connection_spec_version}
        return body


def _typed(value: str | bool, types: tuple[str, ...]) -> str | bool | float:
    """Give what a text says as one of these types; one that says none was refused before."""
    read = read_loosely(str(value), types)
    return value if read is None else read
