"""What a page is made of: scales, markup that nothing can break out of, and pictures with words."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from bulkconn.core.figures import (
    Bar,
    Figures,
    FleetFacts,
    Latencies,
    PacePoint,
    RunFacts,
    Share,
    Timeline,
    Verified,
)
from bulkconn.core.lifecycle import State
from bulkconn.core.record import AttemptEnd, ErrorGroup, Target
from bulkconn.core.verification import Verdict
from bulkconn.core.verify_report import CauseGroup
from bulkconn.report.brief import write_csv, write_json, write_markdown
from bulkconn.report.charts import closures, latency_chart, share_bar, timeline_chart
from bulkconn.report.markup import as_data, isolated, policy, tag, text
from bulkconn.report.page import Page, live_parts, write_page
from bulkconn.report.rows_table import MOST_ROWS
from bulkconn.report.scales import brief, clock, decades, number, percent, round_steps, step, time_steps

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVIL = "</script><script>alert(1)</script>"
COUNTS = {State.CREATED: 900, State.FAILED: 99, State.IN_DOUBT: 1}
ROW = (
    *(EVIL, "failed", "mysql", "azure", "prod", "basic", None, None, 1, "1312", EVIL, "r-1", "k-1"),
    *("eu.csv", 2, 1_772_366_400_000),
)


def figures(**changes: object) -> Figures:
    """Give figures with something of everything."""
    bars = (Bar(0, {AttemptEnd.CREATED: 12, AttemptEnd.NOT_PROCESSED: 2}), Bar(2, {AttemptEnd.REJECTED: 3}))
    paces = (PacePoint(0, 10, 10, 0), PacePoint(2, 5, 10, 1.5))
    values: dict[str, object] = {
        "ledger": EVIL,
        "target": Target("https://x.test/flowservice", "O@AdobeOrg"),
        "made_at": NOW,
        "counts": COUNTS,
        "groups": (ErrorGroup(State.FAILED, "1312-400", 99, f"said {EVIL} | a\nb"),),
        "oldest_doubt_at": NOW - timedelta(minutes=3),
        "sources": (Share(EVIL, COUNTS), Share("", {State.CREATED: 1})),
        "clouds": (Share("azure", COUNTS),),
        "sandboxes": (Share("prod", COUNTS),),
        "runs": (RunFacts(2, "r2", NOW, None, {}, {}), RunFacts(1, "r1", NOW, NOW, {}, {})),
        "run": RunFacts(2, "r2", NOW, None, {"rate_per_s": 10.0, "settle_grace_s": None, "marker": True}, {}),
        "timeline": Timeline(NOW, 1, 4, bars, paces),
        "latencies": Latencies(((0.1, 50), (2.0, 1)), 2.04),
        "fleet": (
            FleetFacts("r2", "active", "default", ("eu.csv",), {"queued": 2}, ("host, 7",), ((3, EVIL),)),
        ),
    }
    return Figures(**{**values, **changes})  # type: ignore[arg-type]  # by name, as they are


def page(shown: Figures, rows: tuple[tuple[object, ...], ...] = (ROW,)) -> str:
    """Give the page of these figures."""
    out = io.StringIO()
    write_page(Page(shown, lambda limit: rows[:limit], "--ledger a.db"), out)
    return out.getvalue()


class Tags(HTMLParser):
    """Collects the names of all elements, and whatever looks like a handler."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, name: str, attributes: list[tuple[str, str | None]]) -> None:
        """Take one element."""
        self.names.append(name)
        self.handlers += [key for key, _ in attributes if key.startswith("on") or key == "style"]


@pytest.mark.parametrize(
    ("highest", "steps"),
    [(0, [0, 1]), (4, [0, 1, 2, 3, 4]), (37, [0, 10, 20, 30, 40]), (0.3, [0, 0.1, 0.2, 0.3])],
)
def test_axis_has_round_steps_up_to_the_highest(highest: float, steps: list[float]) -> None:
    """A reader can reckon with the figures beside an axis."""
    assert round_steps(highest) == pytest.approx(steps)


