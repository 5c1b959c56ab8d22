"""A digest of what a row sends, without its secrets: two runs agree on it, and an edited row shows."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from bulkconn.core.columns import identity
from bulkconn.core.connection_string import named_by
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.layout import Layout
    from bulkconn.core.secret import SecretRef


def origin(layout: Layout) -> tuple[str, ...]:
    """Give what a fingerprint begins with: what all rows of a layout say."""
    source, auth = layout.choice
    return source.connection_spec_id, source.connection_spec_version, auth.spec_name, auth.platform_cloud


def digest(parts: Iterable[str]) -> str:
    """Give the SHA-256, in hex, of texts in their order."""
    # Validation lets no NUL into any text, so it divides them for certain; JSON would cost twice the time.
    return sha256("\0".join(parts).encode()).hexdigest()


def fingerprint(layout: Layout, said: tuple[str, ...], params: tuple[tuple[str, ParamValue], ...]) -> str:
    """Give the SHA-256, in hex, of everything that is sent and not secret.

    `said` is what the row says besides its parameters (sandbox, name, description). Secrets and
    references are left out: a rotated password is no change of the connection. Of a whole connection
    string the server, database and user that it names are in. Of a custom source only the names of
    parameters are in.
    """
    plain = [*origin(layout), *said]
    if layout.own is not None:
        # Whether a value is secret, and how its name is spelt, hangs on whether the service was asked: values
        # are out and names compared loosely, so that asking makes no created row look edited.
        names = sorted(identity(name) for name, _ in params)
        return digest((*plain, *names))
    for name, value in params:
        if isinstance(value, str):
            plain += name, value
        elif isinstance(value, SecretStr):
            if layout.whole is not None and name == layout.whole.name:
                for key, text in sorted(named_by(value.get_secret_value()).items()):
                    plain += name, key, text
            elif layout.terms is not None and name in layout.terms.hidden:
                # Only the service holds it secret: asking it must not make a created row look edited.
                plain += name, value.get_secret_value()
        else:
            plain += _rarely(name, value)
    return digest(plain)


def _rarely(name: str, value: bool | SecretRef | BuiltString) -> list[str]:
    """Give what is in of the values that few rows have: booleans and strings that are built."""
    if isinstance(value, BuiltString):
        return [
            said for part, text in value.parts if isinstance(text, str) for said in (name, part.key, text)
        ]
    return [name, str(value)] if isinstance(value, bool) else []
