"""The service's word on a row: what it would refuse, and what it takes though our catalogue objects.

Where the two differ the reader is told both. Values are looked at in clear and never shown: what is shown
of a row comes from parameters that are no secrets.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from bulkconn.core.findings import AGAIN
from bulkconn.core.json_types import read_as, read_loosely, sample_of
from bulkconn.core.schema_faults import listed
from bulkconn.core.sent_values import sent_values
from bulkconn.core.source import Need, Parameter, ValueKind
from bulkconn.core.suggest import nearest
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from bulkconn.core.auth_schema import AuthSchema, Property
    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.findings import Findings
    from bulkconn.core.schema_faults import SchemaFault

_OTHERWISE: Final = f"or leave out --check-specs if you know better, {AGAIN}"
_FILL_IN: Final = f"fill it in, {_OTHERWISE}"
_CORRECT: Final = f"correct the row, {_OTHERWISE}"


class Columns(NamedTuple):
    """The headers of a row as the file writes them: of each parameter, and of what chooses the spec."""

    of: Callable[[str], str]
    source: str
    auth: str


class Word:
    """A schema of the service's beside the parameters of our catalogue; none where it knows no source."""

    def __init__(
        self,
        schema: AuthSchema,
        catalogue: Mapping[str, Parameter],
        where: str,
        types: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        """Bring both together; `types` are of parameters that are sent as no text."""
        self._types = types or {}
        self._schema = schema
        self._catalogue = MappingProxyType(dict(catalogue))
        self._where = where
        pairs = [
            (one, schema.properties[name]) for name, one in catalogue.items() if name in schema.properties
        ]
        #: Where the catalogue asks for what the service does not: few, so that a row costs little.
        self._needless = [(one, said) for one, said in pairs if one.required and said.is_required is False]
        self._listed = [(one, said) for one, said in pairs if one.allowed and said.allowed]
        #: Where the service asks for another type than the text that the pages show.
        self._typed = [said for _, said in pairs if said.types and "string" not in said.types]

    def judge(self, params: Sequence[tuple[str, ParamValue]], columns: Columns, findings: Findings) -> None:
        """Note what the service would refuse of a row, and what it takes though the catalogue objects."""
        given = dict(params)
        values, unknown = sent_values(params)
        self._compare(given, columns, findings)
        if self._typed:
            values = self._as_meant(values, columns, findings)
        if self._types:
            values = self._as_sent(values, unknown, columns, findings)
        faults = self._schema.faults(values, unknown)
        if faults:
            self._note(faults, given, columns, findings)
        if not self._schema.is_closed:
            for name in given:
                if name not in self._schema.properties:
                    self._doubt(name, columns, findings)

    def _note(
        self,
        faults: Iterable[SchemaFault],
        given: Mapping[str, ParamValue],
        columns: Columns,
        findings: Findings,
    ) -> None:
        wrong = {error.column for error in findings.errors}
        for fault in faults:
            name = fault.parameter
            if name is None and fault.is_error:
                message = f"{fault.problem} ({self._where})"
                findings.error(columns.auth, message, allowed=fault.allowed, fix=_CORRECT)
            elif name is None:
                message = f"{fault.problem} ({self._where})"
                findings.warn_once(columns.auth, message, fix=f"see that the row is right, {AGAIN}")
            elif shown(columns.of(name)) not in wrong and not self._is_told(name, given):
                self._refuse(fault, name, (given.get(name), columns.of(name)), findings)

    def _is_told(self, name: str, given: Mapping[str, ParamValue]) -> bool:
        """Say whether a missing one is told of otherwise: a string's parts have columns of their own."""
        known = self._catalogue.get(name)
        return known is not None and known.kind is ValueKind.CONNECTION_STRING and name not in given

    def _refuse(
        self, fault: SchemaFault, name: str, cell: tuple[ParamValue | None, str], findings: Findings
    ) -> None:
        value, column = cell
        # Everything secret is wrapped by now.
        found = str(value) if isinstance(value, str | bool) else None
        stated = self._schema.properties.get(name)
        guess = nearest(found, stated.allowed) if found and stated else None
        findings.error(
            column,
            f"{shown(name)} {fault.problem} ({self._where}){self._but(name)}",
            found=found,
            allowed=fault.allowed,
            fix=f"write {guess}, {AGAIN}" if guess else _CORRECT if value is not None else _FILL_IN,
        )

    def _compare(self, given: Mapping[str, ParamValue], columns: Columns, findings: Findings) -> None:
        """Warn of what the catalogue would refuse, and the service states that it takes."""
        for known, said in self._needless:
            if known.name not in given:
                self._prefer(f"rows without {known.name}", known, said, columns, findings)
        for known, said in self._listed:
            value = given.get(known.name)
            if isinstance(value, str) and value not in known.allowed and value in said.allowed:
                self._prefer(f"{known.name}={shown(value)}", known, said, columns, findings)

    def _prefer(
        self, what: str, known: Parameter, said: Property, columns: Columns, findings: Findings
    ) -> None:
        words = {True: "required", False: "optional", None: "listed"}[said.is_required]
        values = f", one of {listed(said.allowed)}" if said.allowed else ""
        findings.warn_once(
            columns.of(known.name),
            f"the service takes {what} ({self._where}: {words}{values}){self._but(known.name)}",
            fix=f"look whether that is meant: the service's word was taken, {AGAIN}",
        )

    def _doubt(self, name: str, columns: Columns, findings: Findings) -> None:
        guess = nearest(name, self._schema.properties)
        findings.warn_once(
            columns.of(name),
            f"the service does not list {shown(name)} among the parameters ({self._where}){self._but(name)}",
            fix=f"write {guess}, {AGAIN}" if guess else f"leave it out if the service refuses it, {AGAIN}",
        )

    def _as_meant(self, values: dict[str, object], columns: Columns, findings: Findings) -> dict[str, object]:
        """Read texts as the types that the service asks for, where Adobe's pages show them as texts.

        The pages show ports and switches as texts, and so they are sent: only what cannot even be read as
        the type is a fault.
        """
        meant = dict(values)
        for said in self._typed:
            text = values.get(said.name)
            value = read_as(text, said.types) if isinstance(text, str) else None
            if value is None:
                continue
            meant[said.name] = value
            findings.warn_once(
                columns.of(said.name),
                f"the service asks for {said.name} as {' or '.join(said.types)} ({self._where}); our "
                "catalogue says that it is sent as a text, and so it is",
                fix=f"give the row as source=custom if the service refuses the text, {AGAIN}",
            )
        return meant

    def _as_sent(
        self, values: dict[str, object], unknown: Collection[str], columns: Columns, findings: Findings
    ) -> dict[str, object]:
        """Read texts as the types that they are sent as; of a reference nobody knows more than its type."""
        sent = dict(values)
        for name, types in self._types.items():
            text = values.get(name)
            value = sample_of(types) if name in unknown else read_loosely(str(text), types)
            if text is None or value is None:
                continue
            sent[name] = value
            findings.warn_once(
                columns.of(name),
                f"{name} is sent as {' or '.join(types)}, as the service asks for it ({self._where})",
                fix=f"see that this is meant: without --check-specs it is sent as text, {AGAIN}",
            )
        return sent

    def _but(self, name: str) -> str:
        """Say what our catalogue says; nothing where it does not know the source at all."""
        known = self._catalogue.get(name)
        if known is None:
            return "; our catalogue does not know it" if self._catalogue else ""
        need = "shown without a word on whether it is needed" if known.need is Need.UNKNOWN else known.need
        values = f", one of {', '.join(known.allowed)}" if known.allowed else ""
        return f"; our catalogue, after Adobe's pages, says {need}{values}"
