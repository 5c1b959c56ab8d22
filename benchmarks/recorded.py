"""The ratios that were recorded, and which of them are grossly lost.

Absolute times depend on the machine and its neighbours; a ratio within one run does much less.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.figures import Figure

_RECORDED: Final = Path(__file__).with_name("recorded.json")
#: A ratio is lost when it is worse than the recorded one by more than this factor.
_GROSS: Final = 2.0


def losses(figures: Iterable[Figure]) -> list[str]:
    """Say which figures are worse than half of what was recorded; new ones cannot be."""
    recorded: dict[str, dict[str, object]] = json.loads(_RECORDED.read_text(encoding="utf-8"))
    found = []
    for figure in figures:
        known = recorded.get(figure.name)
        if known is None:
            continue
        ratio = float(str(known["ratio"]))
        is_lost = figure.ratio < ratio / _GROSS if known["more_is_better"] else figure.ratio > ratio * _GROSS
        if is_lost:
            found.append(f"{figure.name}: {figure.ratio:.2f}, recorded {ratio:.2f}")
    return found
