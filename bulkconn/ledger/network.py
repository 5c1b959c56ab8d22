"""Is a folder on a network file system? SQLite's write-ahead log must not live on one.

The log's index is shared memory of one machine, and locks over NFS or SMB are promises at best: two
machines could write one ledger, and the newest commits could be lost.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOUNTS: Final = Path("/proc/self/mountinfo")

#: Names as Linux lists them. What is not listed passes: a refusal must be certain.
NETWORK_TYPES: Final = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "beegfs"),
        *("ncpfs", "coda", "orangefs", "gfs2", "ocfs2"),
        *("fuse.sshfs", "fuse.glusterfs", "fuse.ceph", "fuse.s3fs", "fuse.rclone", "fuse.gcsfuse"),
        *("fuse.goofys", "fuse.mount-s3", "fuse.blobfuse", "fuse.blobfuse2", "fuse.davfs", "fuse.curlftpfs"),
    }
)
_OCTAL: Final = re.compile(r"\\([0-7]{3})")


def find_file_system(folder: str, mountinfo: Iterable[str]) -> str | None:
    """Give the type of the file system that holds an absolute, resolved folder; None if unlisted.

    `mountinfo` are the lines of proc(5) `mountinfo`: a mount's place is the fifth field, its type the
    first one behind a lone dash. The longest place wins, and of equal ones the last: it lies on top.
    """
    found, longest = None, -1
    for line in mountinfo:
        before, dash, after = line.partition(" - ")
        fields = before.split()
        if not dash or len(fields) < 5:  # noqa: PLR2004 - the field that we read is the fifth
            continue
        place = _OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]).rstrip("/")
        if len(place) >= longest and f"{folder}/".startswith(f"{place}/"):
            found, longest = after.split()[0], len(place)
    return found


def check_local(folder: Path, *, mounts: Path = _MOUNTS) -> None:
    """Refuse a folder on a network file system; where nobody can tell (no Linux), let it pass.

    Raises:
        LedgerError: it is on one.
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return
    kind = find_file_system(str(folder.resolve()), lines)
    if kind in NETWORK_TYPES:
        raise LedgerError(
            f"the ledger's folder {folder} is on a network file system ({kind}), where SQLite can neither "
            "lock reliably nor keep its write-ahead log",
            fix="give --ledger a path on a local disk of this machine",
        )
