"""`env://NAME`: a secret in the environment of this process."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.secret import SecretRef

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


class EnvironmentStore:
    """Reads environment variables; `environ` is an argument for tests."""

    title: Final = "the environment"
    timeout_s: Final = 10.0

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        self._environ = os.environ if environ is None else environ

    def check(self, reference: SecretRef) -> None:
        """Look whether a variable can be read.

        Raises:
            SecretUnavailable: it is not set, is empty, is no UTF-8, or no variable can have that name.
        """
        self._value(reference)

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give what a variable holds, as it is.

        Raises:
            SecretUnavailable: as `check`.
        """
        return SecretStr(self._value(reference))

    async def close(self) -> None:
        """Do nothing: nothing is open."""

    def _value(self, reference: SecretRef) -> str:
        if not _NAME.fullmatch(reference.path):
            raise SecretUnavailable(f"{reference.uri} does not name an environment variable")
        value = self._environ.get(reference.path)
        if value is None:
            raise _unset(f"{reference.uri}: the environment variable is not set")
        if not value:
            raise _unset(f"{reference.uri}: the environment variable is empty")
        if not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value):
            raise SecretUnavailable(f"{reference.uri}: the environment variable is not valid UTF-8")
        return value


def _unset(message: str) -> SecretUnavailable:
    return SecretUnavailable(message, code="secret_not_found")
