"""Small parts of a page that more than one section has: times, states, what is folded away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bulkconn.report.markup import Markup, tag

if TYPE_CHECKING:
    from datetime import datetime


def moment(at: datetime, *, seconds: bool = True) -> Markup:
    """Give a time for people and for programs."""
    return tag(
        "time", f"{at:%Y-%m-%d %H:%M:%S}" if seconds else f"{at:%Y-%m-%d %H:%M}", datetime=at.isoformat()
    )


def state_word(state: str) -> Markup:
    """Give a state with its colour."""
    return tag("span", state.replace("_", " "), class_=f"state {state}")


def details(name: str, title: str, inside: Markup) -> Markup:
    """Give what is folded away until somebody asks for it; wide things scroll inside it."""
    box = tag("div", inside, class_="scroll", tabindex="0", role="region", aria_label=title)
    return tag("details", tag("summary", title, id=f"{name}-summary"), box, id=name)
