"""A digest of where all rows of a ledger stand: alike only if nothing moved in between."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bulkconn.ledger.database import Database


def read_digest(db: Database) -> str:
    """Give the SHA-256 over key, state, content and connection of every row, in the order of entry."""
    digest = sha256()
    sql = "SELECT key, state, fingerprint, coalesce(connection_id, ''), attempts FROM rows ORDER BY id"
    for row in db.execute(sql):
        digest.update("\0".join((*map(str, row), "\n")).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
