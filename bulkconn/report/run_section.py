"""The parts of a page about runs: the one that is shown with its settings, and those that workers share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.report.markup import Markup, isolated, tag, together
from bulkconn.report.pieces import details, moment
from bulkconn.report.scales import brief, number
from bulkconn.report.words import duration, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bulkconn.core.figures import Figures, FleetFacts, RunFacts


#: States of submitted runs that no worker will do anything more for.
_ENDED: Final = ("finished", "cancelled")


def fleet_part(figures: Figures) -> Markup:
    """Give the runs that were submitted to workers, and the pace that the workers share."""
    if not figures.fleet:
        return together()
    now = figures.pace_now
    pace = together()
    if now is not None:
        gate = f"; the gate is closed for {brief(now.closed_for_s)} more" if now.closed_for_s else ""
        pace = tag("p", f"All workers together: {number(now.rate_per_s)} requests a second{gate}.")
    # Finished runs are history: of them only those with shards that broke, or the newest.
    shown = [one for one in figures.fleet if _goes_on(one) or one.errors] or figures.fleet[:1]
    return together(pace, *map(_submitted, shown))


def _goes_on(fleet: FleetFacts) -> bool:
    return bool(fleet.workers) or fleet.state not in _ENDED


def _submitted(fleet: FleetFacts) -> Markup:
    total = sum(fleet.shards.values())
    shards = ", ".join(f"{count:,} {state.replace('_', ' ')}" for state, count in fleet.shards.items())
    facts = [
        ("state", fleet.state),
        ("queue", fleet.queue),
        (plural(total, "shard"), shards or "none"),
        ("inventories", ", ".join(fleet.inventories)),
    ]
    workers = [tag("li", isolated(worker)) for worker in fleet.workers]
    stopped = [tag("li", tag("b", f"shard {number_}: "), isolated(error)) for number_, error in fleet.errors]
    return tag(
        "div",
        tag("h3", "Run ", tag("code", fleet.run_id)),
        tag(
            "dl",
            *(tag("div", tag("dt", name), tag("dd", isolated(value))) for name, value in facts),
            class_="facts",
        ),
        tag("p", plural(len(workers), "worker"), " at work", class_="quiet") if _goes_on(fleet) else "",
        tag("ul", *workers, class_="workers") if workers else "",
        tag("ul", *stopped, class_="workers") if stopped else "",
        class_="card",
    )


def run_part(figures: Figures) -> Markup:
    """Give the run that is shown, its settings, and the ledger's other runs."""
    run = figures.run
    if run is None:
        return together()
    settings = [
        tag("div", tag("dt", _said(key)), tag("dd", isolated(_value(key, value))))
        for key, value in run.settings.items()
    ]
    facts = tag("dl", *settings, class_="facts")
    return together(tag("p", _story(run)), facts, _runs(figures.runs, run))


def _story(run: RunFacts) -> Markup:
    if run.ended_at is None:
        end = together(" and has no recorded end: it goes on, or was cut off.")
    else:
        end = together(
            ", ended ",
            moment(run.ended_at),
            f" UTC after {_took(run)}.",
        )
    return together("Run ", tag("code", run.run_id), " began ", moment(run.began_at), " UTC", end)


def _runs(runs: Sequence[RunFacts], shown: RunFacts) -> Markup:
    if len(runs) < 2:  # noqa: PLR2004 - one run is the one above
        return together()
    rows = [
        tag(
            "tr",
            tag("th", tag("code", run.run_id), " (above)" if run.number == shown.number else "", scope="row"),
            tag("td", moment(run.began_at)),
            tag(
                "td",
                _took(run),
                class_="n",
            ),
        )
        for run in runs
    ]
    head = tag(
        "tr",
        tag("th", "Run", scope="col"),
        tag("th", "Began (UTC)", scope="col"),
        tag("th", "Took", scope="col", class_="n"),
    )
    return details(
        "runs", f"The ledger's last {len(runs)} runs", tag("table", tag("thead", head), tag("tbody", *rows))
    )


def _took(run: RunFacts) -> str:
    return "no end" if run.ended_at is None else duration((run.ended_at - run.began_at).total_seconds())


def _said(key: str) -> str:
    name = key.removesuffix("_per_s").removesuffix("_s").replace("_", " ")
    return {"rate": "rate (ceiling)"}.get(name, name)


def _value(key: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        value = ", ".join(map(str, value)) or None
    if value is None:
        return "never" if key == "settle_grace_s" else "none"
    if not isinstance(value, int | float):
        return str(value)
    if key.endswith("_per_s"):
        return f"{number(value)} a second"
    return f"{number(value)} s" if key.endswith("_s") else number(value)
