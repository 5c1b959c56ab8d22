"""TLS modes as rows and connection strings write them, and what each asks of a handshake."""

from __future__ import annotations

import ssl
from enum import StrEnum
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class TlsMode(StrEnum):
    """How a connection is encrypted, weakest first."""

    #: Never.
    DISABLE = "disable"
    #: Only if the server takes no plain connection.
    ALLOW = "allow"
    #: If the server offers it.
    PREFER = "prefer"
    #: Always, whatever the certificate.
    REQUIRE = "require"
    #: Always, with a certificate of a known authority.
    VERIFY_CA = "verify_ca"
    #: Always, with a certificate of a known authority that bears the host's name.
    VERIFY_FULL = "verify_full"


#: Words of `sslMode`, lower case, without blanks, hyphens and underscores. `true` and `false` are those of
#: Experience Platform on AWS, where they say whether TLS is enforced.
_WORDS: Final[Mapping[str, TlsMode]] = MappingProxyType(
    {
        "disable": TlsMode.DISABLE,
        "disabled": TlsMode.DISABLE,
        "none": TlsMode.DISABLE,
        "allow": TlsMode.ALLOW,
        "prefer": TlsMode.PREFER,
        "preferred": TlsMode.PREFER,
        "false": TlsMode.PREFER,
        "require": TlsMode.REQUIRE,
        "required": TlsMode.REQUIRE,
        "true": TlsMode.REQUIRE,
        "verifyca": TlsMode.VERIFY_CA,
        "verifyfull": TlsMode.VERIFY_FULL,
        "verifyidentity": TlsMode.VERIFY_FULL,
    }
)
#: `EncryptionMethod` of a PostgreSQL connection string; 6 is RequestSSL.
_METHODS: Final[Mapping[str, TlsMode]] = MappingProxyType(
    {"0": TlsMode.DISABLE, "1": TlsMode.REQUIRE, "6": TlsMode.PREFER}
)

#: The attempts of each mode, in order: encrypted or not. The second follows only where the first failed
#: for a reason that encryption may have to do with, so that a wrong password is never sent twice.
ATTEMPTS: Final[Mapping[TlsMode, tuple[bool, ...]]] = MappingProxyType(
    {
        TlsMode.DISABLE: (False,),
        TlsMode.ALLOW: (False, True),
        TlsMode.PREFER: (True, False),
        TlsMode.REQUIRE: (True,),
        TlsMode.VERIFY_CA: (True,),
        TlsMode.VERIFY_FULL: (True,),
    }
)


def read_tls_mode(fields: Mapping[str, str]) -> TlsMode | None:
    """Give the mode that a row asks for; None if it writes one that is not known.

    A row that says nothing takes TLS if it is offered.
    """
    word, method = fields.get("sslmode"), fields.get("encryptionmethod")
    if word is not None:
        return _WORDS.get("".join(char for char in word.lower() if char not in " -_"))
    if method is None:
        return TlsMode.PREFER
    mode = _METHODS.get(method)
    if mode is TlsMode.REQUIRE and fields.get("validateservercertificate") == "1":
        return TlsMode.VERIFY_CA
    return mode


@cache
def tls_context(mode: TlsMode) -> ssl.SSLContext:
    """Give the context of a mode; those that verify know the authorities that this machine trusts.

    No client certificate is presented, not even one of this user's: Experience Platform has none.
    """
    # The default context is the strictest; each weaker mode takes away what it does not ask for.
    context = ssl.create_default_context()
    context.check_hostname = mode is TlsMode.VERIFY_FULL
    if mode not in {TlsMode.VERIFY_CA, TlsMode.VERIFY_FULL}:
        context.verify_mode = ssl.CERT_NONE
    return context
