"""From figures to places on a picture: round steps of an axis, and short words for numbers and times."""

from __future__ import annotations

import math
from typing import Final

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_STEPS: Final = (1.0, 2.0, 5.0, 10.0)
#: Steps of an axis of time, in seconds.
_TIME_STEPS_S: Final = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200),
    86400,
)


def round_steps(highest: float, *, about: int = 4) -> list[float]:
    """Give the ticks of an axis from 0 to at least `highest`, in steps of 1, 2 or 5 times a power of ten."""
    if highest <= 0:
        return [0.0, 1.0]
    rough = highest / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * one for one in _STEPS if power * one >= rough * (1 - 1e-9))
    return [step * number for number in range(math.ceil(highest / step - 1e-9) + 1)]


def time_steps(span_s: float, *, about: int = 6) -> list[float]:
    """Give the ticks of an axis of time from 0 to at most `span_s`."""
    step = next((one for one in _TIME_STEPS_S if span_s / one <= about), None)
    if step is None:
        step = 86400 * math.ceil(span_s / 86400 / about)
    return [step * number for number in range(int(span_s / step + 1e-9) + 1)]


def decades(lowest: float, highest: float) -> list[float]:
    """Give the powers of ten from at most `lowest` to at least `highest` (both above 0)."""
    first = math.floor(math.log10(lowest) + 1e-9)
    last = max(first + 1, math.ceil(math.log10(highest) - 1e-9))
    return [10.0**power for power in range(first, last + 1)]


def number(value: float) -> str:
    """Give a figure without needless digits: `1,200`, `0.5`."""
    return f"{round(value):,}" if value == round(value) else f"{value:,.3g}"


def clock(seconds: float) -> str:
    """Give a moment of a run: `0`, `2.5 s`, `40 s`, `1:30`, `2:05 h`."""
    if seconds < _MINUTE_S:
        return f"{seconds:g} s" if seconds else "0"
    if seconds < _HOUR_S:
        return f"{int(seconds) // _MINUTE_S}:{int(seconds) % _MINUTE_S:02} min"
    return f"{int(seconds) // _HOUR_S}:{int(seconds) % _HOUR_S // _MINUTE_S:02} h"


def step(seconds: float) -> str:
    """Give the length of a bar: `0.25 s`, `30 s`, `10 min`, `2 h`."""
    if seconds < _MINUTE_S:
        return f"{seconds:g} s"
    return f"{seconds / _MINUTE_S:g} min" if seconds < _HOUR_S else f"{seconds / _HOUR_S:g} h"


def brief(seconds: float) -> str:
    """Give a short time as people write it: `0 ms`, `85 ms`, `1.2 s`, `90 s`, `5 min`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10 * _MINUTE_S:
        return f"{seconds:.3g} s"
    return f"{seconds / _MINUTE_S:.0f} min"


def percent(part: int, whole: int) -> str:
    """Give a share; what is not nothing is never written as 0, what is not all never as 100."""
    if not whole or not part:
        return "0 %"
    if part == whole:
        return "100 %"
    share = 100 * part / whole
    if share < 1:
        return "< 1 %"
    return "> 99 %" if share > 99 else f"{share:.0f} %"  # noqa: PLR2004 - a hundred less one