@pytest.mark.parametrize(
    ("span_s", "steps"),
    [(0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]), (45, [0, 10, 20, 30, 40]), (7200, [0, 1800, 3600, 5400, 7200])],
)
def test_axis_of_time_stays_within_the_run(span_s: float, steps: list[float]) -> None:
    """Steps are those of a clock."""
    assert time_steps(span_s) == pytest.approx(steps)
    assert len(time_steps(100 * 86400)) <= 8


def test_figures_are_written_briefly() -> None:
    """No needless digits; nothing that exists is written as nothing."""
    assert [number(one) for one in (1200, 0.5, 3.14159)] == ["1,200", "0.5", "3.14"]
    assert [clock(one) for one in (0, 2.5, 90, 7500)] == ["0", "2.5 s", "1:30 min", "2:05 h"]
    assert [step(one) for one in (0.25, 30, 600, 7200)] == ["0.25 s", "30 s", "10 min", "2 h"]
    assert [brief(one) for one in (0.085, 1.234, 90, 1800)] == ["85 ms", "1.23 s", "90 s", "30 min"]
    assert [percent(one, 1000) for one in (0, 1, 500, 999, 1000)] == [
        "0 %",
        "< 1 %",
        "50 %",
        "> 99 %",
        "100 %",
    ]
    assert decades(0.02, 3) == pytest.approx([0.01, 0.1, 1, 10])


