"""Numbers as flags take them; what is wrong is told with the flag, its variable and a remedy."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from bulkconn.core.errors import UsageError

if TYPE_CHECKING:
    _FloatType = click.ParamType[float]
else:
    # Before 8.4 click's class took no parameter.
    _FloatType = click.ParamType


class Number(_FloatType):
    """A number within bounds; `example` is what the remedy shows."""

    name = "number"

    def __init__(
        self,
        *,
        above: float | None = None,
        at_least: float | None = None,
        at_most: float | None = None,
        whole: bool = False,
        never: bool = False,
        example: str,
    ) -> None:
        """Set the bounds.

        Args:
            above: The number must be greater than this.
            at_least: The number must not be less.
            at_most: The number must not be greater.
            whole: Fractions are refused.
            never: The word `never` is allowed, and becomes infinity.
            example: A number that most users would take.
        """
        self.above = above
        self.at_least = at_least
        self.at_most = at_most
        self.whole = whole
        self.never = never
        self.example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401, ARG002 - click's signature
        """Read a number.

        Raises:
            UsageError: it is none, or out of bounds.
        """
        if self.never and (value == math.inf or str(value).strip().lower() == "never"):
            return math.inf
        try:
            number = float("nan") if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number) or not self._is_within(number):
            flag, variable = names_of(param)
            raise UsageError(
                f"{flag} must be {self._allowed()}; found {str(value)[:40]!r}",
                fix=f"give {flag} (or {variable}) a number such as {self.example}",
            )
        return int(number) if self.whole else number

    def _is_within(self, number: float) -> bool:
        return (
            (self.above is None or number > self.above)
            and (self.at_least is None or number >= self.at_least)
            and (self.at_most is None or number <= self.at_most)
            and (not self.whole or number == int(number))
        )

    def _allowed(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        bounds = []
        if self.above is not None:
            bounds.append(f"above {self.above:g}")
        if self.at_least is not None:
            bounds.append(f"of at least {self.at_least:g}")
        if self.at_most is not None:
            bounds.append(f"at most {self.at_most:g}")
        return f"{kind} {' and '.join(bounds)}{', or never' if self.never else ''}"


def names_of(param: click.Parameter | None) -> tuple[str, str]:
    """Give a parameter's flag and environment variable, as messages name them."""
    if param is None:
        return "the number", "its variable"
    variable = param.envvar if isinstance(param.envvar, str) else "bulkconn.toml"
    return param.opts[0], variable
