"""`vault://` against a server that speaks Vault's HTTP API: engines, logins, refusals, troubles, TLS."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from aiohttp import web as aiohttp_web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bulkconn.cli.secretstores import web_of
from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.secret import SecretRef
from bulkconn.secretrefs import resolver
from bulkconn.secretrefs.resolver import References
from bulkconn.secretrefs.store import StoreKind
from bulkconn.secretrefs.vault import tokens
from bulkconn.secretrefs.vault.store import VaultStore
from tests.fakes.scripted_server import closed_port
from tests.fakes.vault_server import FakeVault, TokenOnFile, answer, failure
from tests.servers.certificates import Certificates

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

TOKEN = "hvs.root"
SECRET = "p@ss MARK"
LOOKUP = "auth/token/lookup-self"


@pytest.fixture
async def vault() -> AsyncIterator[FakeVault]:
    """Give a Vault with one secret in each version of the engine, and a token that may read all."""
    content = {"password": SECRET, "user": "u", "port": 5432, "flag": True, "share": 1.5, "empty": ""}
    fake = FakeVault(
        secrets={"secret/data/db/pg": content, "kv/db/pg": dict(content)}, tokens={TOKEN: TokenOnFile()}
    )
    async with fake:
        yield fake


def _references(vault: FakeVault, **environ: str) -> References:
    return _resolver(vault, environ, max_wait_s=60.0)


def _impatient(vault: FakeVault, **environ: str) -> References:
    return _resolver(vault, environ, max_wait_s=-1.0)


def _resolver(vault: FakeVault, environ: Mapping[str, str], *, max_wait_s: float) -> References:
    said = {"VAULT_ADDR": vault.url, "VAULT_TOKEN": TOKEN, "HOME": "/nowhere", **environ}
    known = {name: value for name, value in said.items() if value}
    store = VaultStore(web_of(allow_http=False), known)
    return References([StoreKind("vault", lambda: store)], max_wait_s=max_wait_s)


async def _read(references: References, uri: str) -> str:
    reference = SecretRef(uri)
    async with references:
        return (await references.resolve([reference]))[reference].get_secret_value()


async def _refusal(references: References, uri: str) -> SecretUnavailable:
    with pytest.raises(SecretUnavailable) as raised:
        await _read(references, uri)
    assert SECRET not in str(raised.value)
    assert uri in str(raised.value)
    return raised.value


async def _down(references: References, uri: str = "vault://secret/db/pg#password") -> SecretStoreDown:
    with pytest.raises(SecretStoreDown) as raised:
        await _read(references, uri)
    assert SECRET not in str(raised.value)
    assert TOKEN not in str(raised.value)
    return raised.value


# --- engines ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "api_path"),
    [("vault://secret/db/pg#password", "secret/data/db/pg"), ("vault://kv/db/pg#password", "kv/db/pg")],
    ids=["kv-2", "kv-1"],
)
async def test_read_finds_out_the_version_of_the_engine(vault: FakeVault, uri: str, api_path: str) -> None:
    """One path for both versions, as Vault's command line has it; token and mount are looked at once."""
    references = _references(vault)
    async with references:
        for _ in range(2):
            assert await references.resolve([SecretRef(uri)])
        field = SecretRef(uri.replace("#password", "#user"))
        assert (await references.resolve([field]))[field].get_secret_value() == "u"
    mount = f"sys/internal/ui/mounts/{uri.removeprefix('vault://').partition('#')[0]}"
    assert vault.paths() == [LOOKUP, mount, api_path, api_path]
    assert {one.token for one in vault.asked} == {TOKEN}
    assert {one.namespace for one in vault.asked} == {None}


async def test_read_from_a_mount_with_slashes_and_odd_names_finds_it(vault: FakeVault) -> None:
    """Where a mount ends is Vault's to say; what stands in a path reaches it percent-encoded."""
    vault.mounts = {"team/a b/kv/": 2}
    vault.secrets = {"team/a b/kv/data/x?y%20z": {"a#b": SECRET}}
    assert await _read(_references(vault), "vault://team/a b/kv/x?y%20z#a#b") == SECRET
    assert vault.paths()[-1] == "team/a%20b/kv/data/x%3Fy%2520z"


