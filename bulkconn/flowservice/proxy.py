"""Which proxy the environment names for a URL.

aiohttp's own `trust_env` is not used: for each request it asks the environment again in another thread,
and it reads `~/.netrc`, whose entry for the host would collide with the access token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from bulkconn.core.errors import UsageError
from bulkconn.flowservice.url_rules import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["proxy_of"]


def proxy_of(url: URL) -> URL | None:
    """Read `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` (or the system's settings).

    This machine itself is never reached through a proxy: the proxy's `localhost` is another one.

    Raises:
        UsageError: the proxy is of a kind that is not supported (SOCKS), or not a URL.
    """
    host = url.host or ""
    if is_loopback(host) or proxy_bypass(f"{host}:{url.port}"):
        return None
    proxies: Mapping[str, str] = getproxies()
    text = proxies.get(url.scheme) or proxies.get("all")
    if not text:
        return None
    if "://" not in text:
        text = f"http://{text}"
    try:
        scheme = urlsplit(text).scheme.lower()
        proxy = URL(text)
    except ValueError:
        # Not chained: the text may hold the proxy's password.
        scheme, proxy = "", URL()
    if scheme not in {"http", "https"} or not proxy.host:
        raise UsageError(
            f"the proxy that the environment names for {url.scheme} is not an HTTP proxy",
            fix="set HTTPS_PROXY to http://host:port, or NO_PROXY to the host of Flow Service",
        )
    return proxy
