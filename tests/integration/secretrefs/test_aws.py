"""`aws-sm://` with the real boto3 against a server that speaks its protocol; `make test-aws` has moto's."""

from __future__ import annotations

import base64
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from bulkconn.core.secret import parse_reference
from bulkconn.secretrefs.aws import AwsStore
from tests.fakes.scripted_server import closed_port
from tests.fakes.web_server import Call, WebServer
from tests.integration.secretrefs.reading import MARK, down, objection, read, refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SECRET = f"p@ss {MARK}"
ARN = "arn:aws:secretsmanager:us-west-2:123456789012:secret:prod/pg-AbCdEf"


def _failure(code: str, status: int = 400) -> web.Response:
    return web.json_response({"__type": code, "message": f"{MARK} is not told"}, status=status)


class _Aws:
    """Answers as Secrets Manager does; `script` comes first."""

    def __init__(self) -> None:
        self.script: list[web.Response] = []
        self.secrets: dict[str, dict[str, Any]] = {
            "prod/pg": {"SecretString": SECRET},
            "json": {"SecretString": json.dumps({"password": SECRET, "port": 5432, "host": MARK})},
            "bytes": {"SecretBinary": base64.b64encode(SECRET.encode()).decode()},
            "odd": {"SecretBinary": base64.b64encode(b"\xff").decode()},
            "none": {},
            ARN: {"SecretString": SECRET},
        }

    def __call__(self, call: Call) -> web.Response:
        assert call.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
        if self.script:
            return self.script.pop(0)
        content = self.secrets.get(json.loads(call.body)["SecretId"])
        return _failure("ResourceNotFoundException") if content is None else web.json_response(content)


@pytest.fixture
def aws() -> _Aws:
    """Give the secrets of the account."""
    return _Aws()


@pytest.fixture(autouse=True)
async def server(aws: _Aws, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[WebServer]:
    """Let AWS's own settings lead to a server here."""
    async with WebServer(aws) as server:
        settings = {
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url,
            "AWS_ACCESS_KEY_ID": "AKIA",
            "AWS_SECRET_ACCESS_KEY": f"{MARK}-key",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_CONFIG_FILE": "/nowhere",
            "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.mark.parametrize(
    ("uri", "secret", "region"),
    [
        ("aws-sm://prod/pg", SECRET, "eu-central-1"),
        ("aws-sm://json#password", SECRET, "eu-central-1"),
        ("aws-sm://json#port", "5432", "eu-central-1"),
        ("aws-sm://bytes", SECRET, "eu-central-1"),
        (f"aws-sm://{ARN}", SECRET, "us-west-2"),
    ],
)
async def test_read_gives_the_secret_or_its_field(
    server: WebServer, uri: str, secret: str, region: str
) -> None:
    """Text, a field of JSON, bytes; an ARN is asked for in its own region."""
    assert await read(AwsStore(), uri) == secret
    (call,) = server.calls
    assert f"/{region}/secretsmanager/" in call.headers["authorization"]


async def test_read_takes_the_region_of_other_tools(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS_REGION too, which boto3 alone does not read."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert await read(AwsStore(), "aws-sm://prod/pg") == SECRET
    assert "/eu-north-1/secretsmanager/" in server.calls[0].headers["authorization"]


@pytest.mark.parametrize(
    ("uri", "code", "reason"),
    [
        ("aws-sm://no", "secret_not_found", "AWS has no such secret here"),
        ("aws-sm://none", "secret_not_found", "the secret is empty"),
        ("aws-sm://json#pasword", "secret_not_found", "no field of that name"),
        ("aws-sm://prod/pg#password", "secret_unavailable", "no JSON object"),
        ("aws-sm://odd", "secret_unavailable", "not valid UTF-8"),
    ],
)
async def test_read_of_a_secret_that_cannot_be_had_fails_its_row(uri: str, code: str, reason: str) -> None:
    """The reference is at fault, not the store; nothing of the secret is told."""
    error = await refusal(AwsStore(), uri)
    assert reason in str(error)
    assert error.code == code


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("AccessDeniedException", "secret_denied"),
        ("DecryptionFailure", "secret_denied"),
        ("InvalidRequestException", "secret_unavailable"),
        (f"{MARK} {MARK}", "secret_unavailable"),
    ],
)
async def test_read_that_aws_refuses_fails_its_row(aws: _Aws, code: str, group: str) -> None:
    """A policy, a key, a secret that is marked for deletion: of the answer its code is told alone."""
    aws.script = [_failure(code)]
    assert (await refusal(AwsStore(), "aws-sm://prod/pg")).code == group


