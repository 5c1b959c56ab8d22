"""A plan that was kept: what a later run is to execute exactly, or not at all."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT: Final = 1
#: What says of rows, in the words of the flags: a run takes it from the plan.
SETTING_NAMES: Final = (
    *("sandbox", "platform_cloud", "encoding", "skip_invalid", "forbid_plaintext_secrets", "on_existing"),
    *("retry_failed", "error_code", "recreate", "marker"),
)


@dataclass(frozen=True, slots=True)
class Situation:
    """What a plan rests on. Nothing of it is a secret.

    `inventories` are SHA-256 digests of the files as they lie, by the names under which messages know them.
    `ledger_id` None: there was no ledger; `ledger_digest` covers every row's key, state and content.
    `org_id` None: it was not said.
    """

    inventories: tuple[tuple[str, str], ...]
    base_url: str
    org_id: str | None
    ledger_id: str | None
    ledger_digest: str | None
    to_create: int

    def moved_on(self, now: Situation) -> str | None:
        """Say what is other than it was when the plan was made; None where nothing is."""
        if self.base_url != now.base_url or self.org_id not in {None, now.org_id}:
            return "the plan was made for another base URL or organisation"
        if len(self.inventories) != len(now.inventories):
            return f"the plan was made for {len(self.inventories)} inventory files"
        for (name, digest), (new_name, new_digest) in zip(self.inventories, now.inventories, strict=True):
            if digest != new_digest:
                return f"{new_name} is not what {name} was when the plan was made"
        if self.ledger_id != now.ledger_id:
            return "the plan was made with another ledger" if self.ledger_id else "there is a ledger by now"
        if self.ledger_digest != now.ledger_digest:
            return "the ledger moved on since the plan was made"
        if self.to_create != now.to_create:
            return f"the plan was to create {self.to_create:,} connections, it would be {now.to_create:,} now"
        return None


@dataclass(frozen=True, slots=True)
class PlanFile:
    """The plan itself: what it rests on, and what the user asked for."""

    situation: Situation
    settings: Mapping[str, Any]
    counts: Mapping[str, int]

    def as_text(self) -> str:
        """Give the file's content."""
        now = self.situation
        value = {
            "bulkconn_plan": FORMAT,
            "inventories": [{"name": name, "sha256": digest} for name, digest in now.inventories],
            "base_url": now.base_url,
            "org_id": now.org_id,
            "ledger": {"id": now.ledger_id, "sha256": now.ledger_digest},
            "to_create": now.to_create,
            "settings": dict(self.settings),
            "counts": dict(self.counts),
        }
        return json.dumps(value, indent=2) + "\n"


def parse_plan(text: str) -> PlanFile:
    """Read a plan file.

    Raises:
        ValueError: it is none, or of a format that this program does not know; the message says which.
    """
    try:
        value = json.loads(text)
        if value["bulkconn_plan"] != FORMAT:
            raise ValueError(f"it has format {value['bulkconn_plan']!r}, this bulkconn knows {FORMAT}")
        ledger = value["ledger"]
        situation = Situation(
            tuple((str(one["name"]), str(one["sha256"])) for one in value["inventories"]),
            str(value["base_url"]),
            value["org_id"],
            ledger["id"],
            ledger["sha256"],
            int(value["to_create"]),
        )
        settings = {name: value["settings"][name] for name in SETTING_NAMES}
        return PlanFile(situation, settings, dict(value["counts"]))
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError):
        raise ValueError("it is no plan that `bulkconn plan -o` wrote") from None
