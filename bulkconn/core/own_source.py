"""What a row of `source=custom` says of its source, and what its columns mean by that."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.core.cells import Field
from bulkconn.core.choice import Choice
from bulkconn.core.columns import NESTED, OWN_COLUMNS, identity
from bulkconn.core.custom import CUSTOM, DEFAULT_VERSION, cell_name, join_names, split_names
from bulkconn.core.findings import AGAIN
from bulkconn.core.layout import Layout, UnknownColumn
from bulkconn.core.row_shape import read_common
from bulkconn.core.secret import SecretStr
from bulkconn.core.source import AuthSpec, Caution, Need, Parameter, Source, ValueKind
from bulkconn.core.suggest import nearest
from bulkconn.core.text import has_control, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bulkconn.core.choice import Asked
    from bulkconn.core.columns import Headings
    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.findings import Findings
    from bulkconn.core.row_shape import RowShape
    from bulkconn.core.source import PlatformCloud
    from bulkconn.core.spec_terms import Terms

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXAMPLE: Final = "a UUID such as 0a1b2c3d-0000-4000-8000-000000000000"
_UNCHECKED: Final = Caution(
    "nothing but the row is known of source=custom: its values are sent as text, under their names as "
    "written, and all are held secret",
    "ask the service for names, types and secrets by --check-specs",
)


@dataclass(frozen=True, slots=True)
class OwnSource:
    """What a row says of its source beside the parameters.

    `headers` are those of the parameters, in order; `marked` the names among them that `secret_columns`
    lists.
    """

    choice: Choice
    headers: tuple[str, ...]
    marked: tuple[str, ...]

    def layout(self, headings: Headings, terms: Terms | None) -> Layout:
        """Give what the columns mean, by the service's own word where it was asked."""
        choice = self.choice if terms is None else self.choice._replace(auth=terms.auth)
        is_unchecked = terms is None or terms.word is None
        return Layout(
            choice=choice,
            fields=tuple(
                Field.of(parameter, header, cell=cell_name(parameter.name))
                for parameter, header in zip(choice.auth.parameters, self.headers, strict=True)
            ),
            whole=None,
            parts=(),
            unknown=tuple(_nameless(header) for header, name in _parameters(headings) if not _is_name(name)),
            booleans=frozenset(),
            encoded=frozenset(),
            cautions=(
                *choice.source.cautions,
                *((_UNCHECKED,) if is_unchecked else ()),
                *(terms.cautions if terms else ()),
            ),
            has_basic=False,
            terms=terms,
            own=self,
        )

    def cells(self, params: Iterable[tuple[str, ParamValue]]) -> dict[str, str]:
        """Give what ledger and export keep of it; what is secret is named, so that it can be filled in."""
        source, auth = self.choice
        secret = (*self.marked, *(name for name, value in params if isinstance(value, SecretStr)))
        by_identity = {identity(name): name for name in secret}
        cells = {
            "connection_spec_id": source.connection_spec_id,
            "auth_spec_name": auth.spec_name,
            "connection_spec_version": source.connection_spec_version,
            "secret_columns": join_names(by_identity.values()),
        }
        return {name: cell for name, cell in cells.items() if cell}


def own_texts(shape: RowShape, cells: Mapping[str, str]) -> tuple[str | None, ...]:
    """Give the cells that tell one custom source from another, as they stand."""
    own = shape.headings.own
    return tuple(cells.get(own[name]) if name in own else None for name in OWN_COLUMNS)


def own_spec_id(shape: RowShape, cells: Mapping[str, str]) -> str | None:
    """Give the id of the connection spec that a row names; None where it is none."""
    text = cells.get(shape.headings.own.get("connection_spec_id", ""), "").strip().lower()
    return text if _UUID.fullmatch(text) else None


