"""A small client of the emulator, over real sockets; it judges nothing and repeats nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import BytesIO

    import aiohttp

    from bulkconn.emulator import Emulator

POSTGRESQL = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
MYSQL = "26d738e0-8963-47ea-aadf-c60de735468a"
MARIADB = "3000eb99-cd47-43f3-827c-43caf170f015"
REDSHIFT = "3416976c-a9ca-4bba-901a-1f08f66978ff"
TOKEN = "token-of-the-tests"
ORG = "TESTS@AdobeOrg"
CLIENT_ID = "client-of-the-tests"
SECRET = "a secret that must not leak"

BASIC = "Basic Authentication"
STRING = "Connection String Based Authentication"


def login_params(**changes: object) -> dict[str, Any]:
    """Give parameters that PostgreSQL takes on Azure; None removes one."""
    params: dict[str, object] = {
        "server": "db.example.com",
        "port": "5432",
        "database": "shop",
        "username": "reader",
        "password": SECRET,
        "sslMode": "Allow",
    }
    params |= changes
    return {name: value for name, value in params.items() if value is not None}


def create_body(name: str = "shop", **changes: object) -> dict[str, Any]:
    """Give the body of a POST /connections that the sandbox `dev` takes."""
    return {
        "name": name,
        "auth": {"specName": BASIC, "params": login_params()},
        "connectionSpec": {"id": POSTGRESQL, "version": "1.0"},
    } | changes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, read to the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def names(self) -> list[str]:
        """Names of the items of a listing."""
        return [item["name"] for item in self.json["items"]]

    @property
    def token(self) -> str | None:
        """Continuation token of a listing; None on its last page."""
        following = self.json["_links"].get("next")
        return None if following is None else following["href"].partition("continuationToken=")[2]


class Client:
    """Sends requests to one emulator, with headers that are in order unless told otherwise."""

    def __init__(self, emulator: Emulator, session: aiohttp.ClientSession) -> None:
        """Speak to `emulator` through `session`."""
        self.emulator = emulator
        self.books = emulator.books
        self._session = session

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: object = None,
        data: bytes | BytesIO | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Answer:
        """Send one API request; `path` is below the base path, a header of None is left out."""
        sent: dict[str, str | None] = {
            "Authorization": f"Bearer {TOKEN}",
            "x-api-key": CLIENT_ID,
            "x-gw-ims-org-id": ORG,
            "x-sandbox-name": "dev",
        }
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent["Content-Type"] = "application/json"
        sent |= headers or {}
        return await self.raw(
            method,
            f"{self.emulator.base_url}{path}",
            params=list(params),
            data=data,
            headers={name: value for name, value in sent.items() if value is not None},
            skip_auto_headers=("Content-Type",),
            allow_redirects=False,
        )

    async def raw(self, method: str, url: str, **options: Any) -> Answer:
        """Send any request."""
        async with self._session.request(method, url, **options) as response:
            return Answer(response.status, response.headers, await response.read())

    async def create(self, name: str = "shop", *, sandbox: str = "dev", **changes: object) -> Answer:
        """POST a connection."""
        return await self.send(
            "POST", "/connections", body=create_body(name, **changes), headers={"x-sandbox-name": sandbox}
        )

    async def listing(self, *params: tuple[str, str], sandbox: str = "dev") -> Answer:
        """GET /connections."""
        return await self.send("GET", "/connections", params=params, headers={"x-sandbox-name": sandbox})

    async def admin(self, method: str, path: str, body: object = None) -> Answer:
        """Send a request below /emulator/."""
        data = None if body is None else json.dumps(body).encode()
        return await self.raw(method, f"{self.emulator.ims_url}/emulator{path}", data=data)


def code_of(answer: Answer) -> str:
    """Give the code of an error in any of the shapes; "" if it has none."""
    body = answer.json
    return str(body.get("error_code") or body.get("type", "").partition("FLOW-")[2])
