"""POST /connections: what is created, what is refused, and in which shape."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.emulator.client import (
    BASIC,
    MARIADB,
    MYSQL,
    POSTGRESQL,
    REDSHIFT,
    SECRET,
    STRING,
    Client,
    code_of,
    create_body,
    login_params,
)

if TYPE_CHECKING:
    from tests.integration.emulator.conftest import Start

PG_STRING = f"Server=db;Database=shop;Port=5432;UID=reader;Password={SECRET}"
MY_STRING = f"Server=db;Port=3306;Database=shop;UID=reader;PWD={SECRET}"


def request_body(spec_id: str, auth: str, params: dict[str, Any]) -> dict[str, Any]:
    """Give a body for any source."""
    return {
        "name": "shop",
        "auth": {"specName": auth, "params": params},
        "connectionSpec": {"id": spec_id, "version": "1.0"},
    }


async def send(client: Client, sandbox: str, body: object) -> tuple[int, str]:
    """POST a body and give status and code; no answer may hold the secret."""
    answer = await client.send("POST", "/connections", body=body, headers={"x-sandbox-name": sandbox})
    assert SECRET not in answer.body.decode()
    return answer.status, code_of(answer) if answer.status >= 400 else ""


async def test_create_valid_gives_201_location_id_and_quoted_etag(client: Client) -> None:
    """Success is 201 with a Location and a body of id and etag, whose quotes are its own."""
    answer = await client.create("shop")
    assert answer.status == 201
    assert set(answer.json) == {"id", "etag"}
    assert answer.headers["Location"] == f"/data/foundation/flowservice/connections/{answer.json['id']}"
    assert answer.json["etag"].startswith('"')
    assert answer.json["etag"].endswith('"')
    [created] = client.books.all_connections()
    assert created.id == answer.json["id"]
    assert created.params == login_params()
    assert created.created_client == "client-of-the-tests"


async def test_create_same_name_twice_makes_twins(client: Client) -> None:
    """Nothing is idempotent: the same body twice is two connections."""
    first, second = await client.create("shop"), await client.create("shop")
    assert first.json["id"] != second.json["id"]
    assert client.books.duplicates() == {("dev", POSTGRESQL, "shop"): [first.json["id"], second.json["id"]]}
    assert len(client.books.named("dev", "shop", POSTGRESQL)) == 2


async def test_create_same_name_elsewhere_is_no_duplicate(client: Client) -> None:
    """The same name in another sandbox or of another spec is no twin."""
    await client.create("shop")
    await client.create("shop", sandbox="prod")
    mysql = {"id": MYSQL, "version": "1.0"}
    params = login_params(sslMode="DISABLED")
    await client.create("shop", connectionSpec=mysql, auth={"specName": BASIC, "params": params})
    assert len(client.books.all_connections()) == 3
    assert client.books.duplicates() == {}


ACCEPTED = [
    *(
        pytest.param("dev", POSTGRESQL, BASIC, login_params(sslMode=mode), id=f"postgresql-azure-{mode}")
        for mode in (
            "Disable",
            "Allow",
            "Prefer",
            "Require",
            "Verify Ca",
            "Verify-Ca",
            "Verify Full",
            "Verify-Full",
        )
    ),
    pytest.param("dev", POSTGRESQL, STRING, {"connectionString": PG_STRING}, id="postgresql-string"),
    pytest.param(
        "dev",
        POSTGRESQL,
        STRING,
        {"connectionString": f"{PG_STRING};EncryptionMethod=1;ValidateServerCertificate=1"},
        id="postgresql-string-ssl",
    ),
    pytest.param("dev-aws", POSTGRESQL, BASIC, login_params(sslMode="true"), id="postgresql-aws"),
    pytest.param("dev-aws", POSTGRESQL, BASIC, login_params(sslMode=None), id="postgresql-aws-default"),
    *(
        pytest.param("dev", MYSQL, BASIC, login_params(sslMode=mode), id=f"mysql-azure-{mode}")
        for mode in ("DISABLED", "PREFERRED", "REQUIRED", "Verify-Ca", "Verify Identity")
    ),
    pytest.param("dev", MYSQL, BASIC, login_params(sslMode="DISABLED", port=None), id="mysql-without-port"),
    pytest.param("dev", MYSQL, STRING, {"connectionString": MY_STRING}, id="mysql-string"),
    pytest.param(
        "dev",
        MYSQL,
        STRING,
        {"connectionString": "Server=db; Port=3306; Database=shop; Uid=reader; Pwd=pw; SslMode=Preferred;"},
        id="mysql-string-of-2020",
    ),
    pytest.param("dev-aws", MYSQL, BASIC, login_params(sslMode="false"), id="mysql-aws"),
    pytest.param("dev", REDSHIFT, BASIC, login_params(sslMode=None), id="redshift-azure"),
    pytest.param("dev-aws", REDSHIFT, BASIC, login_params(sslMode=None, schema="public"), id="redshift-aws"),
]


@pytest.mark.parametrize(("sandbox", "spec_id", "auth", "params"), ACCEPTED)
async def test_create_documented_parameters_are_taken(
    client: Client, sandbox: str, spec_id: str, auth: str, params: dict[str, Any]
) -> None:
    """Every value that a page documents for a source and a cloud is taken."""
    assert await send(client, sandbox, request_body(spec_id, auth, params)) == (201, "")


REFUSED = [
    pytest.param("dev", POSTGRESQL, BASIC, login_params(sslMode="allow"), "1312-400", id="ssl-mode-case"),
    pytest.param("dev", POSTGRESQL, BASIC, login_params(sslMode=None), "1304-400", id="no-ssl-mode"),
    pytest.param(
        "dev-aws", POSTGRESQL, BASIC, login_params(sslMode="Allow"), "1312-400", id="ssl-mode-of-azure"
    ),
    pytest.param("dev-aws", POSTGRESQL, BASIC, login_params(sslMode=True), "1312-400", id="ssl-mode-boolean"),
    pytest.param("dev", POSTGRESQL, BASIC, login_params(port=5432), "1312-400", id="port-number"),
    pytest.param("dev", POSTGRESQL, BASIC, login_params(port="54x2"), "1312-400", id="port-letters"),
    pytest.param("dev", POSTGRESQL, BASIC, login_params(server=None), "1304-400", id="no-server"),
    pytest.param("dev", POSTGRESQL, BASIC, login_params(password=""), "1304-400", id="empty-password"),
    pytest.param("dev", POSTGRESQL, BASIC, login_params(ssl_mode="x"), "1312-400", id="unknown-parameter"),
    pytest.param("dev", POSTGRESQL, "Basic authentication", {}, "1415-400", id="auth-spec-case"),
    pytest.param(
        "dev-aws", POSTGRESQL, STRING, {"connectionString": PG_STRING}, "1415-400", id="string-on-aws"
    ),
    pytest.param(
        "dev",
        POSTGRESQL,
        STRING,
        {"connectionString": MY_STRING},
        "1312-400",
        id="string-of-another-source",
    ),
    pytest.param("dev", POSTGRESQL, STRING, {"connectionString": "postgres://u:p@h/d"}, "1312-400", id="url"),
    pytest.param("dev", MYSQL, STRING, {"connectionString": PG_STRING}, "1312-400", id="mysql-string-key"),
    pytest.param("dev", MYSQL, BASIC, login_params(sslMode="Allow"), "1312-400", id="mysql-ssl-mode"),
    pytest.param(
        "dev", REDSHIFT, BASIC, login_params(sslMode=None, schema="s"), "1312-400", id="redshift-azure-schema"
    ),
    pytest.param("dev-aws", REDSHIFT, BASIC, {}, "1304-400", id="redshift-aws-nothing"),
    pytest.param("dev-aws", MARIADB, BASIC, login_params(port=None), "1413-400", id="azure-alone"),
    pytest.param("dev", "made-up", BASIC, login_params(), "1413-400", id="unknown-spec"),
]


@pytest.mark.parametrize(("sandbox", "spec_id", "auth", "params", "code"), REFUSED)
async def test_create_undocumented_parameters_are_refused_with_code(
    client: Client, sandbox: str, spec_id: str, auth: str, params: dict[str, Any], code: str
) -> None:
    """What no page documents is refused with Flow Service's code, and never with a secret in the text."""
    assert await send(client, sandbox, request_body(spec_id, auth, params)) == (400, code)
    assert client.books.all_connections() == []
    assert client.books.posts == 1


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        pytest.param({"name": ""}, 400, "1304-400", id="empty-name"),
        pytest.param({"name": 5}, 400, "1312-400", id="name-is-a-number"),
        pytest.param({"auth": {"specName": BASIC}}, 400, "1304-400", id="no-params"),
        pytest.param({"auth": {"params": {}}}, 400, "1304-400", id="no-spec-name"),
        pytest.param({"auth": 7}, 400, "1312-400", id="auth-is-a-number"),
        pytest.param({"connectionSpec": {"version": "1.0"}}, 400, "1304-400", id="no-spec-id"),
        pytest.param({"connectionSpec": {"id": POSTGRESQL}}, 422, "", id="no-version"),
        pytest.param(
            {"connectionSpec": {"id": POSTGRESQL, "version": "9.9"}}, 400, "1413-400", id="unknown-version"
        ),
        pytest.param({"folder": "x"}, 400, "1312-400", id="unknown-field"),
    ],
)
async def test_create_broken_envelope_is_refused(
    client: Client, change: dict[str, object], status: int, code: str
) -> None:
    """The fields around the parameters are checked as well; a spec without version is a 422."""
    assert await send(client, "dev", create_body() | change) == (status, code)
    assert client.books.all_connections() == []


