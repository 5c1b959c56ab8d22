"""Where the rows of a command go besides its report: a file, stdout or nowhere."""

from __future__ import annotations

import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bulkconn.core.errors import UsageError
from bulkconn.report.export import ExportFormat, RowWriter, format_of, replacing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Destination:
    """Where each row goes. `path` None: stdout. `format` None: nowhere."""

    format: ExportFormat | None
    path: Path | None

    @classmethod
    def of(cls, params: Mapping[str, Any], *, is_json: bool) -> Destination:
        """Read it off the flags.

        Raises:
            UsageError: two things would go to stdout.
        """
        out = None if params["out"] in {None, "-"} else str(params["out"])
        format_ = ExportFormat(params["format_"]) if params["format_"] else None
        if format_ is None and params["out"] is not None:
            format_ = format_of(out)
        if is_json and format_ is not None and out is None:
            raise UsageError(
                "--output json and the rows of --format would both go to stdout",
                fix="name a file for the rows with -o, or leave one of the two out",
            )
        return cls(format_, None if out is None else Path(out))

    @property
    def takes_stdout(self) -> bool:
        """Whether rows go to stdout, so that nothing else may."""
        return self.format is not None and self.path is None

    @contextmanager
    def opened(self, columns: Sequence[str]) -> Iterator[RowWriter | None]:
        """Give a writer for the rows, None where they go nowhere.

        A file is put in its place when the block ends well.

        Raises:
            UsageError: the file cannot be written.
        """
        if self.format is None:
            yield None
            return
        with ExitStack() as stack:
            if self.path is None:
                sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]  # real stdout
            out = sys.stdout if self.path is None else stack.enter_context(replacing(self.path))
            writer = RowWriter(columns, self.format, out)
            yield writer
            writer.close()