@pytest.mark.parametrize(
    "code", ["ExpiredTokenException", "UnrecognizedClientException", "SignatureDoesNotMatch"]
)
async def test_read_with_credentials_that_are_no_good_stops_the_run(aws: _Aws, code: str) -> None:
    """They are no good for any secret."""
    aws.script = [_failure(code)]
    error = await down(AwsStore(), "aws-sm://prod/pg")
    assert str(error) == f"AWS does not take our credentials ({code})"


@pytest.mark.parametrize(
    "trouble",
    [("ThrottlingException", 400), ("InternalServiceError", 500), ("Whatever", 503), ("Whatever", 429)],
    ids=str,
)
async def test_read_from_aws_in_trouble_is_asked_again(aws: _Aws, trouble: tuple[str, int]) -> None:
    """Throttled or unwell: asked again, and in the end the run stops."""
    aws.script = [_failure(*trouble), _failure(*trouble)]
    assert await read(AwsStore(), "aws-sm://prod/pg") == SECRET
    aws.script = [_failure(*trouble)]
    error = await down(AwsStore(), "aws-sm://prod/pg")
    assert str(error).startswith(f"AWS Secrets Manager cannot answer now ({trouble[0]})")


async def test_read_where_aws_is_not_reached_stops_the_run_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A refused connection is trouble like any other."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SECRETS_MANAGER", f"http://127.0.0.1:{closed_port()}")
    error = await down(AwsStore(), "aws-sm://prod/pg")
    assert str(error).startswith("AWS Secrets Manager is not reached (EndpointConnectionError)")


@pytest.mark.parametrize(
    ("missing", "message", "fix"),
    [
        ("AWS_DEFAULT_REGION", "no AWS region is known", "set AWS_REGION"),
        ("AWS_SECRET_ACCESS_KEY", "cannot be used (PartialCredentialsError)", "valid now"),
        ("AWS_ACCESS_KEY_ID", "cannot be used (NoCredentialsError)", "valid now"),
    ],
)
async def test_read_without_region_or_credentials_stops_the_run(
    monkeypatch: pytest.MonkeyPatch, missing: str, message: str, fix: str
) -> None:
    """AWS's own settings say who we are and where."""
    monkeypatch.delenv(missing)
    error = await down(AwsStore(), "aws-sm://prod/pg")
    assert message in str(error)
    assert fix in error.fix


async def test_read_with_a_role_that_may_not_be_assumed_stops_the_run(
    server: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal on the way to credentials is not the secret's."""
    config = tmp_path / "config"
    config.write_text(
        "[profile eu]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n"
        "[profile base]\naws_access_key_id = AKIA\naws_secret_access_key = MARK\n"
    )
    denied = web.Response(
        text="<ErrorResponse><Error><Code>AccessDenied</Code><Message>MARK</Message></Error></ErrorResponse>",
        status=403,
        content_type="text/xml",
    )
    server.answer = lambda _: denied
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_PROFILE", "eu")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", server.url)
    error = await down(AwsStore(), "aws-sm://prod/pg")
    assert str(error) == "AWS does not take our credentials (AccessDenied)"


@pytest.mark.parametrize(
    "uri", ["aws-sm://a b", "aws-sm://arn:aws:s3:::bucket", "aws-sm://pg#", "aws-sm://#x", "aws-sm://a?b"]
)
def test_reference_that_names_no_secret_is_refused_unasked(uri: str) -> None:
    """Known at plan time."""
    assert objection(AwsStore(), uri).fix


@pytest.mark.parametrize(
    "name",
    ["rds!db-0f4d2c1a-1b2c", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:redshift!dwh-user-Ab1"],
)
def test_reference_to_a_secret_that_a_service_manages_is_taken(name: str) -> None:
    """RDS and Redshift put an exclamation mark into the names of the secrets that they make."""
    reference = parse_reference(f"aws-sm://{name}#password")
    assert reference is not None
    AwsStore().check(reference)


async def test_read_lets_boto3_log_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """At debug level it would log whole answers."""
    logging.getLogger("botocore.parsers").setLevel(logging.DEBUG)
    with caplog.at_level(logging.DEBUG):
        assert await read(AwsStore(), "aws-sm://prod/pg") == SECRET
    assert MARK not in caplog.text
