"""What the user said, by flag, variable or file, as frozen values that the wiring takes."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import UsageError
from bulkconn.core.plan import OnExisting, Reopen
from bulkconn.core.secret import SecretStr
from bulkconn.core.settings import PaceSettings, PatienceSettings, RunSettings
from bulkconn.core.source import PlatformCloud
from bulkconn.core.validation import RowDefaults

if TYPE_CHECKING:
    from collections.abc import Mapping

_AUTHORIZATION: Final = "BULKCONN_INVENTORY_AUTHORIZATION"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are. `access_token` wins over client secret and scopes."""

    client_id: str
    org_id: str
    access_token: SecretStr | None
    client_secret: SecretStr | None
    scopes: str | None


@dataclass(frozen=True, slots=True)
class Given:
    """All parameters of a command, and what the Adobe configuration file adds to them."""

    params: Mapping[str, Any]
    adobe_org_id: str | None = None
    adobe_client_id: str | None = None
    adobe_secret: SecretStr | None = None
    adobe_scopes: str | None = None
    adobe_sandbox: str | None = None
    #: Used instead of everything that the user said: the demo's, so that no real secret gets there.
    own_credentials: Credentials | None = None

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> Given:
        """Take click's parameters, and read the Adobe configuration file if one is named.

        Raises:
            UsageError: the file cannot be read.
        """
        path = params.get("adobe_config")
        if not path:
            return cls(params)
        from bulkconn.flowservice import read_adobe_config  # noqa: PLC0415 - heavy, and rarely needed

        config = read_adobe_config(Path(path).expanduser())
        return cls(
            params,
            adobe_org_id=config.org_id,
            adobe_client_id=config.client_id,
            adobe_secret=config.secret,
            adobe_scopes=config.scopes,
            adobe_sandbox=config.sandbox_name,
        )

    def text(self, name: str) -> str | None:
        """Give a text; None where it was left out or is blank."""
        value = self.params.get(name)
        return (str(value).strip() or None) if value is not None else None

    def is_on(self, name: str) -> bool:
        """Tell whether a switch is on."""
        return bool(self.params.get(name))

    def number(self, name: str) -> float:
        """Give a number that has a default."""
        return float(self.params[name])

    @property
    def wants_json(self) -> bool:
        """Whether stdout is for a program."""
        return self.params.get("output") == "json"

    @property
    def org_id(self) -> str | None:
        """The organisation, wherever it was named."""
        return self.text("org_id") or self.adobe_org_id

    @property
    def row_defaults(self) -> RowDefaults:
        """What a row means where it is silent."""
        cloud = self.text("platform_cloud")
        return RowDefaults(
            sandbox=self.text("sandbox") or self.adobe_sandbox,
            platform_cloud=PlatformCloud(cloud.lower()) if cloud else None,
        )

    @property
    def reopen(self) -> Reopen:
        """Which finished rows are to be taken up once more.

        Raises:
            UsageError: error codes are named, but failed rows are not to be retried at all.
        """
        codes = frozenset(code.strip() for code in self.params.get("error_code") or () if code.strip())
        if codes and not self.is_on("retry_failed"):
            raise UsageError(
                "--error-code says which failed rows are retried, but nothing asks for a retry",
                fix="add --retry-failed (or BULKCONN_RETRY_FAILED=1), or leave --error-code out",
            )
        return Reopen(failed=self.is_on("retry_failed"), codes=codes, deleted=self.is_on("recreate"))

    @property
    def run_settings(self) -> RunSettings:
        """What the engine is told."""
        grace_s = self.number("settle_grace")
        return RunSettings(
            pace=PaceSettings(self.number("rate"), int(self.number("concurrency"))),
            patience=PatienceSettings(
                max_attempts=int(self.number("max_attempts")),
                max_resends=int(self.number("max_resends")),
                settle_grace_s=None if math.isinf(grace_s) else grace_s,
                max_wait_s=self.number("max_wait"),
                drain_s=self.number("drain"),
            ),
            on_existing=OnExisting((self.text("on_existing") or "hold").lower()),
            reopen=self.reopen,
            has_marker=self.is_on("marker"),
            client_id=self.text("client_id") or self.adobe_client_id,
        )

    @property
    def upkeep_settings(self) -> RunSettings:
        """What the engine is told by a command that sends no POST."""
        return RunSettings(
            pace=PaceSettings(self.number("rate"), int(self.number("concurrency"))),
            patience=PatienceSettings(max_wait_s=self.number("max_wait"), drain_s=self.number("drain")),
        )

    def inventory_authorization(self) -> SecretStr | None:
        """Give the `Authorization` header for inventories at web addresses, if there is one.

        Raises:
            UsageError: no header can carry it.
        """
        secret = None if self.own_credentials is not None else _secret(_AUTHORIZATION)
        text = "" if secret is None else secret.get_secret_value()
        if not (text.isascii() and text.isprintable()):
            raise UsageError(
                f"{_AUTHORIZATION} holds characters that no header can carry",
                fix='set it to one line such as "Bearer ..." or "Basic ..."',
            )
        return secret

    def credentials(self) -> Credentials:
        """Give who we are.

        Raises:
            UsageError: something is missing; the message names flag and variable of each.
        """
        if self.own_credentials is not None:
            return self.own_credentials
        token = _secret("BULKCONN_ACCESS_TOKEN")
        secret = _secret("BULKCONN_CLIENT_SECRET") or self.adobe_secret
        scopes = os.environ.get("BULKCONN_SCOPES", "").strip() or _toml_scopes() or self.adobe_scopes
        client_id, org_id = self.text("client_id") or self.adobe_client_id, self.org_id
        missing = []
        if client_id is None:
            missing.append("--client-id (BULKCONN_CLIENT_ID)")
        if org_id is None:
            missing.append("--org-id (BULKCONN_ORG_ID)")
        if token is None and secret is None:
            missing.append("BULKCONN_ACCESS_TOKEN, or BULKCONN_CLIENT_SECRET with BULKCONN_SCOPES")
        elif token is None and not scopes:
            missing.append("BULKCONN_SCOPES (it belongs to BULKCONN_CLIENT_SECRET)")
        if client_id is None or org_id is None or missing:
            raise UsageError(
                f"missing: {'; '.join(missing)}",
                fix="set them in the environment or in .env, or name aepp's file with --adobe-config; "
                "`bulkconn demo` needs none of them",
            )
        return Credentials(client_id, org_id, token, secret, scopes)


def _secret(variable: str) -> SecretStr | None:
    value = os.environ.get(variable, "").strip()
    return SecretStr(value) if value else None


def _toml_scopes() -> str | None:
    from bulkconn.cli.configuration import read_toml  # noqa: PLC0415 - only where credentials are needed

    scopes = read_toml().get("scopes")
    if isinstance(scopes, list):
        scopes = ",".join(str(one) for one in scopes)
    return str(scopes).strip() or None if scopes is not None else None