def read_own(
    shape: RowShape,
    cells: Mapping[str, str],
    asked: Asked,
    cloud: PlatformCloud | None,
    known: Mapping[str, str],
    findings: Findings,
) -> OwnSource | None:
    """Give the source that a row describes; None where something of it is wrong (then noted).

    `known` are the sources of the catalogue by connection spec id.
    """
    count = len(findings.errors)
    own = shape.headings.own
    spec_id, spec_name, version, secrets = (
        read_common(name, own.get(name, name), cells, findings) for name in OWN_COLUMNS
    )
    _check(own_spec_id(shape, cells), spec_id, spec_name, asked, own, findings)
    parameters = [(header, name) for header, name in _parameters(shape.headings) if _is_name(name)]
    by_identity = {identity(name): name for _, name in parameters}
    marked = _marked(secrets, by_identity, own.get("secret_columns", "secret_columns"), findings)
    if cloud is None or len(findings.errors) > count:
        return None
    spec_id = spec_id.lower()
    auth = AuthSpec(CUSTOM, spec_name, cloud, tuple(_parameter(name, marked) for _, name in parameters))
    source = Source(
        slug=CUSTOM,
        title="the row's own source",
        connection_spec_id=spec_id,
        auths=(auth,),
        connection_spec_version=version or DEFAULT_VERSION,
        cautions=_known(known[spec_id]) if spec_id in known else (),
    )
    return OwnSource(Choice(source, auth), tuple(header for header, _ in parameters), tuple(marked))


def _check(
    valid_id: str | None,
    spec_id: str,
    spec_name: str,
    asked: Asked,
    own: Mapping[str, str],
    findings: Findings,
) -> None:
    column = own.get("connection_spec_id", "connection_spec_id")
    if not spec_id:
        fix = f"write the id of the connection spec, as GET /connectionSpecs lists it, {AGAIN}"
        findings.error(column, "connection_spec_id is missing", allowed=_EXAMPLE, fix=fix)
    elif valid_id is None:
        findings.error(column, "connection_spec_id is no UUID", found=spec_id, allowed=_EXAMPLE)
    if not spec_name:
        fix = f"write the auth spec's name to the letter, as the connection spec lists it, {AGAIN}"
        findings.error(own.get("auth_spec_name", "auth_spec_name"), "auth_spec_name is missing", fix=fix)
    if asked.auth and asked.auth.lower() != CUSTOM:
        findings.error(
            asked.auth_column,
            "auth is not for custom sources: auth_spec_name says it",
            found=asked.auth,
            allowed=CUSTOM,
            fix=f"leave the cell empty, {AGAIN}",
        )


def _marked(text: str, by_identity: Mapping[str, str], column: str, findings: Findings) -> list[str]:
    marked = []
    for name in split_names(text):
        found = by_identity.get(identity(name))
        if found is not None:
            marked.append(found)
            continue
        guess = nearest(name, list(by_identity.values()))
        way = f"write {shown(guess)}" if guess else "fill that column in, or take it out"
        # A slip here would show what should be hidden, so it is no mere warning.
        findings.error(
            column,
            f"secret_columns names {shown(name)}, which is no parameter of the row",
            found=name,
            allowed=", ".join(shown(one) for one in by_identity.values()) or None,
            fix=f"{way}, {AGAIN}",
        )
    return marked


def _parameters(headings: Headings) -> list[tuple[str, str]]:
    """Give header and name, as written, of every column that is a parameter of a custom source."""
    own = set(headings.own.values())
    return [(header, _name(header)) for header, _ in headings.others if header not in own]


def _name(header: str) -> str:
    name = header.strip()
    return name[len(NESTED) :].strip() if name.lower().startswith(NESTED) else name


def _is_name(name: str) -> bool:
    return bool(name) and "," not in name and not has_control(name)


def _nameless(header: str) -> UnknownColumn:
    is_empty = not header.strip()
    return UnknownColumn(
        header,
        "a cell stands under an empty header" if is_empty else f"{shown(header)} cannot name a parameter",
        "a name without commas and control characters",
        f"name the column or remove the cell, {AGAIN}",
    )


def _parameter(name: str, marked: list[str]) -> Parameter:
    kind = ValueKind.TEXT if name in marked else ValueKind.CUSTOM
    return Parameter(name, "the row's own", need=Need.OPTIONAL, secret=True, kind=kind)


def _known(slug: str) -> tuple[Caution, ...]:
    message = (
        f"connection_spec_id is that of {slug}, which bulkconn knows: as source=custom its rows are checked "
        "less, their values are held secret, and reports group them apart"
    )
    return (Caution(message, f"write source={slug} unless this is meant"),)
