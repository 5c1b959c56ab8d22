"""The body of `serve`: the page of a ledger, live in a browser, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click

from bulkconn.cli.depicting import asked, found, page_of, write_report
from bulkconn.cli.given import Given
from bulkconn.cli.signals import listening
from bulkconn.cli.wiring import about_ledger, ledger_place, run_async, shown_place
from bulkconn.core.errors import ExitCode, UsageError
from bulkconn.ledger.figures import read_figures
from bulkconn.ledger.places import open_read_only
from bulkconn.live.access import SHORTEST_TOKEN, Access, is_loopback, new_token
from bulkconn.live.server import Views, serving
from bulkconn.report.door import DOOR_POLICY, door
from bulkconn.report.page import live_parts, served_policy, write_page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from bulkconn.ledger.locate import Place
    from bulkconn.report.page import Page

TOKEN_VARIABLE: Final = "BULKCONN_SERVE_TOKEN"  # noqa: S105 - its name


def serve(params: Mapping[str, Any]) -> int:
    """Do what `bulkconn serve` was asked for, and give the exit code."""
    given = Given.of(params)
    host, port = given.text("host") or "127.0.0.1", int(given.number("port"))
    token = _token(host)
    place = ledger_place(given)
    shown = _Shown(place, given.text("run"))
    with about_ledger(place):
        # What is wrong from the start is told here, not in a browser.
        shown.parts()
    return run_async(lambda: _serve(shown, Access(token, _names(host, params["allow_host"])), host, port))


class _Shown:
    """The ledger as it is shown: opened for each look, so that none keeps a run from tidying its log."""

    def __init__(self, place: Place, run_id: str | None) -> None:
        self._place = place
        self._run_id = run_id

    def parts(self) -> Mapping[str, str]:
        """Give the parts of the live page."""
        parts: Mapping[str, str] = self._with_page(live_parts)
        return parts

    def write_page(self, out: TextIO) -> None:
        """Write the live page."""
        self._with_page(lambda page: write_page(page, out))

    def write(self, format_: str) -> Callable[[TextIO], None]:
        """Give what writes the report in this format."""

        def write(out: TextIO) -> None:
            with closing(open_read_only(self._place)) as store:
                write_report(store, asked(self._place, self._run_id), format_, out)

        return write

    def _with_page(self, work: Callable[[Page], Any]) -> Any:  # noqa: ANN401 - what the work gives
        wanted = asked(self._place, self._run_id)
        with closing(open_read_only(self._place)) as store, store.snapshot():
            return work(page_of(store, found(read_figures(store, wanted), wanted), is_live=True))

    @property
    def words(self) -> str:
        """Say which ledger it is."""
        return shown_place(self._place)


async def _serve(shown: _Shown, access: Access, host: str, port: int) -> int:
    stop = asyncio.Event()
    views = Views(
        parts=shown.parts,
        write_page=shown.write_page,
        write_report=shown.write("html"),
        write_figures=shown.write("json"),
        door=door,
        page_policy=served_policy(is_live=True),
        report_policy=served_policy(is_live=False),
        door_policy=DOOR_POLICY,
    )
    with listening() as interrupts:
        interrupts.on_first = stop.set
        async with serving(views, access, host, port) as bound:
            _introduce(shown, access, host, bound)
            await stop.wait()
    return int(ExitCode.OK)


def _introduce(shown: _Shown, access: Access, host: str, port: int) -> None:
    address = f"http://{_address(host)}:{port}/"
    click.echo(f"{shown.words} at {address} (read-only, until Ctrl-C)")
    sys.stdout.flush()
    if not access.needs_token:
        return
    given = os.environ.get(TOKEN_VARIABLE, "").strip()
    if given:
        click.echo(f"who looks needs the token of {TOKEN_VARIABLE}", err=True)
    else:
        # Once and here alone: it is in no log, and nobody can ask for it again.
        click.echo(f"open this link once: {address}?token={access.shown_token}", err=True)


def _token(host: str) -> str | None:
    """Give the token that must be shown: the one that was given, or a new one where others can reach us.

    Raises:
        UsageError: it could be guessed.
    """
    given = os.environ.get(TOKEN_VARIABLE, "").strip()
    if given and (len(given) < SHORTEST_TOKEN or not given.isascii()):
        raise UsageError(
            f"{TOKEN_VARIABLE} is shorter than {SHORTEST_TOKEN} characters, or has others than ASCII",
            fix="set it to something that nobody can guess, or leave it out: one is drawn where it is needed",
        )
    return given or (None if is_loopback(host) else new_token())


def _names(host: str, allowed: tuple[str, ...]) -> tuple[str, ...]:
    return (host, socket.gethostname(), socket.getfqdn(), *allowed)


def _address(host: str) -> str:
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - that is what was asked for
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host
