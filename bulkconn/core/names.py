"""Identifiers of the trade, and the two ways in which names are compared.

*Exact to claim, loose to block*: a connection is ours only if its name is equal to the letter; a name
that differs merely in case, blanks at the ends or Unicode form is close enough to stop and ask a human.
"""

from __future__ import annotations

import unicodedata
from typing import NewType

#: Identity of an endpoint across runs: `<sandbox>/<source>/<name>`, or the row's own `key`.
EndpointKey = NewType("EndpointKey", str)
#: Id that Flow Service gave to a base connection.
ConnectionId = NewType("ConnectionId", str)
#: Id of one process's run over an inventory.
RunId = NewType("RunId", str)
#: Id of a ledger, drawn once when it is made.
LedgerId = NewType("LedgerId", str)


def loose_name(name: str) -> str:
    """Give the form under which two names are too alike to be told apart: NFC, case-folded, stripped."""
    if name.isascii():
        return name.strip().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold()).strip()


def default_key(sandbox: str, source: str, name: str) -> EndpointKey:
    """Give the key of a row that names none of its own."""
    return EndpointKey(f"{sandbox}/{source}/{name}")
