"""The part of a report's page that says what `verify` found: counts, when, and causes with a remedy each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.verification import REMEDIES, Verdict
from bulkconn.report.markup import Markup, isolated, tag, together
from bulkconn.report.pieces import moment
from bulkconn.report.scales import percent
from bulkconn.report.words import plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.figures import Figures, Verified
    from bulkconn.core.verify_report import CauseGroup

#: The colours are those of states: well, lost, and for somebody to look at.
_COLOURS: Final[Mapping[Verdict, str]] = {
    Verdict.OK: "created",
    Verdict.UNREACHABLE: "failed",
    Verdict.MISSING: "failed",
    Verdict.CHANGED: "held",
}


def verified_part(figures: Figures) -> Markup:
    """Give the whole part; nothing where no row was ever verified."""
    verified = figures.verified
    if verified is None:
        return together()
    items = [
        _total(count, _word(verdict), verified.rows) for verdict, count in verified.counts.items() if count
    ]
    if verified.unknown:
        items.append(_total(verified.unknown, tag("span", "not verified", class_="state"), verified.rows))
    groups = [_group(group) for group in verified.groups]
    return together(
        _when(verified),
        tag("ul", *items, class_="totals"),
        tag("ul", *groups, class_="groups") if groups else "",
    )


def _when(verified: Verified) -> Markup:
    count = plural(verified.rows - verified.unknown, "connection")
    since, until = moment(verified.first_at), moment(verified.last_at)
    return tag("p", f"{count} looked at, between ", since, " and ", until, " UTC.", class_="quiet")


def _total(count: int, word: Markup, whole: int) -> Markup:
    share = tag("span", percent(count, whole), class_="quiet")
    return tag("li", tag("span", f"{count:,}", class_="count"), word, share)


def _word(verdict: Verdict) -> Markup:
    return tag("span", verdict.value, class_=f"state {_COLOURS[verdict]}")


def _group(group: CauseGroup) -> Markup:
    code = tag("code", isolated(group.code or "no code"))
    return tag(
        "li",
        tag(
            "p",
            tag("span", f"{group.rows:,}", class_="count"),
            _word(group.verdict),
            " ",
            code,
            class_="head",
        ),
        tag("p", isolated(group.example), class_="example"),
        tag("p", tag("b", "To do: "), REMEDIES[group.verdict], class_="remedy"),
    )
