"""The folder of a rehearsal: the user's rows with dummies for secrets, and a ledger that nobody else has."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson

from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.dummies import dummy_row
from bulkconn.core.errors import UsageError
from bulkconn.sources import find_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.cli.checking import Checked
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.source import AuthSpec, PlatformCloud

#: Rows written between two looks at signals.
_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a rehearsal keeps its files; `is_kept` says whether they stay."""

    path: Path
    is_kept: bool

    @property
    def inventory(self) -> Path:
        """The rows that the worker runs."""
        return self.path / "rehearsal.jsonl"

    @property
    def ledger(self) -> Path:
        """The worker's ledger."""
        return self.path / "rehearsal.ledger.db"


@contextmanager
def folder_of(keep: str | None) -> Iterator[Folder]:
    """Give a folder that nobody else may read: a temporary one, or the one that the user wants to keep.

    Raises:
        UsageError: the user's one cannot be made, or holds something.
    """
    if keep is None:
        # Gone with the block, also when a signal ends it.
        with tempfile.TemporaryDirectory(prefix="bulkconn-rehearsal-") as name:
            yield Folder(Path(name), is_kept=False)
        return
    path = Path(keep).expanduser().absolute()
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        is_empty = not any(path.iterdir())
    except OSError as error:
        raise UsageError(
            f"--keep {keep} cannot be used: {error.strerror}", fix="name a folder that can be made"
        ) from error
    if not is_empty:
        raise UsageError(
            f"--keep {keep} holds something already", fix="name another folder: each rehearsal begins anew"
        )
    yield Folder(path, is_kept=True)


@dataclass(slots=True)
class Staged:
    """What was written: how many rows, the cloud of each sandbox, and what the reader should look at."""

    rows: int = 0
    sandboxes: dict[str, PlatformCloud] = field(default_factory=dict)
    warnings: list[Diagnostic] = field(default_factory=list)


async def stage(checked: Checked, path: Path, *, limit: int | None) -> Staged:
    """Write the valid rows of an inventory, the first `limit` of them, with dummies for secrets.

    Cancel: the file is cut short; it goes with its folder.
    """
    staged = Staged()
    first: dict[tuple[str, PlatformCloud], Endpoint] = {}
    counts: Counter[tuple[str, PlatformCloud]] = Counter()
    specs = _AuthSpecs()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        for endpoint in islice(checked.endpoints(), limit):
            file.write(
                orjson.dumps(dummy_row(endpoint, specs.of(endpoint)), option=orjson.OPT_APPEND_NEWLINE)
            )
            place = endpoint.sandbox, endpoint.platform_cloud
            counts[place] += 1
            first.setdefault(place, endpoint)
            staged.rows += 1
            if staged.rows % _BATCH == 0:
                await asyncio.sleep(0)
    # The cloud that most rows of a sandbox name comes first.
    for sandbox, cloud in sorted(counts, key=lambda place: -counts[place]):
        if staged.sandboxes.setdefault(sandbox, cloud) is not cloud:
            staged.warnings.append(_two_clouds(first[sandbox, cloud], staged.sandboxes[sandbox]))
    return staged


class _AuthSpecs:
    """Finds the auth spec of an endpoint, remembering what it found."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str, PlatformCloud], AuthSpec | None] = {}

    def of(self, endpoint: Endpoint) -> AuthSpec | None:
        """Give it; None where no page documents one."""
        asked = endpoint.source, endpoint.auth, endpoint.platform_cloud
        if asked not in self._found:
            source = find_source(endpoint.source)
            self._found[asked] = next(
                (
                    spec
                    for spec in (source.auths if source else ())
                    if (spec.auth, spec.platform_cloud) == asked[1:]
                ),
                None,
            )
        return self._found[asked]


def _two_clouds(endpoint: Endpoint, usual: PlatformCloud) -> Diagnostic:
    return Diagnostic(
        Severity.WARNING,
        endpoint.file,
        f"sandbox {endpoint.sandbox} is on {usual} in most rows, and a sandbox is on one cloud",
        f"correct the cloud or the sandbox; the rehearsal takes {usual}",
        row=endpoint.row,
        column="platform_cloud",
        found=endpoint.platform_cloud.value,
        allowed=usual.value,
    )
