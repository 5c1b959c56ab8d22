"""Inventories at web addresses, signed ones too.

Not through obstore, which would do: it follows redirects to wherever they lead and tells the next server
the whole signed address (`Referer`), encodes percent signs once more, and repeats the address in its errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.inventory.network import NotFetched

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp
    from yarl import URL

    from bulkconn.core.location import Location
    from bulkconn.inventory.network import Network, Span

_CHUNK_BYTES: Final = 256 * 1024
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_REDIRECTS_MAX: Final = 5
_OK: Final = 200
_PARTIAL: Final = 206
_NO_SUCH_PART: Final = 416
_GONE: Final = frozenset({404, 410})
_REFUSED: Final = frozenset({401, 403, 407})
#: Statuses that may be others a moment later.
_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIX_ADDRESS: Final = "give it as https://host/path, without user and password"
_FIX_ACCESS: Final = (
    "get a new address if it is signed (they expire), or set BULKCONN_INVENTORY_AUTHORIZATION to what the "
    "server wants in its Authorization header; then run the same command"
)
_FIX_PARTS: Final = "let a server that knows range requests give it, or an object store"
_FIX_AGAIN: Final = "submit it again as it is now"
_FIX_NETWORK: Final = "run the same command when the server can be reached, or fetch the file yourself"


async def fetch_web(
    location: Location, network: Network, write: Callable[[bytes], object], span: Span | None = None
) -> None:
    """Fetch what is at a web address, or a part of it, and write it, chunk by chunk, as the server stores it.

    Redirects are followed to encrypted addresses only, without a `Referer`, and never with the
    authorization of another origin.

    Raises:
        NotFetched: it is not all there.
        UsageError: the environment names a proxy that cannot be used.
    """
    import aiohttp  # noqa: PLC0415 - heavy, and rarely needed

    url = _address(location.target, network)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=network.connect_s, sock_read=network.silence_s)
    headers = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "bulkconn"}
    if span is not None:
        headers["Range"] = span.header
    if network.authorization is not None:
        headers["Authorization"] = network.authorization.get_secret_value()
    try:
        async with aiohttp.ClientSession(
            timeout=timeout, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        ) as session:
            for _ in range(_REDIRECTS_MAX + 1):
                proxy = network.proxy_of(url)
                async with session.get(url, headers=headers, proxy=proxy, allow_redirects=False) as answer:
                    if answer.status not in _REDIRECTS:
                        _check(answer.status, answer.headers.get("Content-Range", ""), span)
                        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
                            write(chunk)
                        return
                    elsewhere = _elsewhere(url, answer.headers.get("Location", ""), network)
                if elsewhere.origin() != url.origin():
                    headers.pop("Authorization", None)
                url = elsewhere
    except (aiohttp.ClientError, TimeoutError) as error:
        raise _network_trouble(error, network) from None
    raise NotFetched("the server sends us from address to address", _FIX_ACCESS)


def _parse(text: str) -> URL:
    """Read an address. What is percent-encoded stays to the letter: a signature covers it.

    Raises:
        ValueError: it is none.
    """
    from yarl import URL  # noqa: PLC0415 - as aiohttp

    is_encoded = text.isascii() and text.isprintable() and " " not in text
    url = URL(text, encoded=is_encoded)
    # Looked at here, because what is encoded is taken apart only when it is asked for.
    if url.port == 0:
        raise ValueError("no server listens there")
    return url


def _address(text: str, network: Network) -> URL:
    try:
        url = _parse(text)
    except ValueError:
        # Not chained, here and below: the text may hold a secret.
        raise NotFetched("it is not a web address", _FIX_ADDRESS) from None
    if not url.host:
        raise NotFetched("it is not a web address", _FIX_ADDRESS)
    if url.user is not None or url.password is not None:
        raise NotFetched("it holds a user name or a password", _FIX_ACCESS)
    if url.scheme == "http" and not network.may_be_plain(url.host):
        raise NotFetched(
            f"it is not encrypted, and {url.host} is not this machine",
            "use https://; plain http is for localhost, or must be allowed with --insecure-http",
        )
    return url


def _elsewhere(url: URL, target: str, network: Network) -> URL:
    """Give where a redirect leads. Nobody named that place, so nothing of it is shown."""
    try:
        elsewhere = url.join(_parse(target))
        host = elsewhere.host or ""
    except ValueError:
        raise NotFetched("the server redirects to no address", _FIX_NETWORK) from None
    is_plain = elsewhere.scheme == "http" and url.scheme == "http" and network.may_be_plain(host)
    if not target or not host or not (elsewhere.scheme == "https" or is_plain):
        raise NotFetched(
            "the server redirects to an address that is not encrypted",
            "find out where the file is now, and name that address",
        )
    return elsewhere


def _check(status: int, content_range: str, span: Span | None) -> None:
    if status == _OK and span is None:
        return
    if span is not None and status == _PARTIAL and span.is_in(content_range):
        return
    if span is not None and status in {_OK, _PARTIAL}:
        raise NotFetched("the server gives no parts of a file", _FIX_PARTS)
    if status in _GONE:
        raise NotFetched(f"there is no such file (HTTP {status})", "correct the address", is_gone=True)
    if status == _NO_SUCH_PART:
        raise NotFetched("it is shorter than it was", _FIX_AGAIN, is_gone=True)
    if status in _REFUSED:
        raise NotFetched(f"the server refuses access (HTTP {status})", _FIX_ACCESS)
    is_passing = status in _PASSING
    raise NotFetched(f"the server answers HTTP {status}", _FIX_NETWORK, is_passing=is_passing)


def _network_trouble(error: aiohttp.ClientError | TimeoutError, network: Network) -> NotFetched:
    """Say what broke, in words that never hold the address."""
    import aiohttp  # noqa: PLC0415 - it is imported already

    match error:
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return NotFetched(
                "the server's certificate is not trusted",
                "let SSL_CERT_FILE name the certificates of your network, or correct the address",
            )
        case aiohttp.ClientHttpProxyError():
            return NotFetched(f"the proxy refuses (HTTP {error.status})", "correct HTTPS_PROXY or NO_PROXY")
        case aiohttp.InvalidURL():
            return NotFetched("it is not a web address", _FIX_ADDRESS)
        case aiohttp.ConnectionTimeoutError():
            reason = f"no connection within {network.connect_s:g} s"
        case TimeoutError():
            reason = f"the server is silent for {network.silence_s:g} s"
        case aiohttp.ClientConnectorDNSError():
            reason = "the server's name cannot be found"
        case aiohttp.ClientConnectorError():
            reason = "no connection to the server"
        case _:
            reason = "the transfer broke off"
    return NotFetched(reason, _FIX_NETWORK, is_passing=True)
