"""A report as one page of HTML that loads nothing: written row by row, memory does not grow with the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TextIO

from bulkconn import __version__
from bulkconn.report.markup import Markup, asset, policy, tag, together
from bulkconn.report.pieces import moment
from bulkconn.report.rows_table import MOST_ROWS, READ_ROWS, rows_data, rows_note, rows_table, rows_tools
from bulkconn.report.sections import about, headline, sections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from bulkconn.core.figures import Figures

    #: Gives up to so many rows, as the ledger's `ROW_COLUMNS`.
    Rows = Callable[[int], Iterable[Sequence[Any]]]

_ICON: Final = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E"
    "%3Crect width='16' height='16' rx='3' fill='%232f6f57'/%3E"
    "%3Cpath d='M4 5h8M4 8h8M4 11h5' stroke='%23fff' stroke-width='1.6'/%3E%3C/svg%3E"
)
#: Added to the policy of a page that is sent by a server.
_SERVED: Final = "; frame-ancestors 'none'; form-action 'none'"
_LIVE: Final = "; connect-src 'self'; frame-ancestors 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class Page:
    """What a page is made of besides its figures: the words that name its ledger to `bulkconn export`."""

    figures: Figures
    rows: Rows
    ledger_words: str
    is_live: bool = False

    @property
    def shown(self) -> int:
        """How many rows it holds."""
        total = self.figures.rows
        if self.is_live:
            return min(total, READ_ROWS)
        return total if total <= MOST_ROWS else 0


def served_policy(*, is_live: bool) -> str:
    """Give the header of content security policy with which a page is served."""
    if is_live:
        return policy(asset("page.css"), asset("rows.js"), asset("live.js"), more=_LIVE)
    return policy(asset("page.css"), asset("rows.js"), more=_SERVED)


def write_page(page: Page, out: TextIO) -> None:
    """Write the whole page."""
    out.write(_head(page))
    out.write(together(_header(page), Markup("<main>")))
    out.writelines(section.as_markup() for section in sections(page.figures))
    _write_rows(page, out)
    out.write(together(Markup("</main>"), _footer(page)))
    _write_data(page, out)
    out.write(_script(asset("rows.js")))
    if page.is_live:
        out.write(_script(asset("live.js")))
    out.write("</body></html>\n")


def live_parts(page: Page) -> dict[str, str]:
    """Give the parts of a live page that change, by the id of the element whose inside each is."""
    parts = {
        "headline": headline(page.figures),
        "about": _about(page.figures),
        "rows-note": _note(page),
        "rows-data": Markup(f"[{','.join(rows_data(row) for row in page.rows(page.shown))}]"),
    }
    for section in sections(page.figures):
        parts[section.name] = section.inside()
    return {name: str(part) for name, part in parts.items()}


def _head(page: Page) -> Markup:
    style = asset("page.css")
    scripts = [asset("rows.js"), *([asset("live.js")] if page.is_live else [])]
    said = policy(
        style,
        *scripts,
        more="; connect-src 'self'; form-action 'none'" if page.is_live else "; form-action 'none'",
    )
    title = f"{headline(page.figures)} – bulkconn"
    return together(
        Markup('<!doctype html>\n<html lang="en"><head><meta charset="utf-8"/>'),
        tag("meta", http_equiv="Content-Security-Policy", content=said),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="generator", content=f"bulkconn {__version__}"),
        tag("title", Markup(title)),
        tag("link", rel="icon", href=_ICON),
        tag("style", Markup(style)),
        Markup(f"</head><body{' data-live' if page.is_live else ''}>"),
    )


def _header(page: Page) -> Markup:
    word = "Live" if page.is_live else "Report"
    live = tag("p", "waiting for news", id="live", role="status", class_="quiet") if page.is_live else ""
    return together(
        tag("a", "Skip to the rows", class_="skip", href="#rows"),
        tag(
            "header",
            tag("p", "bulkconn", tag("span", f" · {word}"), class_="brand"),
            tag("h1", headline(page.figures), id="headline"),
            tag("dl", _about(page.figures), id="about", class_="facts about"),
            live,
        ),
    )


def _about(figures: Figures) -> Markup:
    return together(
        *(tag("div", tag("dt", name), tag("dd", value)) for name, value in about(figures).items())
    )


def _write_rows(page: Page, out: TextIO) -> None:
    out.write('<section id="rows" aria-labelledby="rows-title" tabindex="-1">')
    out.write(
        together(tag("h2", "Rows", id="rows-title"), tag("p", _note(page), id="rows-note", class_="quiet"))
    )
    if page.shown or page.is_live:
        out.write(rows_tools())
        out.write(rows_table(page.rows(min(page.shown, READ_ROWS))))
    out.write("</section>")


def _note(page: Page) -> Markup:
    return rows_note(page.figures.rows, page.shown, page.ledger_words, is_live=page.is_live)


def _write_data(page: Page, out: TextIO) -> None:
    out.write('<script type="application/json" id="rows-data">[')
    if page.shown:
        rows = enumerate(page.rows(page.shown))
        out.writelines(f"{',' if number else ''}\n{rows_data(row)}" for number, row in rows)
    out.write("\n]</script>")


def _footer(page: Page) -> Markup:
    figures = page.figures
    full = tag("a", "The whole report", href="report.html") if page.is_live else ""
    return tag(
        "footer",
        tag(
            "p",
            "Made by bulkconn ",
            __version__,
            " at ",
            moment(figures.made_at),
            " UTC from ",
            tag("bdi", figures.ledger),
            ". It holds no password, no token and nothing of what was sent but names.",
        ),
        tag("p", full) if full else "",
    )


def _script(content: str) -> Markup:
    return Markup(f"<script>{content}</script>")
