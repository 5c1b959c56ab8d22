"""`aws-sm://name-or-arn#field`: AWS Secrets Manager, by boto3 and AWS's own chain of credentials."""

from __future__ import annotations

import os
import re
import threading
from typing import TYPE_CHECKING, Any, Final, Protocol

from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.secret import SecretStr
from bulkconn.secretrefs.fields import field_of_text, split_field, text_of
from bulkconn.secretrefs.quiet import silence
from bulkconn.secretrefs.statuses import is_trouble
from bulkconn.secretrefs.store import StoreTrouble
from bulkconn.secretrefs.threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.exceptions import BotoCoreError, ClientError

    from bulkconn.core.secret import SecretRef

_CONNECT_TIMEOUT_S: Final = 5
_READ_TIMEOUT_S: Final = 10
#: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
#: Those that RDS and Redshift make themselves have a `!` besides: `rds!db-...`.
_NAME: Final = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}")
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]{1,520}"
)
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,80}")

_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied", "DecryptionFailure"})
#: Who we say we are is not accepted: true of every secret.
_IDENTITY: Final = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "RequestExpired", "UnrecognizedClientException"),
        *("InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"),
        *("IncompleteSignature", "MissingAuthenticationToken", "MissingAuthenticationTokenException"),
        *("InvalidAccessKeyId", "NotAuthorized", "OptInRequired"),
    }
)
_NOT_NOW: Final = frozenset(
    {
        *("ThrottlingException", "Throttling", "ThrottledException", "TooManyRequestsException"),
        *("RequestLimitExceeded", "RequestThrottled", "SlowDown", "LimitExceededException"),
        *("InternalServiceError", "InternalFailure", "InternalServerError", "ServiceUnavailable"),
        *("RequestTimeout", "RequestTimeoutException"),
    }
)
_IDENTITY_FIX: Final = (
    "give AWS credentials in its own way (environment, ~/.aws, a role, SSO) that are valid now"
)


class SecretsManager(Protocol):
    """What is used of boto3's client for one region."""

    def get_secret_value(self, *, SecretId: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        """Give the newest version of a secret."""
        ...

    def close(self) -> None:
        """Close its connections."""
        ...


class AwsStore:
    """Reads secrets of any region: an ARN says which, else AWS's own settings do."""

    title: Final = "AWS Secrets Manager"
    #: Besides the request: finding credentials may take a role, a metadata service, a command.
    timeout_s: Final = 60.0

    def __init__(self) -> None:
        self._clients: dict[str | None, SecretsManager] = {}
        # boto3's clients may be shared by threads, but not made by several at once.
        self._lock = threading.Lock()

    def check(self, reference: SecretRef) -> None:
        """Look at the reference.

        Raises:
            SecretUnavailable: it is neither the name nor the ARN of a secret.
        """
        _parsed(reference)

    async def read(self, reference: SecretRef) -> SecretStr:
        """Give a secret's newest version, or a field of it.

        Raises:
            SecretUnavailable: there is no such secret or field, or it is not for us.
            StoreTrouble: AWS throttles, is unwell, or is not reached.
            SecretStoreDown: there are no credentials or no region, or AWS does not take them.
        """
        name, field, region = _parsed(reference)
        answer = await in_thread(self._get, name, region, reference)
        text = answer.get("SecretString")
        if text is None:
            text = text_of(bytes(answer.get("SecretBinary") or b""), reference)
        return SecretStr(field_of_text(str(text), field, reference))

    async def close(self) -> None:
        """Close the connections."""
        clients, self._clients = list(self._clients.values()), {}
        for client in clients:
            client.close()

    def _get(self, name: str, region: str | None, reference: SecretRef) -> Mapping[str, Any]:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra, and heavy

        # None is chained: what libraries say, or carry, may hold parts of answers.
        try:
            return self._client(region).get_secret_value(SecretId=name)
        except ClientError as error:
            raise _refusal(error, reference) from None
        except BotoCoreError as error:
            raise _fault(error) from None

    def _client(self, region: str | None) -> SecretsManager:
        with self._lock:
            client = self._clients.get(region)
            if client is None:
                client = self._clients[region] = _new_client(region)
            return client


def _new_client(region: str | None) -> SecretsManager:
    import boto3  # noqa: PLC0415 - an extra, and heavy
    from botocore.config import Config  # noqa: PLC0415 - likewise

    silence("boto3", "botocore", "urllib3")
    session = boto3.Session()
    config = Config(
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=_READ_TIMEOUT_S,
        # The resolver asks again, with its own patience.
        retries={"total_max_attempts": 1, "mode": "standard"},
    )
    # boto3 itself does not read AWS_REGION, which every other tool of AWS's does.
    region = region or session.region_name or os.environ.get("AWS_REGION") or None
    client: SecretsManager = session.client("secretsmanager", region_name=region, config=config)
    return client


def _parsed(reference: SecretRef) -> tuple[str, str | None, str | None]:
    """Give name or ARN, field, and the region that the ARN names."""
    name, field = split_field(reference)
    arn = _ARN.fullmatch(name)
    if arn is None and not _NAME.fullmatch(name):
        raise SecretUnavailable(
            f"{reference.uri} is neither the name nor the ARN of a secret",
            fix="write it as aws-sm://name#field or aws-sm://arn:aws:secretsmanager:...#field",
        )
    return name, field, arn[1] if arn else None


def _refusal(error: ClientError, reference: SecretRef) -> Exception:
    """Say what an answer of AWS's means: its code is told, its message is not."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    code = code if _CODE.fullmatch(code) else "no code"
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _NOT_NOW or is_trouble(status):
        return StoreTrouble(f"AWS Secrets Manager cannot answer now ({code})")
    if code in _IDENTITY or error.operation_name != "GetSecretValue":
        # The other operations are those by which boto3 gets credentials.
        return SecretStoreDown(f"AWS does not take our credentials ({code})", fix=_IDENTITY_FIX)
    if code == "ResourceNotFoundException":
        return SecretUnavailable(f"{reference.uri}: AWS has no such secret here", code="secret_not_found")
    if code in _DENIED:
        return SecretUnavailable(f"{reference.uri}: AWS denies it to us ({code})", code="secret_denied")
    return SecretUnavailable(f"{reference.uri}: AWS refuses the request ({code})")


def _fault(error: BotoCoreError) -> Exception:
    """Say what a fault on the way means, by its class: what it says may hold addresses and more."""
    from botocore import exceptions as boto  # noqa: PLC0415 - an extra, and heavy

    name = type(error).__name__
    if isinstance(error, boto.SSLError):
        return SecretStoreDown(
            "AWS Secrets Manager: its TLS certificate was not accepted",
            fix="check the proxy, or name its certificate authority with AWS_CA_BUNDLE",
        )
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError | boto.IncompleteReadError):
        return StoreTrouble(f"AWS Secrets Manager is not reached ({name})")
    if isinstance(error, boto.NoRegionError):
        return SecretStoreDown(
            "no AWS region is known", fix="set AWS_REGION, or write references as ARNs, which name one"
        )
    if isinstance(error, boto.MetadataRetrievalError):
        return StoreTrouble(f"AWS gives us no credentials ({name})")
    return SecretStoreDown(f"AWS credentials or settings cannot be used ({name})", fix=_IDENTITY_FIX)
