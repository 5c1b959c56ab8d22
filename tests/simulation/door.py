"""One process's way to the service, and what whoever stands there can judge: Retry-After, renewals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from bulkconn.core.protocols import Token, TokenFailure
from bulkconn.core.reply import Fault, Reply

if TYPE_CHECKING:
    from bulkconn.core.endpoint import ConnectionRequest
    from bulkconn.core.protocols import PageQuery
    from tests.simulation.party import Party
    from tests.simulation.service import Service

#: What is ready to leave at the moment of a reply leaves all the same.
_MOMENT_S: Final = 1e-3
#: As long as tokens are, about.
_TOKEN: Final = "eyJhbGciOiJSUzI1NiJ9." * 40


class Door:
    """One process's way to the service: a `ConnectionApi` and a `TokenSource`, with a log of what left."""

    #: Seconds after a Retry-After was read in which a request may still leave.
    heeds_within_s = _MOMENT_S

    def __init__(self, service: Service, party: Party, *, may_post: bool) -> None:
        self._service = service
        self.party = party
        self._may_post = may_post
        self._loop = service.loop
        self._token: Token | None = None
        self._serials: dict[int, int] = {}
        self._closed: tuple[float, float] = (0.0, 0.0)
        self.began_s = self._loop.now_s
        #: When a page of each sandbox last came back.
        self.looked_s: dict[str, float] = {}
        #: When requests left, and how many of them were POSTs.
        self.sent_s: list[float] = []
        self.posts = 0
        #: What each token generation met: (is_post, was it accepted).
        self.met: dict[int, list[tuple[bool, bool]]] = {}

    async def create(self, request: ConnectionRequest, token: Token) -> Reply | Fault:
        """Send one POST."""
        self._leave()
        self.posts += 1
        if not self._may_post:
            self._service.crimes.append(f"settling sent a POST for {request.name!r}")
        answer = await self._service.post(self, request, self._serials[token.generation])
        self._note(token, answer, is_post=True)
        return answer

    async def list_page(self, query: PageQuery, token: Token) -> Reply | Fault:
        """Ask for one page."""
        self._leave()
        answer = await self._service.listings.page(query, self._serials[token.generation])
        self._note(token, answer, is_post=False)
        self.looked_s[query.sandbox] = self._loop.now_s
        return answer

    def current(self) -> Token | None:
        """Give the token."""
        return self._token

    async def renew(self) -> Token | TokenFailure:
        """Get a new token; only ever asked for when there is none or the newest was refused."""
        if self._token is not None and all(good for _, good in self.met.get(self._token.generation, ())):
            self._service.crimes.append(f"token {self._token.generation} was renewed without a reason")
        answer = await self._service.guard.token()
        if isinstance(answer, int):
            generation = len(self._serials) + 1
            self._serials[generation] = answer
            self._token = Token(SecretStr(_TOKEN + str(answer)), generation)
            return self._token
        retry = answer.retry_after_s if isinstance(answer, Reply) else None
        return TokenFailure(is_refused=False, code="down", message="no token today", retry_after_s=retry)

    def _leave(self) -> None:
        now_s = self._loop.now_s
        told_s, until_s = self._closed
        if told_s + self.heeds_within_s < now_s < until_s - _MOMENT_S:
            self._service.crimes.append(f"a request left {until_s - now_s:.2f} s before Retry-After was over")
        self.sent_s.append(now_s)

    def _note(self, token: Token, answer: Reply | Fault, *, is_post: bool) -> None:
        if not isinstance(answer, Reply):
            return
        self.met.setdefault(token.generation, []).append((is_post, answer.status != 401))
        if answer.retry_after_s is not None:
            now_s = self._loop.now_s
            told_s, until_s = self._closed
            if now_s + answer.retry_after_s > until_s:
                # What an earlier closing forbade stays forbidden.
                told_s = told_s if until_s > now_s else now_s
                self._closed = (told_s, now_s + answer.retry_after_s)
