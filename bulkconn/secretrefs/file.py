"""`file:///run/secrets/name`: a secret in a file of its own, as orchestrators mount them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.secret import SecretStr
from bulkconn.secretrefs.threads import in_thread

if TYPE_CHECKING:
    from bulkconn.core.secret import SecretRef

#: No secret is larger; a wrong path may well be.
LIMIT_BYTES: Final = 1024 * 1024


class FileStore:
    """Reads small UTF-8 files by absolute path."""

    title: Final = "the file system"
    timeout_s: Final = 10.0

    def check(self, reference: SecretRef) -> None:
        """Look at the file, not into it.

        Raises:
            SecretUnavailable: there is no such regular file, it may not be read, is empty, or larger
                than 1 MiB.
        """
        try:
            path = _path(reference)
            _check(reference, path.stat())
            is_readable = os.access(path, os.R_OK)
        except (OSError, ValueError) as error:
            raise _unavailable(reference, error) from error
        if not is_readable:
            raise SecretUnavailable(f"{reference.uri}: the file may not be read", code="secret_denied")

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give what a file holds, without one line end at its end.

        Raises:
            SecretUnavailable: as `check`, or it is no UTF-8.
        """
        return await in_thread(self._read, reference)

    async def close(self) -> None:
        """Do nothing: nothing is open."""

    @staticmethod
    def _read(reference: SecretRef) -> SecretStr:
        try:
            path = _path(reference)
            # Looked at before it is opened: opening a pipe would wait for its other end.
            _check(reference, path.stat())
            with path.open("rb") as file:
                content = file.read(LIMIT_BYTES + 1)
        except (OSError, ValueError) as error:
            raise _unavailable(reference, error) from error
        if len(content) > LIMIT_BYTES:
            raise SecretUnavailable(f"{reference.uri}: the file is larger than 1 MiB")
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            # Not chained: the exception carries the file's content.
            raise SecretUnavailable(f"{reference.uri}: the file is not valid UTF-8") from None
        text = text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text
        if not text:
            raise SecretUnavailable(f"{reference.uri}: the file is empty")
        return SecretStr(text)


def _path(reference: SecretRef) -> Path:
    path = Path(reference.path)
    if not path.is_absolute():
        raise SecretUnavailable(f"{reference.uri} is not an absolute path: write file:///folder/name")
    return path


def _check(reference: SecretRef, facts: os.stat_result) -> None:
    if not stat.S_ISREG(facts.st_mode):
        raise SecretUnavailable(f"{reference.uri} is not a regular file")
    if not facts.st_size:
        raise SecretUnavailable(f"{reference.uri}: the file is empty")
    if facts.st_size > LIMIT_BYTES:
        raise SecretUnavailable(f"{reference.uri}: the file is larger than 1 MiB")


def _unavailable(reference: SecretRef, error: OSError | ValueError) -> SecretUnavailable:
    # A ValueError is a path that no file can have (a NUL in it).
    reason = error.strerror if isinstance(error, OSError) else "no file can have that path"
    code = "secret_denied" if isinstance(error, PermissionError) else "secret_not_found"
    return SecretUnavailable(f"{reference.uri}: the file cannot be read: {reason}", code=code)
