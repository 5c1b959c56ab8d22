"""A digest of what a row sends, without its secrets: two runs agree on it, and an edited row shows."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from bulkconn.core.connection_string import named_by
from bulkconn.core.endpoint import BuiltString
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.layout import Layout


def fingerprint(layout: Layout, said: tuple[str, ...], params: tuple[tuple[str, ParamValue], ...]) -> str:
    """Give the SHA-256, in hex, of everything that is sent and not secret.

    `said` is what the row says besides its parameters (sandbox, name, description). Secrets and
    references are left out: a rotated password is no change of the connection. Of a whole connection
    string the server, database and user that it names are in.
    """
    source, auth = layout.choice
    plain = [
        source.connection_spec_id,
        source.connection_spec_version,
        auth.spec_name,
        auth.platform_cloud,
        *said,
    ]
    for name, value in params:
        if isinstance(value, str):
            plain += name, value
        elif isinstance(value, bool):
            plain += name, str(value)
        elif isinstance(value, BuiltString):
            for part, text in value.parts:
                if isinstance(text, str):
                    plain += name, part.key, text
        elif isinstance(value, SecretStr) and layout.whole is not None and name == layout.whole.name:
            for key, text in sorted(named_by(value.get_secret_value()).items()):
                plain += name, key, text
        elif isinstance(value, SecretStr) and layout.terms is not None and name in layout.terms.hidden:
            # Only the service holds it secret: asking the service must not make a created row look edited.
            plain += name, value.get_secret_value()
    # Validation lets no NUL into any text, so it divides them for certain; JSON would cost twice the time.
    return sha256("\0".join(plain).encode()).hexdigest()
