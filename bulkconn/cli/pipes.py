"""A reader that left: `bulkconn export | head` is no fault, and nobody wants to hear of it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def silence_stdout() -> None:
    """Send what is left for stdout nowhere: Python would complain when it flushes at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def reader_may_leave() -> Iterator[None]:
    """Write to stdout inside; a reader that leaves ends the block quietly."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence_stdout()
