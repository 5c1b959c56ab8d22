"""A copy of an inventory that workers can read in parts: JSONL, with secrets only as references.

Each row stands on the line of its number in the original, so that diagnostics and ledger name the place that
the user knows. The copy's name says whose it is and what is in it. It is its run's alone, so it goes with it.
"""

from __future__ import annotations

import os
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from bulkconn.core.endpoint import BuiltString
from bulkconn.core.errors import UsageError
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import BinaryIO

    from bulkconn.core.endpoint import Endpoint
    from bulkconn.inventory.slices import NotInParts


def stage(endpoints: Iterable[Endpoint], folder: Path, stem: str, why: NotInParts) -> Path:
    """Write the copy, readable for all, and give its path: the name is `stem`, then a hash of the content.

    `why` says why there must be one. Repeat: safe, the file is replaced by itself.

    Raises:
        UsageError: a row holds a secret in clear, or the folder cannot be written.
    """
    try:
        handle, draft = tempfile.mkstemp(prefix=f".{stem}.", suffix=".new", dir=folder)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            digest = _write(endpoints, file, why)
            file.flush()
            os.fsync(file.fileno())
            # No secret is in it, and workers may run as other users.
            os.fchmod(file.fileno(), 0o644)
        path = folder / f"{stem}-{digest[:12]}.jsonl"
        Path(draft).replace(path)
    except OSError as error:
        raise _unwritable(folder, error) from error
    finally:
        Path(draft).unlink(missing_ok=True)
    return path


def discard(copy: Path) -> str | None:
    """Delete a copy that nobody needs any more; give why it stays, None when it is gone. Repeat: safe."""
    try:
        copy.unlink(missing_ok=True)
    except OSError as error:
        return error.strerror or type(error).__name__
    return None


def _write(endpoints: Iterable[Endpoint], file: BinaryIO, why: NotInParts) -> str:
    digest, line_no = sha256(), 1
    for endpoint in endpoints:
        if _holds_secret(endpoint):
            raise UsageError(
                f"inventory {why.shown} cannot be shared out to workers: {why.why}, and a copy for them "
                f"would hold the secret of {endpoint.file}:{endpoint.row} in clear",
                fix="write its secrets as references (env://NAME, file:///run/secrets/name), or save it as "
                "UTF-8 CSV or JSONL where every worker finds it",
            )
        blanks = max(0, endpoint.row - line_no)
        line = b"\n" * blanks + orjson.dumps(_cells(endpoint)) + b"\n"
        line_no += blanks + 1
        digest.update(line)
        file.write(line)
    return digest.hexdigest()


def _cells(endpoint: Endpoint) -> dict[str, str]:
    """Give a row that becomes the same endpoint again."""
    own = {
        "key": endpoint.key,
        "name": endpoint.name,
        "source": endpoint.source,
        "platform_cloud": endpoint.platform_cloud.value,
        "sandbox": endpoint.sandbox,
        "auth": endpoint.auth,
    }
    return {**endpoint.cells, **own}


def _holds_secret(endpoint: Endpoint) -> bool:
    for _, value in endpoint.params:
        texts = [text for _, text in value.parts] if isinstance(value, BuiltString) else [value]
        if any(isinstance(text, SecretStr) for text in texts):
            return True
    return False


def _unwritable(folder: Path, error: OSError) -> UsageError:
    return UsageError(
        f"no copy for the workers can be written to {folder}: {error.strerror}",
        fix="name a folder that may be written and that every worker sees: submit --stage-to FOLDER",
    )