async def test_read_from_a_vault_older_than_the_route_takes_version_1(vault: FakeVault) -> None:
    """Vaults before 0.10 know neither the route nor a second version."""
    vault.is_old = True
    assert await _read(_references(vault), "vault://kv/db/pg#password") == SECRET


async def test_reads_side_by_side_ask_for_token_and_mount_once(vault: FakeVault) -> None:
    """What is the same for all is asked once, however many begin together."""
    refs = []
    for number in range(20):
        vault.secrets[f"secret/data/s{number}"] = {"p": SECRET}
        refs.append(SecretRef(f"vault://secret/s{number}#p"))
    async with _references(vault) as references:
        assert len(await references.resolve(refs)) == 20
    assert len(vault.asked) == 22


async def test_read_sends_the_namespace_with_everything(vault: FakeVault) -> None:
    """Vault Enterprise and OpenBao keep engines and logins by namespace."""
    vault.namespace = "team/a"
    references = _references(vault, VAULT_NAMESPACE="/team/a/")
    assert await _read(references, "vault://secret/db/pg#password") == SECRET
    assert {one.namespace for one in vault.asked} == {"team/a"}


async def test_read_of_a_whole_number_gives_its_digits(vault: FakeVault) -> None:
    """Somebody wrote a password of digits as a number."""
    assert await _read(_references(vault), "vault://kv/db/pg#port") == "5432"


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["data", "errors", "auth", "path", "type", "options", "version", "client_token", "p"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(answers=st.lists(_JSON, min_size=1, max_size=4), has_login=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_read_of_any_answer_gives_a_secret_or_one_of_the_three_errors(
    answers: list[object], *, has_login: bool
) -> None:
    """What calls itself a Vault may answer anything: a row fails or the run stops, and nothing breaks."""

    async def ask() -> None:
        async with FakeVault(tokens={TOKEN: TokenOnFile()}) as vault:
            vault.logins["approle"] = {"role_id": "role-1", "secret_id": "s3cret-id MARK"}
            vault.forced = [aiohttp_web.json_response(one) for one in answers]
            with contextlib.suppress(SecretUnavailable, SecretStoreDown):
                await _read(_impatient(vault, **(APPROLE if has_login else {})), "vault://secret/db/pg#p")

    asyncio.run(ask())


# --- refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "code", "reason"),
    [
        ("vault://secret/db/no#password", "secret_not_found", "Vault has no such secret"),
        ("vault://secret/data/db/pg#password", "secret_not_found", "leave `data/` out"),
        ("vault://secret/db/pg#pasword", "secret_not_found", "the secret has no field of that name"),
        ("vault://secret/db/pg#empty", "secret_not_found", "the secret is empty"),
        ("vault://secret/db/pg#flag", "secret_unavailable", "the field is not text"),
        ("vault://secret/db/pg#share", "secret_unavailable", "the field is not text"),
        ("vault://nowhere/db/pg#password", "secret_denied", "Vault denies it to us, or has no such mount"),
        ("vault://db/creds/role#password", "secret_unavailable", "lies in no key/value engine"),
    ],
)
async def test_read_of_a_secret_that_cannot_be_had_fails_its_row(
    vault: FakeVault, uri: str, code: str, reason: str
) -> None:
    """The reference is at fault, not the store; nothing of the secret is told, its fields' names neither."""
    vault.mounts["db/"] = None
    error = await _refusal(_references(vault), uri)
    assert reason in str(error)
    assert error.code == code
    assert "user" not in str(error)


async def test_read_that_the_policy_forbids_fails_its_row_alone(vault: FakeVault) -> None:
    """A 403 for a token that is good concerns this path; others are read."""
    vault.tokens[TOKEN] = TokenOnFile(may_read=("secret/data/db/",))
    vault.secrets["secret/data/other"] = {"p": SECRET}
    error = await _refusal(_references(vault), "vault://secret/other#p")
    assert error.code == "secret_denied"
    assert vault.paths()[-1] == LOOKUP
    assert await _read(_references(vault), "vault://secret/db/pg#password") == SECRET


async def test_read_that_the_policy_forbids_to_a_token_without_default_policy_fails_its_row(
    vault: FakeVault,
) -> None:
    """A token that may not even look itself up is not thought to have ended."""
    vault.tokens[TOKEN] = TokenOnFile(may_read=("kv/db/",), may_look=False)
    error = await _refusal(_references(vault), "vault://kv/other#p")
    assert error.code == "secret_denied"


async def test_read_of_a_request_that_vault_refuses_fails_its_row(vault: FakeVault) -> None:
    """Any other refusal tells its status and nothing of its body."""
    vault.forced = [answer({}), failure(405, f"unsupported {SECRET}")]
    assert "Vault refuses the request (status 405)" in str(
        await _refusal(_references(vault), "vault://secret/db/pg#password")
    )


@pytest.mark.parametrize(
    ("uri", "fix"),
    [
        ("vault://secret/db/pg", "write it as vault://mount/path#field"),
        ("vault://secret#password", "write it as vault://mount/path#field"),
        ("vault://secret/../sys/seal#password", "write it as vault://mount/path#field"),
        ("vault://secret//pg#password", "write it as vault://mount/path#field"),
        ("vault://secret/pg#", "correct the reference"),
        ("vault://#password", "correct the reference"),
    ],
)
async def test_reference_that_names_no_field_of_a_secret_is_refused_unasked(
    vault: FakeVault, uri: str, fix: str
) -> None:
    """Known at plan time, and no path climbs out of its place."""
    references = _references(vault)
    error = references.exists(SecretRef(uri))
    assert error is not None
    assert fix in error.fix
    await _refusal(references, uri)
    assert vault.asked == []


# --- who we are ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "message", "fix"),
    [
        ({"VAULT_ADDR": ""}, "no Vault is named", "set VAULT_ADDR"),
        ({"VAULT_ADDR": "vault:8200"}, "VAULT_ADDR is not a web address", "https://"),
        ({"VAULT_ADDR": "http://vault.example.com:8200"}, "VAULT_ADDR is not encrypted", "https://"),
        ({"VAULT_TOKEN": ""}, "Vault does not know who we are", "VAULT_ROLE_ID"),
        ({"VAULT_TOKEN": f"{TOKEN}\nx"}, "VAULT_TOKEN holds characters", "without blanks"),
        ({"VAULT_CACERT": "/nowhere/ca.pem"}, "cannot be used: No such file", "VAULT_CACERT"),
        ({"VAULT_CACERT_BYTES": "x"}, "a certificate for Vault cannot be used", "VAULT_CACERT"),
    ],
)
async def test_reference_without_usable_settings_is_refused_unasked(
    vault: FakeVault, environ: dict[str, str], message: str, fix: str
) -> None:
    """Known at plan time: what is missing, and what to set."""
    references = _references(vault, **environ)
    error = references.exists(SecretRef("vault://secret/db/pg#password"))
    assert error is not None
    assert message in str(error)
    assert fix in error.fix
    assert TOKEN not in str(error)


