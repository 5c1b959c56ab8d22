"""`gcp-sm://project/name`: Google Cloud Secret Manager, with Application Default Credentials."""

from __future__ import annotations

import re
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.secret import SecretStr
from bulkconn.secretrefs.fields import field_of_text, split_field, text_of
from bulkconn.secretrefs.quiet import silence
from bulkconn.secretrefs.statuses import refusal
from bulkconn.secretrefs.store import StoreTrouble
from bulkconn.secretrefs.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from google.cloud.secretmanager_v1 import AccessSecretVersionResponse

    from bulkconn.core.secret import SecretRef

_TIMEOUT_S: Final = 10.0
#: https://cloud.google.com/resource-manager/docs/creating-managing-projects (with a domain, or a number), and
#: https://cloud.google.com/secret-manager/docs/creating-and-accessing-secrets
_PROJECT: Final = re.compile(r"(?:[a-z0-9.-]+:)?[a-z0-9-]{1,63}")
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_IDENTITY_FIX: Final = (
    "log in with `gcloud auth application-default login`, or name a key file in "
    "GOOGLE_APPLICATION_CREDENTIALS"
)


class Closable(Protocol):
    """Something with connections."""

    def close(self) -> None:
        """Close them."""
        ...


class SecretManager(Protocol):
    """What is used of Google's client."""

    @property
    def transport(self) -> Closable:
        """What holds its connections."""
        ...

    def access_secret_version(self, *, name: str, retry: None, timeout: float) -> AccessSecretVersionResponse:
        """Give one version of a secret."""
        ...


class GcpStore:
    """Reads secrets of any project. `make_client` is an argument for tests."""

    title: Final = "Google Secret Manager"
    #: Besides the request: importing the library and finding credentials.
    timeout_s: Final = 60.0

    def __init__(self, make_client: Callable[[], SecretManager] | None = None) -> None:
        self._make_client = make_client or _new_client
        self._client: SecretManager | None = None
        self._lock = threading.Lock()

    def check(self, reference: SecretRef) -> None:
        """Look at the reference.

        Raises:
            SecretUnavailable: it names no secret of a project.
        """
        _parsed(reference)

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give a secret's newest version, or the one that the reference names, or a field of it.

        Raises:
            SecretUnavailable: there is no such secret or field, or it is not for us.
            StoreTrouble: Google throttles, is unwell, or is not reached.
            SecretStoreDown: there are no credentials, or Google does not take them.
        """
        name, field = _parsed(reference)
        content = await in_thread(self._get, name, reference)
        return SecretStr(field_of_text(text_of(content, reference), field, reference))

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            client.transport.close()

    def _get(self, name: str, reference: SecretRef) -> bytes:
        from google.api_core.exceptions import GoogleAPICallError, GoogleAPIError  # noqa: PLC0415 - an extra
        from google.auth.exceptions import GoogleAuthError, TransportError  # noqa: PLC0415 - likewise
        from requests import RequestException  # noqa: PLC0415 - the library's own dependency

        # None is chained: what libraries say, or carry, may hold parts of answers.
        try:
            with self._lock:
                client = self._client = self._client or self._make_client()
            answer = client.access_secret_version(name=name, retry=None, timeout=_TIMEOUT_S)
        except GoogleAPICallError as error:
            status = int(error.code or 0)
            if status == HTTPStatus.UNAUTHORIZED:
                raise SecretStoreDown(
                    f"{self.title} does not take our credentials", fix=_IDENTITY_FIX
                ) from None
            raise refusal(status, self.title, reference) from None
        except (TransportError, RequestException, GoogleAPIError) as error:
            raise StoreTrouble(f"{self.title} is not reached ({type(error).__name__})") from None
        except GoogleAuthError as error:
            kind = type(error).__name__
            if error.retryable:
                raise StoreTrouble(f"Google gives us no credentials now ({kind})") from None
            raise SecretStoreDown(f"Google gives us no credentials ({kind})", fix=_IDENTITY_FIX) from None
        return bytes(answer.payload.data)


def _new_client() -> SecretManager:
    from google.cloud import secretmanager_v1  # noqa: PLC0415 - an extra, and it takes a second

    silence("google", "grpc", "urllib3")
    # REST, not gRPC: plain HTTPS through the proxies of the environment, and no threads of C that write.
    client: SecretManager = secretmanager_v1.SecretManagerServiceClient(transport="rest")
    return client


def _parsed(reference: SecretRef) -> tuple[str, str | None]:
    """Give the version's resource name, and the field."""
    path, field = split_field(reference)
    project, *names = path.split("/")
    is_named = names and len(names) <= 2 and all(map(_NAME.fullmatch, names))  # noqa: PLR2004 - name and version
    if not is_named or not _PROJECT.fullmatch(project):
        raise SecretUnavailable(
            f"{reference.uri} names no secret of a project",
            fix="write it as gcp-sm://project/name, or gcp-sm://project/name/version",
        )
    version = names[1] if names[1:] else "latest"
    return f"projects/{project}/secrets/{names[0]}/versions/{version}", field
