"""Skeletons of inventories: every column, and one example row for each auth spec."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Final

from bulkconn.core.columns import COMMON
from bulkconn.core.errors import UsageError
from bulkconn.core.layout import column_names
from bulkconn.inventory.formats import InventoryFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bulkconn.core.source import AuthSpec, PlatformCloud, Source

_COMMON_SHOWN: Final = tuple(name for name in COMMON if name != "key")


def template(
    sources: Sequence[Source],
    *,
    platform_cloud: PlatformCloud | None = None,
    auth: str | None = None,
    format: InventoryFormat = InventoryFormat.CSV,  # noqa: A002 - named as the flag is
) -> str:
    """Give an inventory with an example row for every auth spec that is asked for.

    It is valid as it stands: passwords are references to environment variables, never examples of
    passwords. None asks for every cloud, and for every auth.

    Raises:
        UsageError: nothing documented fits.
    """
    chosen = [
        (source, spec)
        for source in sources
        for spec in source.auths
        if platform_cloud in {None, spec.platform_cloud} and auth in {None, spec.auth}
    ]
    if not chosen:
        names = ", ".join(source.slug for source in sources)
        raise UsageError(
            f"nothing is documented for {names} on {platform_cloud or 'any cloud'} with auth={auth or 'any'}",
            fix="`bulkconn sources NAME` lists what is",
        )
    rows = [_row(source, spec) for source, spec in chosen]
    if format is InventoryFormat.CSV:
        columns = dict.fromkeys(
            name for source, spec in chosen for name in (*column_names(spec), *dict(source.sample))
        )
        return _csv(rows, (*_COMMON_SHOWN, *columns))
    if format is InventoryFormat.JSON:
        return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def example(source: Source) -> str:
    """Give the smallest CSV inventory that shows every auth spec of a source: no column in it is empty."""
    rows = [_row(source, spec) for spec in source.auths]
    for row in rows:
        del row["description"]
    return _csv(rows, tuple(dict.fromkeys(name for row in rows for name in row)))


def _row(source: Source, spec: AuthSpec) -> dict[str, str]:
    row = {
        "name": f"{source.slug} {spec.platform_cloud} {spec.auth}".replace("_", " "),
        "source": source.slug,
        "platform_cloud": spec.platform_cloud.value,
        "auth": spec.auth,
        "sandbox": "your-sandbox",
        "description": f"{source.title} on {spec.platform_cloud}",
    }
    if spec.string_parts:
        # Built from parts: the whole string would put the password beside what may be shown.
        row |= {part.column: part.example for part in spec.string_parts if part.always}
        built = {parameter.name for parameter in spec.parameters if parameter.kind == "connection_string"}
    else:
        built = set()
    row |= dict(source.sample)
    row |= {parameter.name: parameter.example for parameter in spec.parameters if parameter.name not in built}
    return {name: cell for name, cell in row.items() if cell}


def _csv(rows: Iterable[dict[str, str]], headers: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, headers, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