async def test_read_takes_the_token_of_vaults_own_command_line(vault: FakeVault, tmp_path: Path) -> None:
    """`vault login` leaves it in the home folder."""
    (tmp_path / ".vault-token").write_text(f"{TOKEN}\n")
    references = _references(vault, VAULT_TOKEN="", HOME=str(tmp_path))
    assert await _read(references, "vault://secret/db/pg#password") == SECRET


async def test_read_through_an_agent_needs_no_token(vault: FakeVault) -> None:
    """An agent adds its own token on the way, and a 403 is about the path."""
    vault.tokens[""] = TokenOnFile(may_read=("secret/data/db/",))
    references = _references(
        vault, VAULT_TOKEN="", VAULT_ADDR="https://elsewhere", VAULT_AGENT_ADDR=vault.url
    )
    assert await _read(references, "vault://secret/db/pg#password") == SECRET
    assert {one.token for one in vault.asked} == {None}
    error = await _refusal(
        _references(vault, VAULT_TOKEN="", VAULT_AGENT_ADDR=vault.url), "vault://secret/other#p"
    )
    assert error.code == "secret_denied"


APPROLE = {"VAULT_TOKEN": "", "VAULT_ROLE_ID": "role-1", "VAULT_SECRET_ID": "s3cret-id MARK"}


