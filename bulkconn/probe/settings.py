"""What a check is told by its user."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How hard databases are probed.

    `concurrency` probes run at once, `per_host` of them at one address. Each may take `timeout_s`
    seconds from its first to its last byte.
    """

    concurrency: int = 32
    per_host: int = 4
    timeout_s: float = 10.0
