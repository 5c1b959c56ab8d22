"""The emulator as a library: start it, use it, ask its books, stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from aiohttp import web

from bulkconn.emulator import admin, connections, offers, spec_routes, use_routes
from bulkconn.emulator.doorway import doorway
from bulkconn.emulator.listener import Listener
from bulkconn.emulator.menu import Fault, Place
from bulkconn.emulator.service import BASE_PATH, SERVICE, Service
from bulkconn.emulator.settings import EmulatorSettings
from bulkconn.emulator.specs import load_catalogue
from bulkconn.emulator.tokens import TOKEN_PATH, give_token

if TYPE_CHECKING:
    from types import TracebackType

    from bulkconn.emulator.books import Books
    from bulkconn.emulator.faults import FaultPlan
    from bulkconn.emulator.records import Connection

__all__ = ["Emulator"]

#: Given to requests in flight when the emulator stops; slow faults may well last longer.
_SHUTDOWN_S = 0.5
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to


class Emulator:
    """A Flow Service on this machine, for the length of an `async with` block.

    It keeps everything in memory: what it knows is gone once it stops.
    """

    def __init__(self, settings: EmulatorSettings | None = None) -> None:
        """Prepare an emulator; nothing listens yet.

        Args:
            settings: None = the defaults, on a free port.
        """
        self.settings = settings or EmulatorSettings()
        catalogue = load_catalogue(any_spec=self.settings.any_spec)
        self._service = Service.from_settings(self.settings, catalogue, self.go_down)
        self._runner: web.AppRunner | None = None
        self._listener: Listener | None = None
        self._port = 0

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            OSError: The address is in use or not ours.
            RuntimeError: It runs already.
        """
        if self._runner is not None:
            raise RuntimeError("this emulator runs already")
        runner = web.AppRunner(_build_app(self._service), access_log=None, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 - `setup` has made it
        self._listener = Listener(runner.server, refuses_next=self._refuses_next)
        try:
            self._port = await self._listener.open(self.settings.host, self.settings.port)
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening, give requests in flight half a second, then cut them. Safe to repeat."""
        if self._listener is not None:
            await self._listener.close()
            self._listener = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def __aenter__(self) -> Self:
        """Start, and give the emulator itself."""
        await self.start()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()

    @property
    def ims_url(self) -> str:
        """Origin below which the token is at `/ims/token/v3`."""
        host = _ANY_ADDRESS.get(self.settings.host, self.settings.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self._port}"

    @property
    def base_url(self) -> str:
        """URL below which `/connections` is."""
        return f"{self.ims_url}{BASE_PATH}"

    @property
    def books(self) -> Books:
        """What really happened, whatever the client was told."""
        return self._service.books

    def plan_faults(self, plan: FaultPlan) -> None:
        """Follow `plan` from now on, and end a storm or an outage in force."""
        self._service.plan_faults(plan)

    def plant(self, planted: admin.PlantedConnection) -> Connection:
        """Make a connection exist that somebody else created.

        Raises:
            ValueError: There is no such sandbox.
        """
        return admin.plant(self._service, planted)

    def alter(self, connection_id: str, alteration: admin.Alteration) -> bool:
        """Change a connection behind its owner's back; False where there is none of that id."""
        return admin.alter(self._service, connection_id, alteration)

    def offer(self, offered: offers.OfferedSpec) -> None:
        """Show a connection spec from now on, in the place of the documented one."""
        offers.offer(self._service.catalogue, offered)

    def withdraw(self, spec_id: str) -> None:
        """Know a connection spec no longer."""
        offers.withdraw(self._service.catalogue, spec_id)

    def revoke_tokens(self) -> int:
        """Refuse every token issued so far, the static one too, and give their number."""
        return self._service.mint.revoke_all()

    def go_down(self, seconds: float) -> None:
        """Reset every connection and refuse new ones for `seconds`; then listen again on the same port.

        Raises:
            RuntimeError: The emulator does not run.
        """
        if self._listener is None:
            raise RuntimeError("this emulator does not run")
        self._listener.go_down(seconds)

    def _refuses_next(self) -> bool:
        if self._service.deck.draw(Place.ACCEPT).fault is not Fault.REFUSE:
            return False
        self._service.books.count_fault(str(Fault.REFUSE))
        return True


def _build_app(service: Service) -> web.Application:
    app = web.Application(middlewares=[doorway])
    app[SERVICE] = service
    app.add_routes(
        [*connections.ROUTES, *spec_routes.ROUTES, *admin.ROUTES, *offers.ROUTES, *use_routes.ROUTES]
    )
    app.router.add_post(TOKEN_PATH, give_token)
    return app
