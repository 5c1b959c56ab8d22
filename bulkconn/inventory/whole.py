"""A file as one text, for what is no inventory but becomes one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import InventoryInvalid
from bulkconn.inventory.content import Content
from bulkconn.inventory.faults import Unreadable, fault
from bulkconn.inventory.files import InventoryFile
from bulkconn.inventory.formats import detect_encoding
from bulkconn.inventory.packing import unpacked

if TYPE_CHECKING:
    from typing import BinaryIO

    from bulkconn.inventory.network import Network

#: The largest state of Terraform that anybody has is a tenth of this.
_LIMIT_BYTES: Final = 512 * 1024 * 1024


def read_whole(path: str, *, stdin: BinaryIO, network: Network | None = None) -> tuple[str, str]:
    """Give how a file is shown, and its text. It may lie wherever an inventory may, packed or not.

    Raises:
        UsageError: it cannot be opened.
        InventoryInvalid: it cannot be read to its end, or is no text.
    """
    file = InventoryFile.open(path, stdin=stdin, network=network)
    try:
        with file.reading() as stored:
            return file.name, _decoded(Content(unpacked(stored, file.name)), file.name)
    except Unreadable as error:
        raise _invalid(file.name, error) from error
    except UnicodeError as error:
        raise _invalid(file.name, Unreadable(fault(file.name, "the file is not UTF-8"))) from error
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
        raise _invalid(file.name, Unreadable(fault(file.name, reason))) from error
    finally:
        file.close()


def _decoded(content: Content, name: str) -> str:
    chunks: list[bytes] = []
    while chunk := content.read1():
        chunks.append(chunk)
        if content.passed > _LIMIT_BYTES:
            raise Unreadable(fault(name, "the file is larger than 512 MiB"))
    return b"".join(chunks).decode(detect_encoding(content.head, None))


def _invalid(name: str, error: Unreadable) -> InventoryInvalid:
    diagnostic = error.diagnostic
    return InventoryInvalid(f"{name} cannot be converted", fix=diagnostic.fix, diagnostics=[diagnostic])
