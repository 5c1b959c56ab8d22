"""The short way of a row: what was learnt of one valid row makes the endpoints of those like it.

Rows are alike if the same headers are filled, and source, cloud, auth and sandbox are written the same. What
is left to look at is the text of each cell, most of it all at once. Only text of which there is nothing to
say passes; any other row takes the long way of `bulkconn.core.validation`, which alone makes diagnostics.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from bulkconn.core.cells import is_clear_key
from bulkconn.core.connection_string import is_port
from bulkconn.core.endpoint import Endpoint
from bulkconn.core.fingerprint import digest, origin
from bulkconn.core.names import EndpointKey, default_key
from bulkconn.core.secret import SecretStr, parse_reference
from bulkconn.core.source import ValueKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bulkconn.core.cells import Field, SecretRules
    from bulkconn.core.endpoint import InventoryRow, ParamValue
    from bulkconn.core.layout import Layout
    from bulkconn.core.row_shape import RowShape

#: Kinds of parameters of which nothing is asked but what is asked here.
_PLAIN: Final = frozenset({ValueKind.TEXT, ValueKind.PORT})
_SECRET: Final = frozenset({ValueKind.TEXT, ValueKind.BASE64, ValueKind.CONNECTION_STRING})
#: Stands between texts that are looked at as one. A row whose text has it beside a blank takes the long way.
_BETWEEN: Final = "|"
#: Ports that a recipe knows to be right; files have few.
_REMEMBERED: Final = 1024


class _Secret(NamedTuple):
    """A secret cell, the place of its value among the parameters, and of a reference among what is shown."""

    header: str
    kind: ValueKind
    cell: str
    place: int
    shown_place: int


def has_short_way(row: InventoryRow, layout: Layout) -> bool:
    """Say whether a valid row is of a kind that has a short way.

    It has none where more is asked of values than that text be text, or where a string is put together.
    """
    if layout.own is not None or layout.terms is not None or layout.booleans:
        return False
    cells = row.cells
    if not all(text.strip() for text in cells.values()):
        # What stands under blanks here may be a fault in the next row.
        return False
    if layout.whole is not None and layout.whole.header not in cells:
        return False
    return all(
        field.kind in (_SECRET if field.secret else _PLAIN)
        for field in _fields(layout)
        if field.header in cells
    )


class Recipe:
    """How the endpoint of a row of `file` is made, for which all was said that is said once a file."""

    def __init__(
        self, row: InventoryRow, model: Endpoint, shape: RowShape, layout: Layout, rules: SecretRules
    ) -> None:
        """Learn from a row that `has_short_way`, and from what it became."""
        cells = row.cells
        self.file = row.file
        self._rules = rules
        self._key_prefix = default_key(model.sandbox, model.source, "")
        # The fields of an endpoint that all have in common: before the description, and behind the row.
        self._kind = model[2:9]
        self._sandbox = model.sandbox
        self._end = model[15:]
        self._choices: list[tuple[str, tuple[str, ...]]] = []
        self._ports: list[str] = []
        self._right_ports: set[str] = set()
        self._secrets: list[_Secret] = []
        self._defaults: list[tuple[int, str]] = []
        self._names: list[str] = []
        first = [shape.name, *([shape.key] if shape.key in cells else ())]
        described = [shape.description] if shape.description in cells else []
        carried = [header for header in shape.carried if header in cells]
        self._shown = ["description"] if described else []
        given = self._learn_fields(layout, cells)
        self._shown += [header.strip() for header in carried]
        self._has_key = len(first) > 1
        self._has_description = bool(described)
        self._given = slice(len(first) + len(described), len(first) + len(described) + len(given))
        self._of_one_line = [*first, *given]
        self._texts = _taker([*first, *described, *given, *carried])

    def _learn_fields(self, layout: Layout, cells: Mapping[str, str]) -> list[str]:
        """Give the headers of parameters that are no secret, in their order."""
        given: list[str] = []
        # What the fingerprint is made of; name, description and values are filled in.
        self._print = [*origin(layout), "", "", ""]
        self._said = slice(len(self._print) - 3, len(self._print))
        self._values = slice(len(self._print) + 1, None, 2)
        for field in _fields(layout):
            header = field.header
            if header is None or header not in cells:
                if field.default is None:
                    continue
                self._defaults.append((len(given) + len(self._defaults), field.default))
                self._print += field.name, ""
            elif field.secret:
                secret = _Secret(header, field.kind, field.cell, len(self._names), len(self._shown))
                self._secrets.append(secret)
            else:
                given.append(header)
                self._shown.append(field.cell)
                self._print += field.name, ""
                if field.allowed:
                    self._choices.append((header, field.allowed))
                elif field.kind is ValueKind.PORT:
                    self._ports.append(header)
            self._names.append(field.name)
        return given

    def endpoint(self, row: InventoryRow) -> Endpoint | None:
        """Give the endpoint of a row of its kind; None where only the long way can tell."""
        file, number, cells, _ = row
        texts = self._texts(cells)
        if file != self.file or not self._is_right(cells, texts):
            return None
        name = texts[0]
        key = texts[1] if self._has_key else self._key_prefix + name
        description = texts[self._given.start - 1] if self._has_description else ""
        values: list[ParamValue] = [*texts[self._given]]
        for place, default in self._defaults:
            values.insert(place, default)
        parts = self._print.copy()
        parts[self._said] = self._sandbox, name, description
        parts[self._values] = cast("list[str]", values)
        shown = self._read_secrets(cells, values, texts[self._given.start - self._has_description :])
        if shown is None:
            return None
        return tuple.__new__(
            Endpoint,
            (
                EndpointKey(key),
                name,
                *self._kind,
                description or None,
                # Of one length each; to have `zip` see to that costs a third more.
                tuple(zip(self._names, values)),  # noqa: B905 - see above
                shown,
                digest(parts),
                file,
                number,
                *self._end,
            ),
        )

    def _is_right(self, cells: Mapping[str, str], texts: tuple[str, ...]) -> bool:
        line = _BETWEEN.join(texts)
        if (
            not all(texts)
            or not line.isprintable()
            # Of what is printable, blanks alone are stripped.
            or " |" in line
            or "| " in line
            or line[0] == " "
            or line[-1] == " "
            or ("://" in line and any("://" in cells[header] for header in self._of_one_line))
        ):
            return False
        for header, allowed in self._choices:
            if cells[header] not in allowed:
                return False
        for header in self._ports:
            if cells[header] not in self._right_ports:
                if not is_port(cells[header]) or len(self._right_ports) >= _REMEMBERED:
                    return False
                self._right_ports.add(cells[header])
        return True

    def _read_secrets(
        self, cells: Mapping[str, str], values: list[ParamValue], texts: tuple[str, ...]
    ) -> dict[str, str] | None:
        """Put secrets among the values, and give the cells that may be shown; None where one is odd."""
        names = self._shown
        shown: list[str] | None = None
        for header, kind, cell, place, shown_place in self._secrets:
            text = cells[header]
            if not text.isprintable() or not text or text[0] == " " or text[-1] == " ":
                return None
            if "://" not in text:
                if (
                    not self._rules.plaintext
                    or kind is ValueKind.CONNECTION_STRING
                    or (kind is ValueKind.BASE64 and is_clear_key(text))
                ):
                    return None
                values.insert(place, SecretStr(text))
                continue
            reference = parse_reference(text)
            if reference is None or reference.scheme not in self._rules.schemes or not reference.path:
                return None
            values.insert(place, reference)
            if shown is None:
                names, shown = [*names], [*texts]
            # Each one before it has moved it on.
            names.insert(shown_place + len(shown) - len(texts), cell)
            shown.insert(shown_place + len(shown) - len(texts), reference.uri)
        return dict(zip(names, texts if shown is None else shown))  # noqa: B905 - as the parameters above


def _fields(layout: Layout) -> tuple[Field, ...]:
    return layout.fields if layout.whole is None else (layout.whole, *layout.fields)


def _taker(headers: list[str]) -> Callable[[Mapping[str, str]], tuple[str, ...]]:
    """Give what takes the cells under these headers; `itemgetter` gives no tuple of one."""
    if len(headers) == 1:
        header = headers[0]
        return lambda cells: (cells[header],)
    return itemgetter(*headers)