@pytest.mark.parametrize(
    ("environ", "mount", "body"),
    [
        (APPROLE, "approle", {"role_id": "role-1", "secret_id": "s3cret-id MARK"}),
        ({"VAULT_TOKEN": "", "VAULT_ROLE_ID": "role-1"}, "approle", {"role_id": "role-1"}),
        (
            {**APPROLE, "VAULT_AUTH_APPROLE_MOUNT": "auth/team/approle/"},
            "team/approle",
            {"role_id": "role-1", "secret_id": "s3cret-id MARK"},
        ),
        (
            {"VAULT_TOKEN": "", "VAULT_K8S_AUTH_ROLE_NAME": "r", "VAULT_K8S_SERVICE_ACCOUNT_TOKEN": "jwt"},
            "kubernetes",
            {"role": "r", "jwt": "jwt"},
        ),
        (
            {
                "VAULT_TOKEN": "",
                "VAULT_KUBERNETES_ROLE": "r",
                "VAULT_K8S_SERVICE_MOUNT_PATH": "k8s/eu",
                "VAULT_K8S_SERVICE_ACCOUNT_TOKEN_PATH": "JWT",
            },
            "k8s/eu",
            {"role": "r", "jwt": "jwt-of-file"},
        ),
    ],
    ids=["approle", "approle-without-secret", "approle-elsewhere", "kubernetes", "kubernetes-file"],
)
async def test_read_logs_in_once_for_all(
    vault: FakeVault, tmp_path: Path, environ: dict[str, str], mount: str, body: dict[str, str]
) -> None:
    """AppRole and Kubernetes, at the mounts that the environment names; one login serves the run."""
    (tmp_path / "jwt").write_text("jwt-of-file\n")
    environ = {name: str(tmp_path / "jwt") if value == "JWT" else value for name, value in environ.items()}
    vault.logins[mount] = body
    refs = [SecretRef(f"vault://{place}/db/pg#password") for place in ("secret", "kv")]
    async with _references(vault, **environ) as references:
        assert [one.get_secret_value() for one in (await references.resolve(refs)).values()] == [SECRET] * 2
    assert vault.paths("POST") == [f"auth/{mount}/login"]
    assert vault.asked[0].token is None


async def test_read_after_the_login_has_ended_logs_in_again(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long run outlives its token; where its end is known, the next is had before."""
    vault.logins["approle"] = {"role_id": "role-1", "secret_id": "s3cret-id MARK"}
    vault.granted = TokenOnFile(uses_left=3)
    for number in range(6):
        vault.secrets[f"secret/data/s{number}"] = {"p": SECRET}
    async with _references(vault, **APPROLE) as references:
        for number in range(6):
            reference = SecretRef(f"vault://secret/s{number}#p")
            assert (await references.resolve([reference]))[reference].get_secret_value() == SECRET
    assert len(vault.paths("POST")) == 3
    monkeypatch.setattr(tokens, "_LIFE_USED", 0.0)
    vault.granted = TokenOnFile()
    assert await _read(_references(vault, **APPROLE), "vault://secret/s1#p") == SECRET
    assert len(vault.paths("POST")) > 4


async def test_read_with_a_login_that_is_no_good_fails_the_row_in_the_end(vault: FakeVault) -> None:
    """Tokens that end with each use are not asked for without end."""
    vault.logins["approle"] = {"role_id": "role-1", "secret_id": "s3cret-id MARK"}
    vault.granted = TokenOnFile(may_read=())
    error = await _refusal(_references(vault, **APPROLE), "vault://secret/db/pg#password")
    assert error.code == "secret_denied"
    assert len(vault.paths("POST")) == 1


@pytest.mark.parametrize("is_old", [False, True], ids=["new", "old"])
async def test_read_with_a_token_that_is_no_good_stops_the_run(vault: FakeVault, *, is_old: bool) -> None:
    """Nothing could be read with it: no row's fault. Old Vaults say no more than "permission denied"."""
    vault.is_old = is_old
    down = await _down(_references(vault, VAULT_TOKEN="hvs.wrong"))
    assert str(down) == f"Vault at {vault.url} does not take VAULT_TOKEN"


@pytest.mark.parametrize("is_old", [False, True], ids=["new", "old"])
async def test_read_after_a_given_token_has_ended_stops_the_run(vault: FakeVault, *, is_old: bool) -> None:
    """A token that was good and ends in the middle of a run cannot be had again; old Vaults show it too."""
    vault.secrets["kv/other"] = {"p": SECRET}
    async with _references(vault) as references:
        assert await references.resolve([SecretRef("vault://kv/db/pg#password")])
        del vault.tokens[TOKEN]
        vault.is_old = is_old
        with pytest.raises(SecretStoreDown, match="takes VAULT_TOKEN no longer") as raised:
            await references.resolve([SecretRef("vault://kv/other#p")])
    assert raised.value.fix == "get a new token, for this Vault and namespace"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (APPROLE, "refuses the AppRole login at auth/approle (status 400)"),
        (
            {"VAULT_TOKEN": "", "VAULT_ROLE": "r", "VAULT_K8S_SERVICE_ACCOUNT_TOKEN": "MARK"},
            "refuses the Kubernetes login at auth/kubernetes (status 400)",
        ),
        (
            {"VAULT_TOKEN": "", "VAULT_ROLE": "r", "VAULT_K8S_SERVICE_ACCOUNT_TOKEN_PATH": "/nowhere"},
            "the service account's token for Vault cannot be read",
        ),
    ],
)
async def test_read_with_a_login_that_vault_refuses_stops_the_run(
    vault: FakeVault, environ: dict[str, str], message: str
) -> None:
    """Without a token nothing can be read; what was sent to log in is not repeated."""
    error = await _down(_references(vault, **environ))
    assert message in str(error)
    assert "MARK" not in str(error)


