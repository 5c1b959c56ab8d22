"""What an emulator can be told before it starts, and the words with which it introduces itself."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from bulkconn.emulator.faults import FaultPlan

__all__ = ["Cloud", "EmulatorSettings", "RetryAfterForm", "SecretsInReplies", "banner", "parse_sandbox"]

#: A duration that may be none at all.
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Cloud(StrEnum):
    """Where Experience Platform itself runs; it decides which auth specs a sandbox knows."""

    #: Microsoft Azure (regions VA7, GBR9, NDL2, CAN2, IND2, AUS5).
    AZURE = "azure"
    #: Amazon Web Services (region VA6).
    AWS = "aws"


class SecretsInReplies(StrEnum):
    """What a GET shows of passwords and connection strings; Adobe's pages do not say."""

    #: The secret parameters are missing from `auth.params`.
    DROP = "drop"
    #: They are there, their values replaced by asterisks.
    MASK = "mask"
    #: They are there as they were sent, which a client must survive without keeping them.
    CLEAR = "clear"


class RetryAfterForm(StrEnum):
    """How `Retry-After` is written; RFC 9110 section 10.2.3 allows both forms."""

    #: Whole seconds, at least 1.
    SECONDS = "seconds"
    #: An HTTP date, rounded up to the next second.
    DATE = "date"
    #: The header is missing.
    NONE = "none"


def _default_sandboxes() -> dict[str, Cloud]:
    return {"dev": Cloud.AZURE, "dev-aws": Cloud.AWS, "prod": Cloud.AZURE, "prod-aws": Cloud.AWS}


class EmulatorSettings(BaseModel):
    """Everything that can be chosen about an emulator; it does not change while the emulator runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: Interface to listen on. The /emulator/ routes ask for no credentials: keep it a loopback address,
    #: or an address that only your own containers can reach.
    host: str = "127.0.0.1"
    #: TCP port; 0 takes a free one.
    port: int = Field(default=0, ge=0, le=65535)
    #: The only organisation served when `any_org` is off, and the one named in the banner.
    org_id: str = "EMULATOR@AdobeOrg"
    #: The only client known when `any_org` is off.
    client_id: str = "emulator-client"
    #: That client's secret. This default opens nothing but this emulator.
    client_secret: SecretStr = SecretStr("emulator-secret")
    #: A token that is good from the start and does not expire, until it is revoked; None = no such token.
    static_token: SecretStr | None = None
    #: Sandbox name to the cloud of its region.
    sandboxes: dict[str, Cloud] = Field(default_factory=_default_sandboxes, min_length=1)
    #: Take connection specs that the emulator has no schema for, whatever their parameters are.
    any_spec: bool = False
    #: Take every organisation, client id and client secret. Tokens are checked all the same.
    any_org: bool = True
    #: API requests let through in any window of one second; None = no limit.
    rate_limit_per_s: int | None = Field(default=None, ge=1)
    #: Form of `Retry-After` on 429.
    retry_after: RetryAfterForm = RetryAfterForm.SECONDS
    #: Time that every API request takes: half of it before it takes effect, half after.
    latency_s: Seconds = 0.0
    #: Added to the latency, drawn evenly between 0 and this.
    jitter_s: Seconds = 0.0
    #: How long a created connection stays invisible to listings and lookups.
    visibility_lag_s: Seconds = 0.0
    #: Life of a token that the token endpoint gives out. `expires_in` is this, rounded down.
    token_lifetime_s: float = Field(default=86399.0, gt=0, allow_inf_nan=False)
    #: What listings show of secret parameters.
    secrets_in_replies: SecretsInReplies = SecretsInReplies.DROP
    #: Faults to commit from the start.
    faults: FaultPlan = FaultPlan()
    #: Seed of the dice (faults, jitter): the same requests in the same order meet the same faults.
    seed: int = 0
    #: Requests remembered one by one; counts go on beyond it, older entries are forgotten.
    log_limit: int = Field(default=100_000, ge=1)


def parse_sandbox(text: str) -> tuple[str, Cloud]:
    """Read a sandbox as it is written on a command line: `prod:azure`.

    Raises:
        ValueError: The text is not of that form; the message is one sentence.
    """
    name, _, cloud = text.rpartition(":")
    if not name or cloud.lower() not in set(Cloud):
        raise ValueError(f"cannot read the sandbox {text!r}: write name:azure or name:aws")
    return name, Cloud(cloud.lower())


def banner(settings: EmulatorSettings, base_url: str) -> str:
    """Give the text to show at every start: what this is, and how to point bulkconn at it.

    Args:
        settings: The emulator's settings; their client secret is shown only if it is the built-in one.
        base_url: `Emulator.base_url` of the running emulator.
    """
    origin = base_url.partition("/data/")[0]
    secret = settings.client_secret.get_secret_value()
    if secret != EmulatorSettings.model_fields["client_secret"].default.get_secret_value():
        secret = "<the secret that you gave to the emulator>"  # noqa: S105 - words in place of a secret
    sandboxes = ", ".join(f"{name} ({cloud})" for name, cloud in settings.sandboxes.items())
    lines = [
        "This is the bulkconn emulator, for rehearsal, demo and tests. It is not Adobe's service:",
        "nothing here reaches Adobe Experience Platform, and everything is gone when it stops.",
        f"Its /emulator/ routes ask for no credentials; it listens on {settings.host}.",
        f"Sandboxes: {sandboxes}.",
        "",
        f"export BULKCONN_BASE_URL={base_url}",
        f"export BULKCONN_IMS_URL={origin}",
        f"export BULKCONN_CLIENT_ID={settings.client_id}",
        f"export BULKCONN_CLIENT_SECRET={secret}",
        "export BULKCONN_SCOPES=openid,AdobeID",
        f"export BULKCONN_ORG_ID={settings.org_id}",
        f"export BULKCONN_SANDBOX={next(iter(settings.sandboxes))}",
    ]
    return "\n".join(lines)
