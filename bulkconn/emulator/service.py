"""What all routes share: one value, found in the application under `SERVICE`."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aiohttp import web

from bulkconn.emulator.books import Books
from bulkconn.emulator.deck import FaultDeck
from bulkconn.emulator.limits import SlidingLimit
from bulkconn.emulator.mint import TokenMint
from bulkconn.emulator.records import RequestRecord
from bulkconn.emulator.uses import Uses
from bulkconn.emulator.weather import Weather

if TYPE_CHECKING:
    from collections.abc import Callable

    from bulkconn.emulator.faults import FaultPlan
    from bulkconn.emulator.settings import EmulatorSettings
    from bulkconn.emulator.specs import Catalogue

__all__ = ["BASE_PATH", "RECORD", "SERVICE", "Service"]

#: Path of Flow Service's API below its host.
BASE_PATH: Final = "/data/foundation/flowservice"


@dataclass(slots=True)
class Service:
    """The moving parts of one emulator."""

    settings: EmulatorSettings
    catalogue: Catalogue
    books: Books
    deck: FaultDeck
    mint: TokenMint
    weather: Weather
    #: None = no limit.
    limit: SlidingLimit | None
    #: Closes the listening socket for some seconds; set once there is one.
    go_down: Callable[[float], None]
    _jitter: random.Random = field(repr=False)
    uses: Uses = field(default_factory=Uses)

    @classmethod
    def from_settings(
        cls, settings: EmulatorSettings, catalogue: Catalogue, go_down: Callable[[float], None]
    ) -> Service:
        """Build the parts that `settings` ask for."""
        static_token = settings.static_token
        return cls(
            settings=settings,
            catalogue=catalogue,
            books=Books(visibility_lag_s=settings.visibility_lag_s, log_limit=settings.log_limit),
            deck=FaultDeck(settings.faults, settings.seed),
            mint=TokenMint(None if static_token is None else static_token.get_secret_value()),
            weather=Weather(settings.retry_after),
            limit=None if settings.rate_limit_per_s is None else SlidingLimit(settings.rate_limit_per_s),
            go_down=go_down,
            # Latency needs repeatable dice, not safe ones.
            _jitter=random.Random(f"{settings.seed}/jitter"),  # noqa: S311 - see above
        )

    def draw_latency_s(self) -> float:
        """Give the time that the next API request takes."""
        jitter_s = self.settings.jitter_s
        return self.settings.latency_s + (self._jitter.uniform(0.0, jitter_s) if jitter_s else 0.0)

    def plan_faults(self, plan: FaultPlan, seed: int | None = None) -> None:
        """Follow `plan` from now on, with new dice if there is a seed, and end a storm or an outage."""
        self.deck.replace(plan, seed)
        self.weather.clear()


SERVICE: Final = web.AppKey("SERVICE", Service)
#: The entry of the request in the books.
RECORD: Final = web.RequestKey("RECORD", RequestRecord)
