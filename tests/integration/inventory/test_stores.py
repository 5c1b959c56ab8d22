"""Inventories in object stores: every kind, its environment, and each way to fail."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Final

import pytest

from bulkconn.core.errors import UsageError
from bulkconn.inventory.inventory import Inventory
from tests.fakes.file_server import Cut, FileServer, Hang, Status
from tests.fakes.scripted_server import closed_port
from tests.integration.inventory.reading import CSV, names_at, network, refusal_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.file_server import Fault

#: Of each store: a URL, the path at which the server is asked for it, and the environment.
_AZURE_URL: Final = "abfs://box@acc.dfs.core.windows.net/in/eu.csv"
STORES: Final = {
    "s3": ("s3://box/in/eu.csv", "/box/in/eu.csv", {"AWS_ENDPOINT_URL": "{url}"}),
    "s3 alone": ("s3a://box/in/eu.csv", "/box/in/eu.csv", {"AWS_ENDPOINT_URL_S3": "{url}"}),
    "gs": ("gs://box/in/eu.csv", "/box/in/eu.csv", {"GOOGLE_BASE_URL": "{url}"}),
    "abfs": (_AZURE_URL, "/acc/box/in/eu.csv", {"AZURE_ENDPOINT": "{url}/acc"}),
    "abfss of fsspec": (
        "abfss://box/in/eu.csv",
        "/acc/box/in/eu.csv",
        {"AZURE_STORAGE_ENDPOINT": "{url}/acc", "AZURE_STORAGE_ACCOUNT_NAME": "acc"},
    ),
    "azurite": (
        "abfs://box/in/eu.csv",
        "/devstoreaccount1/box/in/eu.csv",
        {"AZURE_STORAGE_USE_EMULATOR": "true", "AZURITE_BLOB_STORAGE_URL": "{url}"},
    ),
}
_ANONYMOUS: Final = {"GOOGLE_SKIP_SIGNATURE": "true", "AZURE_SKIP_SIGNATURE": "true"}
_KEYS: Final = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hush-secret"}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave no credentials of this machine's, and no way to ask for any."""
    for name in list(os.environ):
        if name.startswith(("AWS_", "GOOGLE_", "AZURE_", "AZURITE_")) or "proxy" in name.lower():
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    nowhere = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", nowhere)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in (_ANONYMOUS | _KEYS).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    """Serve one inventory as every store would."""
    with FileServer({path: CSV for _, path, _ in STORES.values()}) as running:
        yield running


@pytest.fixture(params=STORES)
def url(request: pytest.FixtureRequest, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give a URL of each store, whose endpoint is the server."""
    url, _, env = STORES[request.param]
    for name, value in env.items():
        monkeypatch.setenv(name, value.format(url=server.url))
    return url


