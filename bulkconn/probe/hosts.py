"""What is remembered of a server while many rows of it are checked, so that the check does no harm.

Few probes at a time; none any more once like ones failed alike; and no user's account is locked by wrong
passwords.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bulkconn.core.reach import Answer, Cause, Result

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bulkconn.core.secret import SecretStr
    from bulkconn.probe.target import Address, Login, Target

#: Like failures in a row after which a server is taken at its word.
ENOUGH: Final = 3
#: Servers remembered at a time, when none of their rows is under way.
_REMEMBERED: Final = 4096
_NETWORK: Final = frozenset({Cause.DNS, Cause.REFUSED, Cause.TIMEOUT, Cause.UNREACHABLE})


@dataclass(slots=True)
class Account:
    """What is known of one user's passwords on one server.

    `chances` are the logins that may still be refused: each unproven one under way holds a chance, and one
    that was refused never gives it back. So no user is refused more than `ENOUGH` times.
    """

    chances: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(ENOUGH))
    right: set[SecretStr] = field(default_factory=set)
    wrong: set[SecretStr] = field(default_factory=set)
    refusals: int = 0
    refusal: Answer | None = None
    users: int = 0

    def known_answer(self, password: SecretStr) -> Answer | None:
        """Give the answer of a password that is not tried any more; None: it may be."""
        if self.refusal is None or self.refusals < ENOUGH:
            return None
        why = f"{ENOUGH} logins of this user were refused, and more might lock the account"
        if password in self.wrong:
            return self.refusal.again(why)
        # Another password may be right; nobody knows.
        return self.refusal.again(why, result=Result.NOT_CHECKED)

    def learn(self, password: SecretStr, answer: Answer) -> None:
        """Take note of what came of a password that held a chance."""
        if answer.cause is not Cause.WRONG_PASSWORD:
            if answer.cause in {None, Cause.NO_SUCH_DATABASE}:
                self.right.add(password)
            self.chances.release()
            return
        self.refusals += 1
        self.refusal = answer
        self.wrong.add(password)
        if self.refusals >= ENOUGH:
            # No more logins: whoever waits for a chance shall hear that.
            self.chances.release()


@dataclass(slots=True)
class Server:
    """What is known of one address. `has_name`: its host name was found."""

    slots: asyncio.Semaphore
    has_name: bool = False
    accounts: dict[str, Account] = field(default_factory=dict)
    users: int = 0
    _failures: dict[str, int] = field(default_factory=dict)
    _last: dict[str, Answer] = field(default_factory=dict)

    def known_answer(self, target: Target) -> Answer | None:
        """Give the answer of a target that is not tried any more; None: it may be."""
        for lane, answer in self._last.items():
            if self._failures[lane] >= ENOUGH and _concerns(lane, target):
                return answer.again(f"{ENOUGH} rows of this server had failed alike")
        return None

    def learn(self, target: Target, answer: Answer) -> None:
        """Take note of what came of a probe."""
        lane = _lane(target, answer)
        if lane is not None:
            self._failures[lane] = self._failures.get(lane, 0) + 1
            self._last[lane] = answer
            return
        # This one came past whatever stood in the way of those before.
        for passed in [name for name in self._last if _concerns(name, target)]:
            if self._failures[passed] < ENOUGH:
                del self._last[passed], self._failures[passed]

    @asynccontextmanager
    async def account(self, login: Login) -> AsyncIterator[Account]:
        """Give the account of a login; forgotten afterwards if nothing is worth remembering."""
        account = self.accounts.setdefault(login.username, Account())
        account.users += 1
        try:
            yield account
        finally:
            account.users -= 1
            if not account.users and not account.refusals:
                self.accounts.pop(login.username, None)


class Servers:
    """The servers of a check, `per_host` probes at a time for each."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._servers: dict[Address, Server] = {}

    @asynccontextmanager
    async def visiting(self, address: Address) -> AsyncIterator[Server]:
        """Give the server of an address; it is not forgotten inside the block."""
        # Put last: what is forgotten first stands first.
        server = self._servers.pop(address, None) or Server(asyncio.Semaphore(self._per_host))
        self._servers[address] = server
        server.users += 1
        try:
            yield server
        finally:
            server.users -= 1
            if len(self._servers) > _REMEMBERED:
                idle = next((one for one, known in self._servers.items() if not known.users), None)
                if idle is not None:
                    del self._servers[idle]


def _lane(target: Target, answer: Answer) -> str | None:
    """Name what failures have in common that would meet the next row of the server as well."""
    if answer.cause in _NETWORK:
        return "network"
    if answer.cause is Cause.TLS:
        return f"tls {target.login.tls if target.login else ''}"
    # A server that drops connections, is full or is of another kind; some count such visits and shut up.
    if answer.cause is Cause.OTHER or answer.code in {"1129", "1130"}:
        return f"code {answer.code}"
    return None


def _concerns(lane: str, target: Target) -> bool:
    kind, _, mode = lane.partition(" ")
    return kind != "tls" or mode == (target.login.tls if target.login else "")
