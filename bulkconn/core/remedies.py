"""One remedy for each kind of error: what the reader does next."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_AGAIN = "then run the same command again"
_RETRY = "correct the rows, then run the same command with --retry-failed"
_TOKEN = f"check client id, client secret and scopes, {_AGAIN}"
_PERMISSION = f"give the credential Manage Sources in this sandbox (Admin Console), {_AGAIN}"
_SETTLE = "run `bulkconn settle` later: it looks again and sends nothing"

#: By our own codes, by `number-status`, and by bare number, in this order of preference.
_REMEDIES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "not_sent": f"check the network, proxy and --base-url, {_AGAIN}",
        "no_answer": _SETTLE,
        "cut_off": _SETTLE,
        "created_without_id": _SETTLE,
        "interrupted": _SETTLE,
        "not_settled": _SETTLE,
        "resends_exhausted": "ask Adobe support with the request id, then run again with --retry-failed",
        "name_exists": "compare with the id shown; rename the row, or run with --on-existing adopt or create",
        "not_certainly_ours": "look at the ids shown in Experience Platform and decide which is yours",
        "answered_late": "compare with the id shown, then run again with --retry-failed",
        "twin": "two connections exist: `bulkconn dedupe` shows both and what is built on them",
        "secret_unavailable": "make the secret available, then run with --retry-failed",
        "secret_not_found": "put the secret there or correct the reference, then run with --retry-failed",
        "secret_denied": "let bulkconn read it (the store's policy), then run with --retry-failed",
        "same_fault": f"every row failed alike, so it is not the rows: mend the cause, {_AGAIN}",
        "1413": f"this connection spec is not offered to the organisation: ask Adobe to enable it, {_AGAIN}",
        "1415": f"the auth spec is not offered here: check platform_cloud against the sandbox, {_AGAIN}",
        "1100": f"the source is not part of the licence, or the database refused: see the message, {_AGAIN}",
        "1304": _RETRY,
        "1312": _RETRY,
        "1426": _PERMISSION,
        "2118": _PERMISSION,
        "2120": _PERMISSION,
        "2121": _PERMISSION,
        "2100": f"create the sandbox or correct its name, {_AGAIN}",
        "2101": f"create the sandbox or correct its name, {_AGAIN}",
        "2000": _TOKEN,
        "2001": _TOKEN,
        "2002": _TOKEN,
        "2114": _TOKEN,
        "2115": _TOKEN,
        "2105": f"name the sandbox with --sandbox, {_AGAIN}",
        "2110": f"check --org-id, --client-id and --sandbox, {_AGAIN}",
        "400003": f"give --org-id, {_AGAIN}",
        "403000": f"give --client-id, {_AGAIN}",
        "403003": f"check --client-id, {_AGAIN}",
        "403010": _TOKEN,
        "403025": f"the profile is not valid for this API: check the credential's product profile, {_AGAIN}",
        "403027": f"check --org-id and the credential's product profile, {_AGAIN}",
        "401013": _TOKEN,
    }
)
_BY_STATUS: Final[Mapping[int, str]] = MappingProxyType(
    {
        400: _RETRY,
        401: _TOKEN,
        403: _PERMISSION,
        404: f"check --base-url, {_AGAIN}",
        405: f"check --base-url, {_AGAIN}",
        407: f"the proxy wants a login: set HTTPS_PROXY with one, {_AGAIN}",
        413: _RETRY,
        415: "report it: bulkconn sent a body that the service does not take",
        422: _RETRY,
        429: f"lower --rate, {_AGAIN}",
    }
)


def remedy_for(code: str, status: int | None = None) -> str:
    """Give the one thing to do about an error code; there always is one.

    A code may be any text of the service's: `isdecimal`, because `int` cannot read all that `isdigit` takes.
    """
    number, _, suffix = code.partition("-")
    if number == "http" and suffix.isdecimal():
        status = int(suffix)
    known = _REMEDIES.get(code) or _REMEDIES.get(number)
    if known is not None:
        return known
    if status is None and suffix.isdecimal():
        status = int(suffix)
    if status is not None and status in _BY_STATUS:
        return _BY_STATUS[status]
    if status is not None and status >= 500:  # noqa: PLR2004 - where HTTP's server errors begin
        return _SETTLE
    if status is not None and 300 <= status < 400:  # noqa: PLR2004 - HTTP's redirects
        return f"a redirect is never followed: check --base-url and the proxy, {_AGAIN}"
    return "see the message; then run the same command again"