async def test_read_with_a_login_that_brings_no_token_is_asked_again(vault: FakeVault) -> None:
    """What answers so is no Vault, or not yet."""
    vault.forced = [aiohttp_web.json_response({"auth": {}}) for _ in range(2)]
    vault.logins["approle"] = {"role_id": "role-1", "secret_id": "s3cret-id MARK"}
    assert await _read(_references(vault, **APPROLE), "vault://secret/db/pg#password") == SECRET
    vault.forced = [aiohttp_web.json_response({"auth": None})]
    error = await _down(_impatient(vault, **APPROLE))
    assert "answers a login without a token" in str(error)


# --- troubles -----------------------------------------------------------------------------------------


async def test_read_from_a_vault_that_is_sealed_stops_the_run_in_the_end(vault: FakeVault) -> None:
    """Sealed is down: asked again, then exit 4, with the Vault's name."""
    vault.is_sealed = True
    error = await _down(_impatient(vault))
    assert str(error).startswith(f"Vault at {vault.url} is sealed (status 503); it was asked for")


@pytest.mark.parametrize("status", [412, 429, 472, 473, 500, 502, 503, 504])
async def test_read_from_a_vault_in_trouble_is_asked_again(vault: FakeVault, status: int) -> None:
    """Overload, standby nodes, errors of its own: none of them says anything of the secret."""
    vault.forced = [failure(status, SECRET), answer({}), failure(status, SECRET)]
    assert await _read(_references(vault), "vault://secret/db/pg#password") == SECRET


