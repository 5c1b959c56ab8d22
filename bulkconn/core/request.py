"""Station 3 of a row's road: an endpoint and its resolved secrets become a request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.core.cells import is_clear_key
from bulkconn.core.connection_string import build_string, secret_parts, stays_in_place
from bulkconn.core.endpoint import BuiltString, ConnectionRequest, SecretUnavailable
from bulkconn.core.json_types import read_loosely
from bulkconn.core.secret import SecretRef, SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.secret import SecretValue
    from bulkconn.core.source import StringPart


def secret_refs(endpoint: Endpoint) -> tuple[SecretRef, ...]:
    """Give the references that must be resolved before an endpoint can be sent, each once."""
    refs: list[SecretRef] = []
    for _, value in endpoint.params:
        # Most are texts: asked first, since an inventory's first pass asks this of every row.
        if isinstance(value, str):
            continue
        if isinstance(value, SecretRef):
            refs.append(value)
        elif isinstance(value, BuiltString):
            refs += [part for _, part in value.parts if isinstance(part, SecretRef)]
    return tuple(dict.fromkeys(refs)) if refs else ()


def build_request(
    endpoint: Endpoint, resolved: Mapping[SecretRef, SecretStr], marker: str | None = None
) -> ConnectionRequest:
    """Give the complete request of an endpoint.

    `resolved` holds a secret for each of `secret_refs(endpoint)`; `marker` is appended to the
    description, and alone is the description where there is none.

    Raises:
        SecretUnavailable: a reference is not resolved, is empty, or what it holds cannot be used.
    """
    description = endpoint.description
    if marker is not None:
        description = marker if description is None else f"{description} {marker}"
    return ConnectionRequest(
        name=endpoint.name,
        description=description,
        auth_spec_name=endpoint.auth_spec_name,
        auth_params={
            name: _value(
                value, resolved, is_encoded=name in endpoint.encoded, types=endpoint.types.get(name, ())
            )
            if isinstance(value, SecretRef | BuiltString)
            else value
            for name, value in endpoint.params
        },
        connection_spec_id=endpoint.connection_spec_id,
        connection_spec_version=endpoint.connection_spec_version,
        sandbox=endpoint.sandbox,
        auth_type=endpoint.auth_type,
        types=endpoint.types,
    )


def secret_values(request: ConnectionRequest) -> tuple[str, ...]:
    """Give every text of a request that must not be shown, longest first, for redaction.

    Of a connection string that is the whole and the password in it.
    """
    secrets: set[str] = set()
    for value in request.auth_params.values():
        if isinstance(value, SecretStr):
            text = value.get_secret_value()
            secrets.update((text, *secret_parts(text)))
    return tuple(sorted(secrets - {""}, key=lambda text: (-len(text), text)))


def _value(
    value: SecretRef | BuiltString,
    resolved: Mapping[SecretRef, SecretStr],
    *,
    is_encoded: bool,
    types: tuple[str, ...] = (),
) -> SecretStr:
    if isinstance(value, SecretRef):
        secret = _resolved(value, resolved)
        if is_encoded and is_clear_key(secret.get_secret_value()):
            raise SecretUnavailable(
                f"what {value.uri} holds is a key in clear, or of several lines, where its Base64 in one "
                "line is documented: store what `base64 --wrap=0 FILE` prints"
            )
        if types and read_loosely(secret.get_secret_value(), types) is None:
            raise SecretUnavailable(
                f"what {value.uri} holds is not of the type that the service asks for ({', '.join(types)})"
            )
        return secret
    texts = [(part, _text(part, given, value.remedy, resolved)) for part, given in value.parts]
    return SecretStr(build_string(value.pattern, texts))


def _text(
    part: StringPart, value: str | SecretValue, remedy: str, resolved: Mapping[SecretRef, SecretStr]
) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    text = _resolved(value, resolved).get_secret_value()
    if not stays_in_place(part, text):
        also = "" if part.fit is None else f", or something other than {part.fit.words}"
        raise SecretUnavailable(
            f"what {value.uri} holds would break out of its place in the connection string "
            "(a semicolon, quote, brace, control character, '=' at its start, or a blank at an end"
            f"{also}): {remedy}"
        )
    return text


def _resolved(reference: SecretRef, resolved: Mapping[SecretRef, SecretStr]) -> SecretStr:
    secret = resolved.get(reference)
    if secret is None:
        raise SecretUnavailable(f"{reference.uri} is not resolved")
    if not secret.get_secret_value():
        raise SecretUnavailable(f"{reference.uri} is empty")
    return secret
