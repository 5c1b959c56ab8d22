"""The real clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from uuid import uuid4

#: Linux counts suspension on this clock only; elsewhere the monotonic clock is the best there is.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """This machine's clocks, as `core.protocols.Clock` asks for them."""

    @cached_property
    def clock_id(self) -> str:
        """Name this boot; where the system does not tell, this process, so that nothing compares."""
        try:
            return _BOOT_ID.read_text(encoding="ascii").strip()
        except OSError:
            return f"process-{uuid4()}"

    def now(self) -> datetime:
        """Give the wall clock in UTC."""
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        """Give seconds since boot, time in suspension included."""
        return time.monotonic() if _CLOCK is None else time.clock_gettime(_CLOCK)
