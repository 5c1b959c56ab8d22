"""What the client must be told once per run."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["ClientSettings", "DoorSettings", "HeaderText"]

#: Text that is sent as a header's value: visible ASCII, so that nothing can end the header early.
HeaderText = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[!-~]+$")]

#: Twice a TCP retransmission of the first packet (1 + 2 s) and a slow TLS handshake fit in.
_CONNECT_TIMEOUT_S: Final = 10.0


class DoorSettings(BaseModel):
    """How long we wait for a server, and how many requests to it are open at once (`concurrency`).

    `timeout_s` bounds one request from its first step to the last byte of its answer;
    `connect_timeout_s` the way to a usable connection (a free one of the pool, DNS, TCP, proxy, TLS).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    connect_timeout_s: float = Field(default=_CONNECT_TIMEOUT_S, gt=0, allow_inf_nan=False)
    concurrency: int = Field(default=20, ge=1)


class ClientSettings(DoorSettings):
    """Who we are to Flow Service, and how long we wait for it.

    `allow_http` lets credentials go out unencrypted to a host that is not this machine: for test set-ups.
    """

    client_id: HeaderText
    org_id: HeaderText
    allow_http: bool = False
