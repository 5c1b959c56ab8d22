"""Network file systems, told from the text that Linux gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bulkconn.core.errors import LedgerError
from bulkconn.ledger.network import check_local, find_file_system

if TYPE_CHECKING:
    from pathlib import Path

MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw
23 22 0:21 / /home rw,nosuid shared:5 - nfs4 server:/export/home rw,vers=4.2
24 23 0:22 / /home/zoe/local rw - xfs /dev/sdb1 rw
25 22 0:23 / /mnt/with\040blank rw - cifs //server/share rw
26 22 0:24 / /work rw - ext4 /dev/sdc1 rw
27 22 0:25 / /work rw shared:9 master:3 - fuse.sshfs me@host:/ rw
28 22 0:26 / /run/user rw - tmpfs tmpfs rw
a line that nobody understands - or does
""".splitlines()


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        pytest.param("/", "ext4", id="root"),
        pytest.param("/var/lib", "ext4", id="below root"),
        pytest.param("/home", "nfs4", id="the mount itself"),
        pytest.param("/home/zoe", "nfs4", id="below a network mount"),
        pytest.param("/home/zoe/local/x", "xfs", id="a local mount below a network one"),
        pytest.param("/homes", "ext4", id="a name that only begins alike"),
        pytest.param("/mnt/with blank/x", "cifs", id="an escaped blank"),
        pytest.param("/work/x", "fuse.sshfs", id="mounted over another"),
    ],
)
def test_file_system_of_a_folder_is_that_of_its_nearest_mount(folder: str, kind: str) -> None:
    """The longest place wins, and of equal ones the last."""
    assert find_file_system(folder, MOUNTS) == kind


def test_file_system_that_is_not_listed_is_unknown() -> None:
    """Without any matching mount nothing is claimed."""
    assert find_file_system("/x", []) is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs"])
def test_folder_on_a_network_file_system_is_refused_with_the_reason(tmp_path: Path, kind: str) -> None:
    """The message names the kind, and what to do."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"22 1 0:1 / / rw - {kind} server:/x rw\n", encoding="utf-8")
    with pytest.raises(LedgerError, match=rf"network file system \({kind}\)") as refused:
        check_local(tmp_path, mounts=mounts)
    assert "local disk" in refused.value.fix


def test_folder_on_a_local_file_system_passes(tmp_path: Path) -> None:
    """A local disk is what is asked for."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text("22 1 0:1 / / rw - ext4 /dev/sda rw\n", encoding="utf-8")
    check_local(tmp_path, mounts=mounts)


def test_folder_passes_where_mounts_cannot_be_read(tmp_path: Path) -> None:
    """On other systems nobody can tell, and a refusal must be certain."""
    check_local(tmp_path, mounts=tmp_path / "none")