@pytest.fixture
def s3(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """Let S3 be the server."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return server


def test_rows_in_a_store_are_fetched_once_and_read_twice(url: str, server: FileServer) -> None:
    """Both passes read one copy, so it does not matter that the object is replaced in between."""
    assert names_at(url) == ["one", "two"]
    assert len(server.asked) == 1
    assert "range" not in server.asked[0].headers


def test_rows_in_s3_are_asked_for_with_a_signature(s3: FileServer) -> None:
    """The usual variables are the credentials; the secret key itself is never sent."""
    assert names_at("s3://box/in/eu.csv") == ["one", "two"]
    assert s3.asked[0].headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
    assert "hush" not in str(s3.asked)


def test_rows_in_s3_with_the_keys_of_a_profile_are_fetched(
    s3: FileServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the environment holds no keys, boto3 finds those of a profile."""
    for name in _KEYS:
        monkeypatch.delenv(name)
    credentials = tmp_path / "credentials"
    credentials.write_text("[eu]\naws_access_key_id = AKIDPROFILE\naws_secret_access_key = hush\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    monkeypatch.setenv("AWS_PROFILE", "eu")
    assert names_at("s3://box/in/eu.csv") == ["one", "two"]
    assert "Credential=AKIDPROFILE/" in s3.asked[0].headers["authorization"]
    monkeypatch.setenv("AWS_PROFILE", "us")
    error = refusal_of("s3://box/in/eu.csv")
    assert "no credentials were found (ProfileNotFound)" in str(error)
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "obstore.auth.boto3", raising=False)
    error = refusal_of("s3://box/in/eu.csv")
    assert "bulkconn[aws]" in error.fix


def test_rows_in_s3_without_credentials_say_which_variables_to_set(
    s3: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing hangs while machines are asked for credentials that they do not have."""
    for name in _KEYS:
        monkeypatch.delenv(name)
    error = refusal_of("s3://box/in/eu.csv")
    assert "no credentials were found" in str(error)
    assert "AWS_ACCESS_KEY_ID" in error.fix
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    assert names_at("s3://box/in/eu.csv") == ["one", "two"]
    assert "authorization" not in s3.asked[-1].headers


def test_rows_in_s3_without_credentials_and_boto3_ask_the_machine(
    s3: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An instance's own role needs no library; where there is none, that is said."""
    for name in _KEYS:
        monkeypatch.delenv(name)
    monkeypatch.setitem(sys.modules, "boto3", None)
    monkeypatch.delitem(sys.modules, "obstore.auth.boto3", raising=False)
    assert "no connection to the store" in str(refusal_of("s3://box/in/eu.csv"))


@pytest.mark.parametrize("key", ["a b.csv", "a%20b.csv", "é+~#?.csv".replace("?", ""), "x=1/y&z.csv"])
def test_rows_in_s3_under_an_odd_key_are_found(s3: FileServer, key: str) -> None:
    """A key is taken to the letter."""
    s3.files[f"/box/{key}"] = CSV
    assert names_at(f"s3://box/{key}") == ["one", "two"]


@pytest.mark.parametrize(
    ("fault", "reason", "fix", "asked"),
    [
        (Status(404), "there is no such file (HTTP 404)", "correct bucket and path", 1),
        (
            Status.s3_error(404, "NoSuchBucket"),
            "there is no such file (HTTP 404 NoSuchBucket)",
            "correct bucket and path",
            1,
        ),
        (
            Status.s3_error(403, "SignatureDoesNotMatch"),
            "access is refused (HTTP 403 SignatureDoesNotMatch)",
            "or correct",
            1,
        ),
        (Status(401, b"hush"), "access is refused (HTTP 401)", "get leave to read it", 1),
        (Status.s3_error(500, "InternalError"), "the store fails (HTTP 500 InternalError)", "when the", 3),
        (Status(503), "the store fails (HTTP 503)", "when the store can be reached", 3),
        (Status(418), "the store fails (HTTP 418)", "when the store can be reached", 1),
        (Cut(10), "the transfer broke off", "when the store can be reached", 3),
        (Cut(10, is_reset=True), "the transfer broke off", "when the store can be reached", 3),
        (Hang(10), "the store does not answer in time", "when the store can be reached", 3),
        (Hang(), "the store does not answer in time", "when the store can be reached", 3),
    ],
)
def test_store_that_gives_no_object_says_why(
    url: str, server: FileServer, fault: Fault, reason: str, fix: str, asked: int
) -> None:
    """What may pass is tried three times; the store's own code is repeated, and nothing else of its words."""
    server.faults += [fault] * 9
    error = refusal_of(url)
    assert str(error) == f"inventory {url} cannot be read: {reason}"
    assert fix in error.fix
    assert error.exit_code == 2
    assert len(server.asked) == asked


@pytest.mark.parametrize("fault", [Status(503), Cut(10), Hang(10)], ids=["503", "cut", "silent"])
def test_transfer_from_a_store_that_fails_once_begins_anew(
    url: str, server: FileServer, fault: Fault
) -> None:
    """Two versions of an object are never mixed: each attempt asks for the whole."""
    server.faults.append(fault)
    assert names_at(url) == ["one", "two"]
    assert [asked.headers.get("range") for asked in server.asked] == [None, None]


@pytest.mark.parametrize("code", ["PermanentRedirect", "AuthorizationHeaderMalformed"])
def test_bucket_of_another_region_names_the_variable(s3: FileServer, code: str) -> None:
    """The commonest mistake with S3 has its own remedy."""
    s3.faults += [Status.s3_error(400 if code.startswith("A") else 301, code)] * 9
    error = refusal_of("s3://box/in/eu.csv")
    assert "the bucket lies in another region" in str(error)
    assert error.fix == "set AWS_REGION to that of the bucket"


@pytest.mark.parametrize(
    ("url", "reason", "fix"),
    [
        ("s3://box", "it does not name a file", "s3://bucket/path/inventory.csv"),
        ("s3://box/", "it does not name a file", "s3://bucket/path/inventory.csv"),
        ("gs://box/in/", "it does not name a file", "gs://bucket/path/inventory.csv"),
        ("s3:///eu.csv", "it does not name a file", "s3://bucket/path/inventory.csv"),
        (
            f"{_AZURE_URL}?sv=1&sig=hush",
            "what follows its ? would be part of the name",
            "AZURE_STORAGE_SAS_TOKEN",
        ),
        ("abfs://box/eu.csv", "the storage account is not named", "AZURE_STORAGE_ACCOUNT_NAME"),
        ("s3://box/a//eu.csv", "S3 cannot be used as it is configured", "AWS_ACCESS_KEY_ID"),
        ("abfs://box@acc.example.com/eu.csv", "Azure Storage cannot be used as it is", "AZURE_STORAGE"),
    ],
)
def test_place_in_a_store_that_is_none_says_why(url: str, reason: str, fix: str) -> None:
    """A URL that cannot be meant is refused before anything is sent."""
    error = refusal_of(url)
    assert reason in str(error)
    assert fix in error.fix


@pytest.mark.parametrize(
    ("url", "variable"),
    [
        ("s3://box/eu.csv", "AWS_ENDPOINT_URL"),
        ("gs://box/eu.csv", "GOOGLE_BASE_URL"),
        (_AZURE_URL, "AZURE_ENDPOINT"),
    ],
)
def test_endpoint_on_another_machine_must_be_encrypted(
    url: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed requests are for nobody else to read, unless that is asked for in so many words."""
    monkeypatch.setenv(variable, "http://no-such-host.invalid:9000")
    error = refusal_of(url)
    assert f"{variable} is not encrypted, and no-such-host.invalid is not this machine" in str(error)
    assert "--insecure-http" in error.fix
    assert "no connection to the store" in str(refusal_of(url, network(allow_http=True)))


@pytest.mark.parametrize(
    ("variable", "value"),
    [("GOOGLE_APPLICATION_CREDENTIALS", "/no/such/file"), ("GOOGLE_SERVICE_ACCOUNT_KEY", "hush")],
)
def test_credentials_that_cannot_be_read_are_not_repeated(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the library says may hold what it was given, so only the variables are named."""
    monkeypatch.setenv(variable, value)
    monkeypatch.delenv("GOOGLE_SKIP_SIGNATURE")
    error = refusal_of("gs://box/eu.csv")
    assert "Google Cloud Storage cannot be used as it is configured" in str(error)
    assert "GOOGLE_APPLICATION_CREDENTIALS" in error.fix


def test_signature_of_azure_is_in_no_error(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shared access signature travels in the address, which errors of libraries repeat."""
    monkeypatch.delenv("AZURE_SKIP_SIGNATURE")
    monkeypatch.setenv("AZURE_ENDPOINT", f"{server.url}/acc")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2026&sig=hush%3D")
    assert names_at(_AZURE_URL) == ["one", "two"]
    assert "sig=hush%3D" in server.asked[0].target
    server.faults += [Status(403), Cut(3), Cut(3), Cut(3)]
    assert "access is refused (HTTP 403)" in str(refusal_of(_AZURE_URL))
    assert "the transfer broke off" in str(refusal_of(_AZURE_URL))


def test_stores_without_the_extra_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is missing is named with the command that gets it."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    with pytest.raises(UsageError, match="lies in an object store") as refused:
        Inventory.open(["s3://box/eu.csv"], network=network())
    assert "pip install 'bulkconn[cloud]'" in refused.value.fix
