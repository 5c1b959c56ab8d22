"""Inventories in object stores: `s3://`, `gs://` and `abfs://`, through obstore.

Credentials and endpoints are the stores' own affair: their usual environment variables, and what the
machine itself has (instance roles, workload identities). What obstore says of a failure is read for what
is known to be harmless in it, and never repeated whole: it holds addresses, which may be signed.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from bulkconn.inventory.faults import missing_extra
from bulkconn.inventory.network import NotFetched

if TYPE_CHECKING:
    from collections.abc import Callable

    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3CredentialProvider

    from bulkconn.core.location import Location
    from bulkconn.inventory.network import Network, Span

_CHUNK_BYTES: Final = 1024 * 1024
#: Of a whole transfer. obstore wants one, and its own would cut large files off.
_TRANSFER_LIMIT: Final = timedelta(days=1)

_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>(\w{3,60})</Code>")
_KIND: Final = re.compile(r"kind: (Connect|Timeout|Interrupted|Request|Decode|Unknown)")
#: Where machines ask for their own credentials; obstore does when the environment holds none.
_OWN_CREDENTIALS: Final = re.compile(r"169\.254\.169\.254|metadata\.google|fd00:ec2::254")
_WRONG_REGION: Final = re.compile(
    r"PermanentRedirect|AuthorizationHeaderMalformed|without LOCATION|IllegalLocationConstraint"
)
_PASSING: Final = frozenset({"408", "429", "500", "502", "503", "504"})
_FIX_LATER: Final = "run the same command when the store can be reached"


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of store: how it is called, what its variables are, and which of them name an endpoint."""

    title: str
    credentials: str
    endpoints: tuple[str, ...]


_S3: Final = _Kind(
    "S3",
    "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (profiles and SSO: bulkconn[aws] with AWS_PROFILE; a public "
    "bucket: AWS_SKIP_SIGNATURE=true)",
    ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
)
_GCS: Final = _Kind(
    "Google Cloud Storage",
    "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT (a public bucket: GOOGLE_SKIP_SIGNATURE=true)",
    ("GOOGLE_BASE_URL",),
)
_AZURE: Final = _Kind(
    "Azure Storage",
    "AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN, or AZURE_CLIENT_ID, AZURE_TENANT_ID and "
    "AZURE_CLIENT_SECRET (a public container: AZURE_SKIP_SIGNATURE=true)",
    ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT", "AZURITE_BLOB_STORAGE_URL"),
)
#: Stores by scheme.
KINDS: Final = {"s3": _S3, "s3a": _S3, "gs": _GCS, "abfs": _AZURE, "abfss": _AZURE}

#: Any of these: obstore finds its own way to credentials of AWS.
_AWS_SETTLED: Final = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SKIP_SIGNATURE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


async def fetch_object(
    location: Location, network: Network, write: Callable[[bytes], object], span: Span | None = None
) -> None:
    """Fetch an object, or a part of it, and write it, chunk by chunk.

    Raises:
        NotFetched: it is not all there.
        UsageError: a library is not installed.
    """
    try:
        import obstore  # noqa: PLC0415 - an extra that may be missing
        from obstore.exceptions import BaseError  # noqa: PLC0415 - likewise
    except ImportError as error:
        raise missing_extra(f"{location.shown} lies in an object store", "cloud") from error
    kind = KINDS[location.scheme]
    container, key = _taken_apart(location)
    allow_http = _check_endpoints(kind, network)
    try:
        store = _open(kind, container, _client(network, allow_http=allow_http))
        if span is not None:
            write(bytes(await obstore.get_range_async(store, key, start=span.start, end=span.end)))
            return
        found = await obstore.get_async(store, key)
        async for chunk in found.stream(min_chunk_size=_CHUNK_BYTES):
            write(chunk)
    except (BaseError, FileNotFoundError, ValueError) as error:
        raise _trouble(kind, str(error)) from None


def _taken_apart(location: Location) -> tuple[str, str]:
    """Give bucket (or container, with its account) and key."""
    container, _, key = location.target.partition("://")[2].partition("/")
    if "?" in key or "?" in container:
        raise NotFetched(
            "what follows its ? would be part of the name",
            "leave it out; a signature has a variable of its own, such as AZURE_STORAGE_SAS_TOKEN",
        )
    if not container or not key or key.endswith("/"):
        raise NotFetched(
            "it does not name a file", f"give it as {location.scheme}://bucket/path/inventory.csv"
        )
    return container, key


