"""Station 2 of a row's road: an inventory row becomes an endpoint, or all that is wrong with it.

Pure, and fast enough for a million rows: what a header row means for a source, cloud and auth is
worked out once and remembered; a row then costs a walk over its own cells. A row that is like a valid one
before it, and odd in nothing, goes the short way of `bulkconn.core.recipe`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.cells import FieldReader, SecretRules
from bulkconn.core.choice import Asked, choose_auth, choose_cloud, choose_source, source_index
from bulkconn.core.custom import is_custom
from bulkconn.core.endpoint import NO_TYPES, Endpoint
from bulkconn.core.errors import UsageError
from bulkconn.core.findings import AGAIN, Findings
from bulkconn.core.fingerprint import fingerprint
from bulkconn.core.layout import Layout, column_names
from bulkconn.core.names import EndpointKey, default_key
from bulkconn.core.own_source import own_spec_id, own_texts, read_own
from bulkconn.core.recipe import Recipe, has_short_way
from bulkconn.core.row_shape import SANDBOX_CHARACTERS, RowShape, is_sandbox_name, read_common, read_lines
from bulkconn.core.service_spec import Place
from bulkconn.core.spec_word import Columns
from bulkconn.core.string_cells import read_string
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from bulkconn.core.diagnostics import Diagnostic
    from bulkconn.core.endpoint import InventoryRow, ParamValue
    from bulkconn.core.own_source import OwnSource
    from bulkconn.core.row_shape import LayoutKind, RecipeKind
    from bulkconn.core.source import PlatformCloud, Source
    from bulkconn.core.spec_book import SpecBook

#: Shapes, and layouts of one, kept at a time. Files have few; a hostile one may have one for every row.
_REMEMBERED: Final = 1024


@dataclass(frozen=True, slots=True)
class RowDefaults:
    """What a row means where it is silent; None where there is no default."""

    sandbox: str | None = None
    platform_cloud: PlatformCloud | None = None


class Validated(NamedTuple):
    """A row that can be sent, and what the reader should still look at."""

    endpoint: Endpoint
    warnings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class Invalid:
    """A row that cannot be used, and everything that is wrong with it (warnings last)."""

    diagnostics: tuple[Diagnostic, ...]


class Validator:
    """Turns rows into endpoints, for one list of sources and one set of defaults.

    `schemes` are the kinds of secret references that can be resolved here; with `forbid_plaintext` a
    secret that is given otherwise is an error. What is true of all rows of a kind is said of the first
    one in each file. Not for several threads.

    Raises:
        UsageError: the default sandbox cannot be the name of one.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        *,
        defaults: RowDefaults | None = None,
        schemes: Collection[str] = ("env", "file"),
        forbid_plaintext: bool = False,
    ) -> None:
        listed = tuple(sources)
        self._index = source_index(listed)
        self._by_spec = {source.connection_spec_id: source.slug for source in listed}
        self._defaults = defaults or RowDefaults()
        if self._defaults.sandbox is not None and not is_sandbox_name(self._defaults.sandbox):
            raise UsageError(
                f"{shown(self._defaults.sandbox)!r} is not a sandbox name",
                fix=f"give one of {SANDBOX_CHARACTERS}",
            )
        self._secret_rules = SecretRules(tuple(schemes), plaintext=not forbid_plaintext)
        self._shapes: dict[tuple[str, ...], RowShape] = {}
        self._said: set[tuple[str, str]] = set()
        self._specs: SpecBook | None = None

    def learn(self, specs: SpecBook) -> None:
        """Hold rows to the service's own word from now on, where the book has it."""
        self._specs = specs
        self._shapes.clear()

    def place_of(self, row: InventoryRow) -> Place | None:
        """Say which connection spec a row needs, and in which sandbox; None where it does not say."""
        shape = self._shape(row.headers or tuple(row.cells))
        named = row.cells.get(shape.source, "")
        source = self._index.get(named.strip().lower())
        sandbox = row.cells.get(shape.sandbox, "").strip() or self._defaults.sandbox or ""
        spec_id = own_spec_id(shape, row.cells) if is_custom(named) else source and source.connection_spec_id
        return Place(sandbox, spec_id) if spec_id and is_sandbox_name(sandbox) else None

    def validate(self, row: InventoryRow) -> Validated | Invalid:
        """Give the endpoint of a row, or everything that is wrong with it. Never raises for a row."""
        cells = row.cells
        filled = tuple(cells)
        shape = self._shape(row.headers or filled)
        kind = (
            filled,
            cells.get(shape.source),
            cells.get(shape.platform_cloud),
            cells.get(shape.auth),
            cells.get(shape.sandbox),
        )
        recipe = shape.recipes.get(kind)
        if recipe is not None:
            endpoint = recipe.endpoint(row)
            if endpoint is not None:
                return Validated(endpoint)
        return self._long_way(row, shape, kind)

    def _long_way(self, row: InventoryRow, shape: RowShape, kind: RecipeKind) -> Validated | Invalid:
        cells = row.cells
        findings = Findings(row, self._said)
        for earlier, later in shape.headings.twice:
            findings.error(
                later,
                f"{shown(later)} and {shown(earlier)} mean the same column",
                fix=f"keep one of the two, {AGAIN}",
            )
        name = read_common("name", shape.name, cells, findings)
        if name == "":
            findings.error(shape.name, "name is missing", fix=f"give the base connection a name, {AGAIN}")
        key = read_common("key", shape.key, cells, findings)
        sandbox = self._sandbox(shape, cells, findings)
        description = read_lines("description", shape.description, cells, findings)
        shown_cells: dict[str, str] = {}
        if description:
            shown_cells["description"] = description
        layout = self._layout(shape, sandbox, cells, findings)
        params: tuple[tuple[str, ParamValue], ...] = ()
        if layout is not None:
            for caution in layout.cautions:
                findings.warn_once(shape.source, caution.message, fix=f"{caution.fix}, {AGAIN}")
            params = self._params(layout, cells, shown_cells, findings)
            if layout.own is not None or layout.terms is not None:
                _judge(layout, shape, params, shown_cells, findings)
        for header in shape.carried:
            text = read_lines(header, header, cells, findings)
            if text:
                shown_cells[header.strip()] = text
        if findings.errors or layout is None:
            return Invalid((*findings.errors, *findings.warnings))
        source, auth = layout.choice
        endpoint = Endpoint(
            key=EndpointKey(key) if key else default_key(sandbox, source.slug, name),
            name=name,
            source=source.slug,
            platform_cloud=auth.platform_cloud,
            sandbox=sandbox,
            auth=auth.auth,
            auth_spec_name=auth.spec_name,
            connection_spec_id=source.connection_spec_id,
            connection_spec_version=source.connection_spec_version,
            description=description or None,
            params=params,
            cells=shown_cells,
            fingerprint=fingerprint(layout, (sandbox, name, description), params),
            file=row.file,
            row=row.row,
            auth_type=auth.auth_type,
            encoded=layout.encoded,
            types=NO_TYPES if layout.terms is None else layout.terms.types,
        )
        self._learn(row, endpoint, kind, (shape, layout))
        return Validated(endpoint, tuple(findings.warnings))

    def _learn(
        self, row: InventoryRow, endpoint: Endpoint, kind: RecipeKind, understood: tuple[RowShape, Layout]
    ) -> None:
        """Keep the short way for rows like this one, or that there is none."""
        shape, layout = understood
        recipes = shape.recipes
        known = recipes.get(kind)
        if known is not None:
            # All that is said once a file is now said of this one, too.
            known.file = row.file
        elif kind not in recipes:
            if len(recipes) >= _REMEMBERED:
                recipes.clear()
            is_learnable = has_short_way(row, layout)
            recipes[kind] = Recipe(row, endpoint, shape, layout, self._secret_rules) if is_learnable else None

    def _shape(self, headers: tuple[str, ...]) -> RowShape:
        shape = self._shapes.get(headers)
        if shape is None:
            if len(self._shapes) >= _REMEMBERED:
                self._shapes.clear()
            shape = self._shapes[headers] = RowShape(headers)
        return shape

    def _sandbox(self, shape: RowShape, cells: Mapping[str, str], findings: Findings) -> str:
        raw = cells.get(shape.sandbox)
        text = raw.strip() if raw else ""
        if not text:
            if self._defaults.sandbox:
                return self._defaults.sandbox
            findings.error(
                shape.sandbox, "sandbox is missing", fix=f"name it in the row or by --sandbox, {AGAIN}"
            )
        elif not is_sandbox_name(text):
            findings.error(
                shape.sandbox,
                "sandbox is not a sandbox name",
                found=text,
                allowed=SANDBOX_CHARACTERS,
            )
        return text

    def _layout(
        self, shape: RowShape, sandbox: str, cells: Mapping[str, str], findings: Findings
    ) -> Layout | None:
        whole = any(cells.get(header, "").strip() for header in shape.whole)
        # What the service says may differ from sandbox to sandbox; what our catalogue says does not.
        place = sandbox if self._specs else ""
        said = (cells.get(shape.source), cells.get(shape.platform_cloud), cells.get(shape.auth), whole, place)
        layout = shape.layouts.get(said)
        if layout is not None:
            return layout
        is_own = is_custom(said[0])
        kind = (*said, *own_texts(shape, cells)) if is_own else said
        if is_own and kind in shape.layouts:
            return shape.layouts[kind]
        asked = Asked(
            source=(said[0] or "").strip(),
            platform_cloud=(said[1] or "").strip(),
            auth=(said[2] or "").strip(),
            source_column=shape.source,
            platform_cloud_column=shape.platform_cloud,
            auth_column=shape.auth,
        )
        if is_own:
            cloud = choose_cloud(asked, self._defaults.platform_cloud, findings)
            own = read_own(shape, cells, asked, cloud, self._by_spec, findings)
            return None if own is None else self._keep(shape, kind, self._own_layout(own, shape, sandbox))
        source = choose_source(asked, self._index, findings)
        cloud = choose_cloud(asked, self._defaults.platform_cloud, findings)
        if source is None or cloud is None:
            return None
        choice = choose_auth(asked, source, cloud, findings, has_connection_string=whole)
        if choice is None:
            return None
        terms = self._specs.terms(choice, sandbox) if self._specs else None
        return self._keep(shape, kind, Layout.of(choice, shape.headings, terms))

    def _own_layout(self, own: OwnSource, shape: RowShape, sandbox: str) -> Layout:
        terms = self._specs.terms(own.choice, sandbox) if self._specs else None
        return own.layout(shape.headings, terms)

    def _keep(self, shape: RowShape, kind: LayoutKind, layout: Layout) -> Layout:
        if len(shape.layouts) >= _REMEMBERED:
            shape.layouts.clear()
        shape.layouts[kind] = layout
        return layout

    def _params(
        self, layout: Layout, cells: Mapping[str, str], shown_cells: dict[str, str], findings: Findings
    ) -> tuple[tuple[str, ParamValue], ...]:
        for unknown in layout.unknown:
            if cells.get(unknown.header, "").strip():
                findings.error(unknown.header, unknown.message, allowed=unknown.allowed, fix=unknown.fix)
        reader = FieldReader(cells, self._secret_rules, shown_cells, findings)
        params: list[tuple[str, ParamValue]] = []
        if layout.whole is not None:
            string = read_string(layout.whole, layout, reader)
            if string is not None:
                params.append((layout.whole.name, string))
        for field in layout.fields:
            value = reader.read(field)
            if value is not None:
                params.append((field.name, value))
        if layout.booleans:
            params = [(name, value == "true" if name in layout.booleans else value) for name, value in params]
        if not params and not findings.errors:
            # No page knows a body without parameters, even where it says of none that it is required.
            findings.error(
                None,
                f"nothing is given of what {layout.choice.way} takes",
                allowed=", ".join(column_names(layout.choice.auth)),
                fix=f"fill in the row's columns, {AGAIN}",
            )
        return tuple(params)


def _judge(
    layout: Layout,
    shape: RowShape,
    params: tuple[tuple[str, ParamValue], ...],
    shown_cells: dict[str, str],
    findings: Findings,
) -> None:
    """Hold a row to the service's word, and note what a custom one says of its source."""
    columns = shape.source, shape.auth
    if layout.own is not None:
        shown_cells.update(layout.own.cells(params))
        own = shape.headings.own
        columns = own["connection_spec_id"], own["auth_spec_name"]
    if layout.terms is not None:
        layout.terms.judge(params, Columns(layout.column, *columns), findings)