def test_words_of_others_never_become_markup() -> None:
    """Text, attributes, data inside a script: a tag stays words."""
    assert text("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#x27;"
    assert tag("p", "<i>", title='"><x') == '<p title="&quot;&gt;&lt;x">&lt;i&gt;</p>'
    assert tag("td", tag("b", "x"), hidden=True, id=None) == "<td hidden><b>x</b></td>"
    assert "<" not in as_data([EVIL, "<!--"])
    assert json.loads(as_data([EVIL, "\ud800"])) == [EVIL, "\ud800"]
    assert isolated("a\u202eb") == "<bdi>a‹U+202E›b</bdi>"


def test_page_has_only_its_own_elements_and_no_inline_handlers() -> None:
    """The policy would refuse them; none is there to be refused."""
    tags = Tags()
    tags.feed(page(figures()))
    assert tags.handlers == []
    assert tags.names.count("script") == 2
    assert tags.names.count("style") == 1
    assert {"img", "iframe", "object", "form"}.isdisjoint(tags.names)
    assert tags.names.count("svg") >= 6 + 5


def test_page_loads_nothing_from_outside() -> None:
    """No address in it is one that a browser fetches."""
    written = page(figures())
    assert "default-src &#x27;none&#x27;" in written
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', written)
    assert "url(" not in written
    assert "@import" not in written


def test_page_shows_settings_remedies_and_no_end() -> None:
    """What a reader wants to know of a run is said in words."""
    written = page(figures())
    assert "900 of 1,000 rows have their connection" in written
    assert "<dt>rate (ceiling)</dt><dd><bdi>10 a second</bdi></dd>" in written
    assert "<dt>settle grace</dt><dd><bdi>never</bdi></dd>" in written
    assert "correct the rows, then run the same command with --retry-failed" in written
    assert "it goes on, or was cut off" in written
    assert "1 worker at work" in written


def test_page_beyond_the_most_rows_shows_groups_and_the_export() -> None:
    """A million rows are no page; where to have them is said."""
    written = page(figures(counts={State.CREATED: MOST_ROWS + 1}))
    assert "100,001 rows are too many for a page" in written
    assert "bulkconn export --ledger a.db" in written
    assert 'id="rows-table"' not in written
    assert "k-1" not in written


def test_page_of_an_empty_ledger_says_so() -> None:
    """Nothing yet is no reason to break."""
    empty = figures(
        counts={}, groups=(), oldest_doubt_at=None, sources=(), clouds=(), sandboxes=(), run=None, runs=(),
        timeline=None, latencies=None, fleet=(),
    )  # fmt: skip
    assert "No rows yet" in page(empty, ())
    assert live_parts(Page(empty, lambda _: (), "--ledger a", is_live=True))["rows-data"] == "[]"


def test_live_parts_are_the_insides_of_elements_of_the_page() -> None:
    """Each part finds its place: an element of that id is on the page."""
    live = Page(figures(), lambda limit: (ROW,)[:limit], "--ledger a.db", is_live=True)
    out = io.StringIO()
    write_page(live, out)
    for name in live_parts(live):
        assert f'id="{name}"' in out.getvalue()


def test_policy_names_the_hash_of_each_script() -> None:
    """sha256 of the very text between the tags."""
    said = policy("a{}", "x()", "y()")
    assert said.count("'sha256-") == 3
    assert "'unsafe-inline'" not in said


def test_charts_draw_every_stretch_and_say_it_in_words() -> None:
    """A bar for each kind of answer, bands where the gate was closed, lines for pace and ceiling."""
    timeline = figures().timeline
    assert timeline is not None
    drawn = timeline_chart(timeline, ceiling_per_s=None, name="words")
    assert drawn.count('aria-label="words"') == 3
    for kind in ("created", "not_processed", "rejected", "closed"):
        assert drawn.count(f'<rect class="{kind}"') == 3
    assert drawn.count('<path class="pace"') == drawn.count('<path class="ceiling"') == 3


def test_closures_of_several_workers_are_one() -> None:
    """Each worker notes the gate that all of them share; a band is drawn once."""
    points = [
        PacePoint(0, 5, 9, 1),
        PacePoint(0.5, 5, 9, 2),
        PacePoint(0.6, 5, 9, 0.1),
        PacePoint(4, 5, 9, 0),
    ]
    assert closures([*points, PacePoint(5, 5, 9, 1)]) == [(0, 2.5), (5, 6)]


def test_finished_runs_of_a_fleet_give_way_to_those_that_go_on() -> None:
    """A ledger may have seen hundreds; the newest is shown where nothing goes on."""
    done = FleetFacts("r1", "finished", "default", ("a.csv",), {"done": 2}, (), ())
    older = FleetFacts("r0", "finished", "default", ("a.csv",), {"done": 2}, (), ())
    active = FleetFacts("r2", "active", "default", ("a.csv",), {"queued": 2}, (), ())
    both = page(figures(fleet=(done, active, older)))
    assert "0 workers at work" in both
    assert "<code>r1</code>" not in both.partition('id="errors"')[0]
    history = page(figures(fleet=(done, older))).partition('id="errors"')[0]
    assert "<code>r1</code>" in history
    assert "<code>r0</code>" not in history
    assert "at work" not in history


def test_ceiling_far_above_what_was_sent_does_not_flatten_the_bars() -> None:
    """Its figure stands in the key; the axis is that of the answers."""
    timeline = Timeline(NOW, 1, 4, (Bar(0, {AttemptEnd.CREATED: 2}),))
    drawn = timeline_chart(timeline, ceiling_per_s=1000, name="words")
    assert "1,000" not in drawn
    assert "<path" not in drawn


def test_latency_chart_marks_the_quantiles() -> None:
    """Median, 95 % and 99 % stand above the bars they belong to."""
    drawn = latency_chart(Latencies(((0.02, 90), (0.5, 9), (20, 1)), 21), name="words")
    assert drawn.count('class="mark"') == 9
    assert "median" in drawn
    assert "100 ms" in drawn


def test_share_bar_never_exceeds_its_whole() -> None:
    """One row of a million is seen, and the bar ends where it should."""
    drawn = share_bar([("created", 999_999), ("failed", 1), ("held", 0)], whole=1_000_000)
    edges = [float(x) + float(w) for x, w in re.findall(r'x="([\d.]+)" y="0" width="([\d.]+)"', drawn)]
    assert len(edges) == 2
    assert max(edges) <= 100


VERIFIED = Verified(
    {Verdict.OK: 880, Verdict.UNREACHABLE: 15, Verdict.MISSING: 0, Verdict.CHANGED: 1},
    4,
    NOW - timedelta(hours=1),
    NOW,
    (CauseGroup(Verdict.UNREACHABLE, "test_failed", 15, f"k-1: {EVIL} | a\nb"),),
)


def test_page_shows_what_verify_found_and_when() -> None:
    """Counts, causes with a remedy each, and rows that were never looked at; nothing if nobody verified."""
    shown = page(figures(verified=VERIFIED))
    plain = re.sub(r"<[^>]*>", " ", shown)
    words = " ".join(plain.split())
    assert "896 connections looked at, between 2026-03-01 11:00:00 and 2026-03-01 12:00:00 UTC." in words
    assert "880 ok 98 % 15 unreachable 2 % 1 changed &lt; 1 % 4 not verified &lt; 1 %" in words
    assert "15 unreachable test_failed" in words
    assert "bulkconn verify --only failing" in words
    assert EVIL not in shown
    assert re.search(r'<section id="verified"[^>]* hidden', page(figures()))


def test_brief_forms_tell_what_verify_found() -> None:
    """The same counts for programs, spreadsheets and tickets."""
    out = io.StringIO()
    write_json(figures(verified=VERIFIED), out)
    told = json.loads(out.getvalue())["verification"]
    assert (told["rows"], told["unknown"], told["last_at"]) == (900, 4, NOW.isoformat())
    assert told["counts"] == {"ok": 880, "unreachable": 15, "missing": 0, "changed": 1}
    assert [tuple(one) for one in told["groups"]] == [("verdict", "code", "rows", "example", "fix")]
    out = io.StringIO()
    write_csv(figures(verified=VERIFIED), out)
    lines = [tuple(line.values()) for line in csv.DictReader(io.StringIO(out.getvalue()))]
    assert [one for one in lines if one[0] == "verification"] == [
        ("verification", "", "ok", "880"),
        ("verification", "", "unreachable", "15"),
        ("verification", "", "missing", "0"),
        ("verification", "", "changed", "1"),
        ("verification", "", "unknown", "4"),
        ("verification", "test_failed", "unreachable", "15"),
    ]
    out = io.StringIO()
    write_markdown(figures(verified=VERIFIED), out)
    assert "Verified between 2026-03-01 11:00:00 and 2026-03-01 12:00:00 UTC:" in out.getvalue()
    assert "| not verified | 4 |" in out.getvalue()
    assert "| 15 | unreachable | test\\_failed | k-1: " in out.getvalue()
    assert EVIL not in out.getvalue()
    out = io.StringIO()
    write_json(figures(), out)
    assert json.loads(out.getvalue())["verification"] is None


def test_brief_forms_say_the_same() -> None:
    """JSON, CSV and Markdown come from the same figures."""
    shown = figures()
    out = io.StringIO()
    write_json(shown, out)
    data = json.loads(out.getvalue())
    assert data["counts"]["created"] == 900
    assert data["errors"][0]["fix"].startswith("correct the rows")
    assert data["timeline"]["paces"][1] == {
        "from_s": 2, "rate_per_s": 5, "ceiling_per_s": 10, "closed_for_s": 1.5,
    }  # fmt: skip
    out = io.StringIO()
    write_csv(shown, out)
    lines = list(csv.DictReader(io.StringIO(out.getvalue())))
    assert {"of": "rows", "name": "", "figure": "created", "value": "900"} in lines
    assert {"of": "pace", "name": "2 s", "figure": "rate_per_s", "value": "5"} in lines
    out = io.StringIO()
    write_markdown(shown, out)
    assert "| created | 900 | 90 % |" in out.getvalue()
    assert EVIL not in out.getvalue()
    assert "\\| a b" in out.getvalue()