def _check_endpoints(kind: _Kind, network: Network) -> bool:
    """Say whether plain HTTP is spoken with the endpoint that the environment names."""
    is_plain = False
    for name in kind.endpoints:
        url = os.environ.get(name, "")
        if not url.lower().startswith("http://"):
            continue
        host = urlsplit(url).hostname or ""
        if not network.may_be_plain(host):
            raise NotFetched(
                f"{name} is not encrypted, and {host} is not this machine",
                "let it begin with https://; plain http is for localhost, or allowed with --insecure-http",
            )
        is_plain = True
    return is_plain or (kind is _AZURE and bool(os.environ.get("AZURE_STORAGE_USE_EMULATOR")))


def _client(network: Network, *, allow_http: bool) -> dict[str, Any]:
    """Give the settings that every store takes.

    Attempts are our caller's, each from the beginning: obstore would go on in the middle, perhaps of
    another version.
    """
    options: ClientConfig = {
        "allow_http": allow_http,
        "connect_timeout": timedelta(seconds=network.connect_s),
        "read_timeout": timedelta(seconds=network.silence_s),
        "timeout": _TRANSFER_LIMIT,
    }
    retries: RetryConfig = {"max_retries": 0}
    return {"client_options": options, "retry_config": retries}


def _open(kind: _Kind, container: str, client: dict[str, Any]) -> ObjectStore:
    from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415 - as obstore

    if kind is _S3:
        return S3Store(container, credential_provider=_aws_credentials(), **client)
    if kind is _GCS:
        return GCSStore(container, **client)
    return AzureStore.from_url(f"abfs://{container}", **client)


def _aws_credentials() -> S3CredentialProvider | None:
    """Give what boto3 finds (profiles, SSO), where it is installed and the environment holds no keys."""
    if any(os.environ.get(name) for name in _AWS_SETTLED):
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - an extra
    except ImportError:
        if os.environ.get("AWS_PROFILE"):
            raise missing_extra("AWS_PROFILE names a profile", "aws") from None
        return None
    try:
        provider: S3CredentialProvider = Boto3CredentialProvider()
    # A tree of its own, and anything that a profile's own program does.
    except Exception as error:
        raise NotFetched(
            f"no credentials were found ({type(error).__name__})", f"set {_S3.credentials}"
        ) from error
    return provider


def _trouble(kind: _Kind, text: str) -> NotFetched:
    """Say what a failure means. The most telling sign counts first."""
    status = _STATUS.search(text)
    code = _CODE.search(text)
    seen = " ".join([*([f"HTTP {status[1]}"] if status else []), *([code[1]] if code else [])])
    if _OWN_CREDENTIALS.search(text):
        return NotFetched("no credentials were found", f"set {kind.credentials}")
    if "Account must be specified" in text:
        return NotFetched(
            "the storage account is not named",
            "write abfs://container@account.dfs.core.windows.net/path, or set AZURE_STORAGE_ACCOUNT_NAME",
        )
    if _WRONG_REGION.search(text):
        return NotFetched(
            f"the bucket lies in another region ({seen or 'redirected'})",
            "set AWS_REGION to that of the bucket",
        )
    if status is None and (broken := _KIND.search(text)):
        what = {"Connect": "no connection to the store", "Timeout": "the store does not answer in time"}
        return NotFetched(what.get(broken[1], "the transfer broke off"), _FIX_LATER, is_passing=True)
    if status is None:
        return NotFetched(f"{kind.title} cannot be used as it is configured", f"correct {kind.credentials}")
    if status[1] == "404":
        return NotFetched(f"there is no such file ({seen})", "correct bucket and path", is_gone=True)
    if status[1] == "416":
        return NotFetched("it is shorter than it was", "submit it again as it is now", is_gone=True)
    if status[1] in {"400", "401", "403"}:
        return NotFetched(
            f"access is refused ({seen})", f"get leave to read it, or correct {kind.credentials}"
        )
    is_passing = status[1] in _PASSING
    return NotFetched(f"the store fails ({seen})", _FIX_LATER, is_passing=is_passing)