async def test_read_from_a_vault_that_throttles_waits_as_long_as_it_says(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its Retry-After is obeyed; one beyond --max-wait ends the run at once."""
    waits: list[float] = []

    def pause(_tries: int, _dice: float, wish_s: float) -> float:
        waits.append(wish_s)
        return 0.01

    monkeypatch.setattr(resolver, "backoff_s", pause)
    vault.forced = [failure(429, retry_after="7")]
    assert await _read(_references(vault), "vault://secret/db/pg#password") == SECRET
    assert waits == [7.0]


async def test_read_from_what_is_no_vault_stops_the_run_in_the_end(vault: FakeVault) -> None:
    """A proxy's page, for example."""
    vault.forced = [answer({}), aiohttp_web.Response(text="<html>")]
    error = await _down(_impatient(vault))
    assert "is it a Vault?" in str(error)


async def test_read_from_a_vault_that_is_not_there_stops_the_run_in_the_end(vault: FakeVault) -> None:
    """A refused connection is trouble like any other; the address is told."""
    address = f"http://127.0.0.1:{closed_port()}"
    error = await _down(_impatient(vault, VAULT_ADDR=address))
    assert str(error).startswith(f"Vault at {address}: no connection could be made (Connection refused)")


# --- standby nodes and TLS ----------------------------------------------------------------------------


async def test_read_from_a_standby_follows_to_the_active_node(vault: FakeVault) -> None:
    """A standby that does not forward answers 307; the active node gets the token, and the login's body."""
    vault.logins["approle"] = {"role_id": "role-1", "secret_id": "s3cret-id MARK"}
    async with FakeVault(redirects_to=vault.url) as standby:
        assert await _read(_references(standby, **APPROLE), "vault://secret/db/pg#password") == SECRET
        assert standby.paths() == vault.paths()


async def test_read_from_nodes_that_send_us_round_stops_the_run_in_the_end(vault: FakeVault) -> None:
    """No node is active."""
    vault.redirects_to = vault.url
    error = await _down(_impatient(vault))
    assert "sends us from node to node" in str(error)
    assert len(vault.asked) == 4


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("http://vault.example.com:8200", "the address that it sends us on to is not encrypted"),
        ("ftp://vault.example.com", "the address that it sends us on to is not a web address"),
        ("http://[x", "sends us on to no address"),
    ],
)
async def test_read_from_a_node_that_sends_us_astray_stops_the_run(
    vault: FakeVault, target: str, message: str
) -> None:
    """A token goes nowhere that VAULT_ADDR itself might not name."""
    vault.forced = [aiohttp_web.Response(status=307, headers={"Location": f"{target}/v1/x"})]
    error = await _down(_references(vault))
    assert message in str(error)
    assert "api_addr" in error.fix


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Give an authority and a certificate for this machine."""
    return Certificates.make(tmp_path_factory.mktemp("tls"), "127.0.0.1", "vault.test")


@pytest.mark.parametrize("way", ["file", "bytes", "client", "name"])
async def test_read_over_tls_trusts_whom_the_environment_names(
    vault: FakeVault, certificates: Certificates, way: str
) -> None:
    """An authority of one's own, a client certificate, and a server that bears another name."""
    environ = {"VAULT_CACERT": str(certificates.authority)}
    if way == "bytes":
        environ = {"VAULT_CACERT_BYTES": certificates.authority.read_text()}
    if way == "client":
        environ |= {
            "VAULT_CLIENT_CERT": str(certificates.certificate),
            "VAULT_CLIENT_KEY": str(certificates.key),
        }
    if way == "name":
        environ |= {"VAULT_TLS_SERVER_NAME": "vault.test"}
    tls = certificates.server_side(wants_client=way == "client")
    async with FakeVault(secrets=vault.secrets, tokens=vault.tokens, tls=tls) as secure:
        assert await _read(_references(secure, **environ), "vault://secret/db/pg#password") == SECRET


@pytest.mark.parametrize("environ", [{}, {"VAULT_SKIP_VERIFY": "true"}, {"VAULT_TLS_SERVER_NAME": "other"}])
async def test_read_over_tls_that_cannot_be_trusted_stops_the_run_at_once(
    vault: FakeVault, certificates: Certificates, environ: dict[str, str]
) -> None:
    """A certificate does not mend itself, and no variable makes us overlook it."""
    if "VAULT_TLS_SERVER_NAME" in environ:
        environ["VAULT_CACERT"] = str(certificates.authority)
    async with FakeVault(tls=certificates.server_side()) as secure:
        error = await _down(_references(secure, **environ))
        assert "TLS certificate was not accepted" in str(error)
        assert "VAULT_CACERT" in error.fix
        assert secure.asked == []


async def test_read_from_an_active_node_without_tls_stops_the_run(
    vault: FakeVault, certificates: Certificates
) -> None:
    """What began encrypted does not go on in clear, not even on this machine."""
    tls = certificates.server_side()
    async with FakeVault(redirects_to=vault.url, tls=tls) as standby:
        error = await _down(_references(standby, VAULT_CACERT=str(certificates.authority)))
        assert "sends us on to an address without TLS" in str(error)
        assert vault.asked == []


async def test_read_through_a_proxy_that_cannot_be_used_stops_the_run(
    vault: FakeVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies of the environment go for Vault too."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://proxy:1080")
    monkeypatch.delenv("NO_PROXY", raising=False)
    references = _references(vault, VAULT_ADDR="https://vault.example.invalid:8200")
    error = await _down(references)
    assert "is not an HTTP proxy" in str(error)


async def test_secrets_and_tokens_are_in_no_repr(vault: FakeVault) -> None:
    """Objects that end up in a log by accident show neither."""
    store = VaultStore(web_of(allow_http=False), {"VAULT_ADDR": vault.url, **APPROLE})
    store.check(SecretRef("vault://secret/db/pg#password"))
    opened = store._opened
    assert opened is not None
    assert "MARK" not in repr((opened[0]._settings, opened[1].__dict__))