@pytest.mark.parametrize("field", ["name", "auth", "connectionSpec"])
async def test_create_without_a_mandatory_field_names_it(client: Client, field: str) -> None:
    """A missing field is 1304-400, and the message names it."""
    body = {name: value for name, value in create_body().items() if name != field}
    answer = await client.send("POST", "/connections", body=body)
    assert code_of(answer) == "1304-400"
    assert field in answer.json["errorMessage"]


@pytest.mark.parametrize(
    ("data", "shape"),
    [pytest.param(b"{", "BadRequestError", id="no-json"), pytest.param(b"[]", None, id="no-object")],
)
async def test_create_body_that_is_no_object_is_refused(
    client: Client, data: bytes, shape: str | None
) -> None:
    """Bytes that are no JSON get the framework's answer, another JSON value Flow Service's."""
    answer = await client.send("POST", "/connections", data=data)
    assert answer.status == 400
    assert shape is None or answer.json["title"] == shape


async def test_create_message_of_many_problems_is_short(client: Client) -> None:
    """Of very many unknown parameters the message names the first few and counts the others."""
    params = login_params() | {f"extra{number}": "x" for number in range(20)}
    answer = await client.create("shop", auth={"specName": BASIC, "params": params})
    assert "and 12 more" in answer.json["errorMessage"]


async def test_create_in_parallel_makes_each_connection_once(start: Start) -> None:
    """Many POSTs at once make as many connections, each with an id of its own."""
    client = await start(keep_alive=True)
    answers = await asyncio.gather(*(client.create(f"name-{number}") for number in range(200)))
    assert len({answer.json["id"] for answer in answers}) == 200
    assert client.books.connection_count == client.books.posts == 200
    assert client.books.answers() == {201: 200}
