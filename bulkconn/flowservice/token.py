"""Access tokens: one given by hand, or ones fetched by OAuth server-to-server.

Facts of the token endpoint are those of Adobe's "Server to Server authentication" guide: a form POST, in
the body and not in the URL because URLs get logged, and `expires_in` in seconds.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from pydantic import SecretStr
from yarl import URL

from bulkconn.core.error_body import read_error
from bulkconn.core.errors import UsageError
from bulkconn.core.protocols import Token, TokenFailure
from bulkconn.core.redact import Redactor
from bulkconn.core.reply import BodyState, Fault, Reply
from bulkconn.flowservice.url_rules import check_url

if TYPE_CHECKING:
    from bulkconn.core.protocols import Clock
    from bulkconn.flowservice.door import Door

__all__ = ["ServerToServerToken", "StaticToken"]

#: Visible ASCII only: anything else could end the header that carries it.
_TOKEN: Final = re.compile(r"[!-~]+")
#: What people copy along with a token.
_SCHEME: Final = re.compile(r"bearer(?:\s+|$)", re.IGNORECASE)
_MAX_BYTES: Final = 1 << 20
#: A token is renewed this long before its end, or a tenth of its life if that is less: a request that
#: carries it must still be answered in time.
_EARLY_S: Final = 300.0
_EARLY_SHARE: Final = 0.1
#: Tokens live for a day. More is the old endpoint's milliseconds; then renewing daily does no harm.
_LONGEST_LIFE_S: Final = 86_400.0
#: Life of a token whose grant does not state one, seconds.
_UNSTATED_LIFE_S: Final = 3_600.0
_OK: Final = 200
#: Statuses by which the endpoint refuses *us*, if it also says why in JSON.
_REFUSALS: Final = frozenset({400, 401, 403})
#: OAuth's codes for its own trouble (RFC 6749 section 4.1.2.1, RFC 8628), which pass.
_PASSING: Final = frozenset({"server_error", "temporarily_unavailable", "slow_down"})


class StaticToken:
    """A token given by hand: always current, never renewed."""

    def __init__(self, value: SecretStr) -> None:
        """Wrap it.

        Raises:
            UsageError: it cannot be sent in a header.
        """
        text = _SCHEME.sub("", value.get_secret_value().strip())
        if not _TOKEN.fullmatch(text):
            raise UsageError(
                "the access token is empty or holds characters that no token has",
                fix="set BULKCONN_ACCESS_TOKEN to the token alone, without quotes or line breaks",
            )
        self._token = Token(SecretStr(text), generation=1)

    def current(self) -> Token:
        """Give the token."""
        return self._token

    async def renew(self) -> TokenFailure:
        """Say that it cannot be renewed."""
        return TokenFailure(
            is_refused=True,
            code="token_given_by_hand",
            message="a token given by hand cannot be renewed",
        )


class ServerToServerToken:
    """Tokens for a client id and secret.

    `expires_in` is measured on the clock that counts a machine's sleep, from before the request.
    """

    def __init__(  # noqa: PLR0913 - six facts, named at every call
        self,
        *,
        ims_url: str,
        client_id: str,
        client_secret: SecretStr,
        scopes: str,
        door: Door,
        clock: Clock,
        allow_http: bool = False,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            ims_url: The token endpoint is `/ims/token/v3` below it.
            client_id: Also sent as `x-api-key`.
            client_secret: Sent in the body only.
            scopes: Comma-separated.
            door: The session to use; it must be open when `renew` is called.
            clock: Measures the age of tokens.
            allow_http: Accept unencrypted HTTP to other machines.

        Raises:
            UsageError: the URL must not be sent credentials, or its proxy cannot be used.
        """
        base = check_url(ims_url, setting="--ims-url", allow_http=allow_http)
        self._url = URL(f"{base}/ims/token/v3", encoded=True)
        self._client_id = client_id
        self._client_secret = client_secret
        self._scopes = ",".join(scope.strip() for scope in scopes.split(",") if scope.strip())
        self._door = door
        self._clock = clock
        self._token: Token | None = None
        self._generation = 0
        self._stale_at_s = -math.inf
        door.prepare(self._url)

    def __repr__(self) -> str:
        """Name the endpoint and nothing else."""
        return f"ServerToServerToken({str(self._url)!r})"

    def current(self) -> Token | None:
        """Give the token; None before the first and from shortly before its end."""
        return self._token if self._clock.elapsed_s() < self._stale_at_s else None

    async def renew(self) -> Token | TokenFailure:
        """Fetch a new token. After a failure the old one stays what it was.

        Repeat: safe, but the endpoint throttles who asks too often. Cancel: safe.
        """
        asked_at_s = self._clock.elapsed_s()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
            "scope": self._scopes,
        }
        answer = await self._door.send(
            "POST",
            self._url,
            {"Content-Type": "application/x-www-form-urlencoded"},
            data=urlencode(form).encode(),
            max_bytes=_MAX_BYTES,
        )
        if isinstance(answer, Fault):
            return TokenFailure(is_refused=False, code=answer.kind.value, message=answer.detail)
        granted = _read_grant(answer)
        if granted is None:
            return self._failure(answer)
        value, life_s = granted
        self._generation += 1
        self._token = Token(value, self._generation)
        self._stale_at_s = asked_at_s + life_s - min(_EARLY_S, life_s * _EARLY_SHARE)
        return self._token

    def _failure(self, reply: Reply) -> TokenFailure:
        if reply.status == _OK:
            # Nothing of the body is shown: a token may stand in it.
            return TokenFailure(
                is_refused=False,
                code="odd_token_reply",
                message="the token endpoint answered without a token that can be used",
                retry_after_s=reply.retry_after_s,
            )
        error = read_error(reply.status, reply.body)
        redactor = Redactor([self._client_secret.get_secret_value()])
        code = redactor.redact(error.code) if error.code else f"http-{reply.status}"
        return TokenFailure(
            is_refused=(
                reply.status in _REFUSALS
                and reply.body_state is BodyState.WHOLE
                and isinstance(reply.body, dict)
                and error.code is not None
                and error.code not in _PASSING
            ),
            code=code,
            message=redactor.redact(error.message),
            retry_after_s=reply.retry_after_s,
        )


def _read_grant(reply: Reply) -> tuple[SecretStr, float] | None:
    """Read token and life in seconds from a whole, sensible answer."""
    body = reply.body
    if reply.status != _OK or not isinstance(body, dict):
        return None
    value, life = body.get("access_token"), body.get("expires_in")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        return None
    if life is None:
        # Adobe's reference always shows it; a token without a stated life is asked for anew each hour.
        life = _UNSTATED_LIFE_S
    if isinstance(life, str) and life.isascii() and life.isdigit():
        life = float(life)
    if isinstance(life, bool) or not isinstance(life, int | float) or not life > 0:
        return None
    return SecretStr(value), min(float(life), _LONGEST_LIFE_S)
