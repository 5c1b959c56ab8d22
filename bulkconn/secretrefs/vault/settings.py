"""What Vault's own environment variables say: where it is, whom it trusts, and who we are.

Address, namespace and TLS bear the names of Vault's command line; AppRole and Kubernetes, for which that has
none, those of HashiCorp's consul-template and of gomplate, which others have taken over.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.errors import UsageError
from bulkconn.core.secret import SecretStr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.secretrefs.web import Web

_TOKEN_FILE: Final = ".vault-token"  # noqa: S105 - where Vault's command line leaves its token
_JWT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount/token"
_ROLE: Final = ("VAULT_K8S_AUTH_ROLE_NAME", "VAULT_KUBERNETES_ROLE", "VAULT_ROLE")
_K8S_MOUNT: Final = ("VAULT_K8S_SERVICE_MOUNT_PATH", "VAULT_KUBERNETES_MOUNT_POINT")
_K8S_JWT_PATH: Final = ("VAULT_K8S_SERVICE_ACCOUNT_TOKEN_PATH", "VAULT_KUBERNETES_JWT_PATH")


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A token that somebody else got; it cannot be had anew. None: an agent adds one on the way."""

    value: SecretStr | None
    origin: str


@dataclass(frozen=True, slots=True)
class AppRole:
    """A login by role id and secret id; roles that bind no secret id do without."""

    mount: str
    role_id: str
    secret_id: SecretStr | None

    title: ClassVar[str] = "AppRole"

    def body(self) -> dict[str, str]:
        """Give the body of the login request, with the secret in clear."""
        body = {"role_id": self.role_id}
        if self.secret_id is not None:
            body["secret_id"] = self.secret_id.get_secret_value()
        return body


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """A login by the service account's token, read afresh each time: Kubernetes renews it."""

    mount: str
    role: str
    jwt: SecretStr | None
    jwt_path: Path

    title: ClassVar[str] = "Kubernetes"

    def body(self) -> dict[str, str]:
        """Give the body of the login request, with the secret in clear.

        Raises:
            OSError: the file cannot be read.
        """
        jwt = self.jwt_path.read_text("ascii").strip() if self.jwt is None else self.jwt.get_secret_value()
        return {"role": self.role, "jwt": jwt}


Identity = GivenToken | AppRole | Kubernetes


@dataclass(frozen=True, slots=True)
class VaultSettings:
    """One Vault, as one identity sees it. `tls` None: the system's certificates."""

    address: str
    namespace: str | None
    identity: Identity
    tls: ssl.SSLContext | None = None
    server_name: str | None = None

    @classmethod
    def of(cls, environ: Mapping[str, str], web: Web) -> VaultSettings:
        """Read the environment.

        Raises:
            SecretUnavailable: something is missing or cannot be used; `fix` says what to set.
        """
        agent, address = _text(environ, "VAULT_AGENT_ADDR"), _text(environ, "VAULT_ADDR")
        if agent is None and address is None:
            raise SecretUnavailable(
                "no Vault is named",
                fix="set VAULT_ADDR to its address, such as https://vault.example.com:8200",
            )
        try:
            url = web.check_url(agent or address or "", "VAULT_AGENT_ADDR" if agent else "VAULT_ADDR")
        except UsageError as error:
            raise SecretUnavailable(str(error), fix=error.fix) from error
        namespace = (_text(environ, "VAULT_NAMESPACE") or "").strip("/")
        return cls(
            address=url,
            namespace=_header("VAULT_NAMESPACE", namespace) if namespace else None,
            identity=_identity(environ, has_agent=agent is not None),
            tls=_tls(environ),
            server_name=_text(environ, "VAULT_TLS_SERVER_NAME"),
        )


def _identity(environ: Mapping[str, str], *, has_agent: bool) -> Identity:
    """Say who we are: a token of the environment first, that of Vault's command line last."""
    token, role_id, role = (
        _text(environ, "VAULT_TOKEN"),
        _text(environ, "VAULT_ROLE_ID"),
        _text(environ, *_ROLE),
    )
    if token is not None:
        return GivenToken(SecretStr(_header("VAULT_TOKEN", token)), "VAULT_TOKEN")
    if role_id is not None:
        secret_id = _text(environ, "VAULT_SECRET_ID")
        return AppRole(
            mount=_mount(environ, "approle", "VAULT_AUTH_APPROLE_MOUNT"),
            role_id=role_id,
            secret_id=None if secret_id is None else SecretStr(secret_id),
        )
    if role is not None:
        jwt = _text(environ, "VAULT_K8S_SERVICE_ACCOUNT_TOKEN")
        return Kubernetes(
            mount=_mount(environ, "kubernetes", *_K8S_MOUNT),
            role=role,
            jwt=None if jwt is None else SecretStr(jwt),
            jwt_path=Path(_text(environ, *_K8S_JWT_PATH) or _JWT_PATH),
        )
    stored = _stored_token(environ)
    if stored is not None:
        return GivenToken(SecretStr(_header("~/.vault-token", stored)), "~/.vault-token")
    if has_agent:
        return GivenToken(None, "the agent's token")
    raise SecretUnavailable(
        "Vault does not know who we are",
        fix="set VAULT_TOKEN; or VAULT_ROLE_ID and VAULT_SECRET_ID (AppRole); or "
        "VAULT_K8S_AUTH_ROLE_NAME (Kubernetes); or log in with `vault login`",
    )


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext | None:
    """Give the TLS context that the variables ask for; None where they say nothing."""
    ca_file, ca_path = _text(environ, "VAULT_CACERT"), _text(environ, "VAULT_CAPATH")
    ca_bytes = _text(environ, "VAULT_CACERT_BYTES")
    certificate, key = _text(environ, "VAULT_CLIENT_CERT"), _text(environ, "VAULT_CLIENT_KEY")
    if not (ca_file or ca_bytes or ca_path or certificate):
        return None
    try:
        # As Vault's command line reads them: a file wins over bytes, these over a folder.
        context = ssl.create_default_context(
            cafile=ca_file,
            cadata=None if ca_file else ca_bytes,
            capath=None if ca_file or ca_bytes else ca_path,
        )
        if certificate:
            context.load_cert_chain(certificate, key)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or "not PEM"
        raise SecretUnavailable(
            f"a certificate for Vault cannot be used: {reason}",
            fix="check VAULT_CACERT (or _BYTES), VAULT_CAPATH, VAULT_CLIENT_CERT and VAULT_CLIENT_KEY",
        ) from error
    return context


def _stored_token(environ: Mapping[str, str]) -> str | None:
    try:
        home = Path(environ["HOME"]) if "HOME" in environ else Path.home()
        return (home / _TOKEN_FILE).read_text("ascii").strip() or None
    except (OSError, ValueError, RuntimeError):
        return None


def _mount(environ: Mapping[str, str], usual: str, *names: str) -> str:
    """Give where a login is mounted, also where it is written as `auth/name`."""
    return (_text(environ, *names) or usual).strip("/").removeprefix("auth/")


def _text(environ: Mapping[str, str], *names: str) -> str | None:
    """Give the first of these variables that says something."""
    return next((text for name in names if (text := environ.get(name, "").strip())), None)


def _header(name: str, text: str) -> str:
    if any(not "!" <= char <= "~" for char in text):
        raise SecretUnavailable(
            f"{name} holds characters that no header can carry", fix="give it without blanks and line breaks"
        )
    return text
