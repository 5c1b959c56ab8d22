"""What the client must be told once per run."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = ["ClientSettings", "HeaderText"]

#: Text that is sent as a header's value: visible ASCII, so that nothing can end the header early.
HeaderText = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[!-~]+$")]

#: Twice a TCP retransmission of the first packet (1 + 2 s) and a slow TLS handshake fit in.
_CONNECT_TIMEOUT_S: Final = 10.0


class ClientSettings(BaseModel):
    """Who we are and how long we wait.

    `timeout_s` bounds one request from its first step to the last byte of its answer;
    `connect_timeout_s` the way to a usable connection (a free one of the pool, DNS, TCP, proxy, TLS).
    `concurrency` bounds the requests to Flow Service that are open at once. `allow_http` lets
    credentials go out unencrypted to a host that is not this machine: for test set-ups.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: HeaderText
    org_id: HeaderText
    timeout_s: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    connect_timeout_s: float = Field(default=_CONNECT_TIMEOUT_S, gt=0, allow_inf_nan=False)
    concurrency: int = Field(default=20, ge=1)
    allow_http: bool = False
