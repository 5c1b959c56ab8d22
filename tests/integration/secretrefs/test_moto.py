"""`aws-sm://` against moto's server: secrets that boto3 itself made, from their creation to their deletion.

moto is heavy, so this has a job of its own, `make test-aws`; elsewhere it is skipped.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest

moto_server = pytest.importorskip("moto.server", reason="moto is installed by `make test-aws` alone")

import boto3  # noqa: E402 - after the check

from bulkconn.secretrefs.aws import AwsStore  # noqa: E402 - after the check
from tests.acceptance.process import (  # noqa: E402 - after the check
    EmulatorProcess,
    Workplace,
    as_csv,
    bare_environment,
    postgres_rows,
)
from tests.integration.secretrefs.reading import down, read, refusal  # noqa: E402 - after the check

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let AWS's own settings lead to a server here, and give it."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "AKIA",
        "AWS_SECRET_ACCESS_KEY": "key",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "AWS_CONFIG_FILE": "/nowhere",
        "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


@pytest.fixture
def aws() -> Iterator[Any]:
    """Give boto3's client, to make secrets with."""
    client = boto3.client("secretsmanager")
    yield client
    client.close()


async def test_read_gives_what_boto3_stored(aws: Any) -> None:
    """By name and by ARN, text and bytes, a field of JSON, the newest version."""
    aws.create_secret(Name="prod/pg", SecretString="old")
    aws.put_secret_value(SecretId="prod/pg", SecretString="p@ss")
    arn = aws.create_secret(Name="prod/json", SecretString=json.dumps({"password": "p@ss", "port": 5432}))[
        "ARN"
    ]
    aws.create_secret(Name="prod/bytes", SecretBinary=b"p@ss\n")
    assert await read(AwsStore(), "aws-sm://prod/pg") == "p@ss"
    assert await read(AwsStore(), f"aws-sm://{arn}#password") == "p@ss"
    assert await read(AwsStore(), "aws-sm://prod/json#port") == "5432"
    assert await read(AwsStore(), "aws-sm://prod/bytes") == "p@ss\n"


async def test_read_of_an_arn_asks_the_region_that_it_names() -> None:
    """A secret of another region than ours."""
    elsewhere = boto3.client("secretsmanager", region_name="us-west-2")
    arn = elsewhere.create_secret(Name="pg", SecretString="there")["ARN"]
    elsewhere.close()
    assert await read(AwsStore(), f"aws-sm://{arn}") == "there"
    assert (await refusal(AwsStore(), "aws-sm://pg")).code == "secret_not_found"


async def test_read_of_a_secret_that_is_to_be_deleted_fails_its_row(aws: Any) -> None:
    """AWS gives no value of it any more, though it can be restored."""
    aws.create_secret(Name="pg", SecretString="x")
    aws.delete_secret(SecretId="pg")
    error = await refusal(AwsStore(), "aws-sm://pg")
    assert str(error) == "aws-sm://pg: AWS refuses the request (InvalidRequestException)"


async def test_read_from_a_server_that_has_gone_stops_the_run_in_the_end(server: Any) -> None:
    """Not reached, whatever the way it went."""
    server.stop()
    error = await down(AwsStore(), "aws-sm://pg")
    assert "AWS Secrets Manager is not reached" in str(error)
    server.start()


def test_run_with_secrets_in_aws_creates_every_row(aws: Any, tmp_path: Path) -> None:
    """Thirty rows, each with a secret of its own, by the command itself."""
    rows = [row | {"password": f"aws-sm://{row['name']}#password"} for row in postgres_rows(30)]
    for row in rows:
        aws.create_secret(Name=row["name"], SecretString=json.dumps({"password": "p@ss"}))
    said = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    emulator = EmulatorProcess.start()
    place = Workplace(tmp_path, {**bare_environment(), **emulator.env, **said, "BULKCONN_OUTPUT": "json"})
    try:
        place.write("inventory.csv", as_csv(rows))
        ended = place.run("run", "inventory.csv", "--rate", "100")
    finally:
        place.close()
        emulator.stop()
    assert (ended.code, ended.report["counts"]["created"]) == (0, 30), ended.err
