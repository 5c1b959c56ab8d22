"""The parts of a report's page above its rows: outcome, time, places, errors, runs and settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.core.lifecycle import State
from bulkconn.core.record import AttemptEnd
from bulkconn.core.remedies import remedy_for
from bulkconn.report.charts import STACK, latency_chart, share_bar, timeline_chart
from bulkconn.report.markup import Markup, isolated, tag, text, together
from bulkconn.report.pieces import details, moment, state_word
from bulkconn.report.run_section import fleet_part, run_part
from bulkconn.report.scales import brief, clock, number, percent, step
from bulkconn.report.verified_section import verified_part
from bulkconn.report.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.figures import Figures, Share, Timeline

#: In which order states are shown: what is done, what somebody must look at, what is to come.
STATES: Final = (
    *(State.CREATED, State.ADOPTED, State.FAILED, State.HELD, State.IN_DOUBT, State.SENDING, State.PENDING),
    State.DELETED,
)
_DONE: Final = (State.CREATED, State.ADOPTED)
ENDS: Final = {
    AttemptEnd.CREATED: "created",
    AttemptEnd.IN_DOUBT: "in doubt",
    AttemptEnd.REJECTED: "refused",
    AttemptEnd.NOT_PROCESSED: "not processed",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page; an empty one is not shown."""

    name: str
    title: str
    body: Markup

    def inside(self) -> Markup:
        """Give heading and body; nothing where it is empty."""
        return (
            together(tag("h2", self.title, id=f"{self.name}-title"), self.body) if self.body else Markup("")
        )

    def as_markup(self) -> Markup:
        """Give the whole part, hidden while it is empty."""
        labelled = f"{self.name}-title"
        return tag("section", self.inside(), id=self.name, aria_labelledby=labelled, hidden=not self.body)


def sections(figures: Figures) -> list[Section]:
    """Give the parts in the order in which they are read."""
    return [
        Section("outcome", "Outcome", _outcome(figures)),
        Section("fleet", "Workers and queue", fleet_part(figures)),
        Section("errors", "What needs somebody", _errors(figures)),
        Section("verified", "What verify found", verified_part(figures)),
        Section("time", "Answers over time", _timeline(figures)),
        Section("latency", "How long answers took", _latency(figures)),
        Section("places", "By source, cloud and sandbox", _places(figures)),
        Section("run", "Run", run_part(figures)),
    ]


def headline(figures: Figures) -> Markup:
    """Give the one sentence to remember."""
    done = sum(figures.counts.get(state, 0) for state in _DONE)
    if not figures.rows:
        return text("No rows yet")
    if done == figures.rows:
        return text(f"All {plural(done, 'row')} {'has its' if done == 1 else 'have their'} connection")
    return text(
        f"{done:,} of {plural(figures.rows, 'row')} {'has its' if done == 1 else 'have their'} connection"
    )


# --- outcome --------------------------------------------------------------------------------------


def _outcome(figures: Figures) -> Markup:
    shown = [(state, figures.counts.get(state, 0)) for state in STATES]
    items = [
        tag(
            "li",
            tag("span", f"{count:,}", class_="count"),
            state_word(state),
            tag("span", percent(count, figures.rows), class_="quiet"),
        )
        for state, count in shown
        if count
    ]
    doubt = together()
    if figures.oldest_doubt_at is not None:
        age_s = max(0.0, (figures.made_at - figures.oldest_doubt_at).total_seconds())
        since = moment(figures.oldest_doubt_at)
        doubt = tag(
            "p",
            "The oldest row in doubt has been so since ",
            since,
            f" UTC ({duration(age_s)}).",
            class_="quiet",
        )
    if not items:
        return tag("p", "The ledger holds no rows yet.", class_="quiet")
    bar = share_bar([(state.value, count) for state, count in shown], whole=figures.rows, tall=True)
    return together(bar, tag("ul", *items, class_="totals"), doubt)


# --- errors ---------------------------------------------------------------------------------------


def _errors(figures: Figures) -> Markup:
    parts = []
    for group in figures.groups:
        example = tag("p", isolated(group.example), class_="example") if group.example else ""
        parts.append(
            tag(
                "li",
                tag(
                    "p",
                    tag("span", f"{group.rows:,}", class_="count"),
                    state_word(group.state),
                    " ",
                    tag("code", isolated(group.code or "no code")),
                    class_="head",
                ),
                example,
                tag("p", tag("b", "To do: "), remedy_for(group.code), class_="remedy"),
            )
        )
    return tag("ul", *parts, class_="groups") if parts else together()


# --- time -----------------------------------------------------------------------------------------


