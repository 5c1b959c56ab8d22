"""Which ledger a command means, when it says so and when it does not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from bulkconn.core.errors import UsageError
from bulkconn.core.location import parse_location
from bulkconn.ledger.postgres_url import PostgresPlace, mask_url, parse_place

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a ledger's name ends with unless the user names it.
SUFFIX: Final = ".ledger.db"
_GIVE_IT: Final = "name the ledger with --ledger PATH (or BULKCONN_LEDGER)"


#: Where a ledger is: a file, or a schema of a PostgreSQL database.
Place = Path | PostgresPlace


def locate_ledger(given: str | None, inventories: Sequence[str], folder: Path) -> Place:
    """Say where the ledger is that a command means.

    `given` is `--ledger`. Else it is named after the first inventory and lies in `folder`, the current
    one; a command without inventories means the only ledger there.

    Raises:
        UsageError: it cannot be told which one is meant, or no ledger can be there.
    """
    if given is not None:
        return _parse_given(given, folder)
    if not inventories:
        return _find_only(folder)
    if inventories[0] == "-":
        raise UsageError("an inventory from standard input gives the ledger no name", fix=_GIVE_IT)
    location = parse_location(inventories[0])
    if not location.stem:
        raise UsageError(f"inventory {location.shown} gives the ledger no name", fix=_GIVE_IT)
    return folder / f"{location.stem}{SUFFIX}"


def _parse_given(given: str, folder: Path) -> Place:
    scheme, separator, _rest = given.partition("://")
    if not separator:
        return folder / Path(given).expanduser()
    if scheme in {"postgresql", "postgres"}:
        return parse_place(given)
    raise UsageError(
        f"no ledger can live at {mask_url(given)}",
        fix="give --ledger the path of a file on a local disk, or postgresql://user@host/database",
    )


def _find_only(folder: Path) -> Path:
    found = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())
    match found:
        case [only]:
            return only
        case []:
            raise UsageError(f"there is no ledger (*{SUFFIX}) in {folder}", fix=_GIVE_IT)
        case _:
            names = ", ".join(path.name for path in found)
            raise UsageError(f"there are several ledgers in {folder}: {names}", fix=_GIVE_IT)