def _timeline(figures: Figures) -> Markup:
    timeline, run = figures.timeline, figures.run
    if timeline is None or run is None or not timeline.bars:
        return together()
    given = run.settings.get("rate_per_s")
    ceiling = float(given) if isinstance(given, int | float) else None
    totals = _totals(timeline)
    said = ", ".join(f"{totals[end]:,} {ENDS[end]}" for end in STACK if totals[end])
    every = f"{step(timeline.width_s)} a bar"
    name = f"Answers per second over {duration(timeline.span_s)}: {said}"
    keys = [tag("li", ENDS[end], class_=f"key {end.value}") for end in STACK if totals[end]]
    if timeline.paces:
        keys += [tag("li", "pace", class_="key pace"), tag("li", "ceiling", class_="key ceiling")]
        if any(point.closed_for_s for point in timeline.paces):
            keys.append(tag("li", "gate closed", class_="key closed"))
    elif ceiling is not None:
        keys.append(tag("li", f"ceiling {number(ceiling)} a second", class_="key ceiling"))
    caption = tag(
        "p",
        f"Answers per second, {every}, from the first request at ",
        moment(timeline.began_at),
        " UTC.",
        class_="quiet",
    )
    chart = timeline_chart(timeline, ceiling_per_s=ceiling, name=name)
    return together(caption, tag("ul", *keys, class_="keys"), chart, _as_table(timeline))


def _totals(timeline: Timeline) -> dict[AttemptEnd, int]:
    return {end: sum(bar.answers.get(end, 0) for bar in timeline.bars) for end in STACK}


def _as_table(timeline: Timeline) -> Markup:
    """Give the bars as figures, for those who cannot see them or want them exactly."""
    used = [end for end, count in _totals(timeline).items() if count]
    head = tag(
        "tr", tag("th", "From", scope="col"), *(tag("th", ENDS[end], scope="col", class_="n") for end in used)
    )
    rows = [
        tag(
            "tr",
            tag("th", clock(bar.from_s), scope="row"),
            *(tag("td", f"{bar.answers.get(end, 0):,}", class_="n") for end in used),
        )
        for bar in timeline.bars
    ]
    return details(
        "timeline-figures", "The same in figures", tag("table", tag("thead", head), tag("tbody", *rows))
    )


def _latency(figures: Figures) -> Markup:
    latencies = figures.latencies
    if latencies is None or not latencies.total:
        return together()
    marks = [
        ("median", latencies.quantile(0.5)),
        ("95 %", latencies.quantile(0.95)),
        ("99 %", latencies.quantile(0.99)),
    ]
    marks.append(("longest", latencies.longest_s))
    facts = [tag("div", tag("dt", name), tag("dd", brief(seconds))) for name, seconds in marks]
    name = f"{latencies.total:,} answers by how long they took: " + ", ".join(
        f"{one} {brief(s)}" for one, s in marks
    )
    caption = tag(
        "p",
        f"From intent to outcome, {plural(latencies.total, 'answer')}; the scale is logarithmic.",
        class_="quiet",
    )
    return together(caption, tag("dl", *facts, class_="facts"), latency_chart(latencies, name=name))


# --- places ---------------------------------------------------------------------------------------


def _places(figures: Figures) -> Markup:
    if not figures.rows:
        return together()
    tables = [
        _shares(title, shares)
        for title, shares in (
            ("Source", figures.sources),
            ("Cloud", figures.clouds),
            ("Sandbox", figures.sandboxes),
        )
    ]
    return tag("div", *tables, class_="places")


def _shares(title: str, shares: Sequence[Share]) -> Markup:
    most = max((share.rows for share in shares), default=1)
    used = [state for state in STATES if any(share.counts.get(state, 0) for share in shares)]
    rows = []
    for share in shares:
        done = sum(share.counts.get(state, 0) for state in _DONE)
        rest = ", ".join(
            f"{share.counts[state]:,} {state.value.replace('_', ' ')}"
            for state in used
            if state not in _DONE and share.counts.get(state, 0)
        )
        bar = share_bar([(state.value, share.counts.get(state, 0)) for state in used], whole=most)
        label = isolated(share.name) if share.name else tag("i", "all others")
        rows.append(
            tag(
                "tr",
                tag("th", label, bar, scope="row"),
                tag("td", f"{share.rows:,}", class_="n"),
                tag("td", f"{done:,}", class_="n"),
                tag("td", rest or "none", class_="rest"),
            )
        )
    head = tag(
        "tr",
        tag("th", title, scope="col"),
        tag("th", "Rows", scope="col", class_="n"),
        tag("th", "Connected", scope="col", class_="n"),
        tag("th", "Otherwise", scope="col"),
    )
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="shares")


def about(figures: Figures) -> Mapping[str, Markup]:
    """Give what stands below the headline: which ledger, whose, as of when."""
    return {
        "Ledger": isolated(figures.ledger),
        "Organisation": isolated(figures.target.org_id),
        "Service": isolated(figures.target.base_url),
        "As of": together(moment(figures.made_at), " UTC"),
    }
