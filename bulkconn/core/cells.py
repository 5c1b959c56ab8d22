"""Turns the cells of a row into the values of its parameters, or says why they cannot be used."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.core.connection_string import is_port
from bulkconn.core.findings import AGAIN, CORRECT_CELL
from bulkconn.core.secret import SecretRef, SecretStr, SecretValue, parse_reference
from bulkconn.core.source import BOOLEANS, Parameter, StringPart, ValueKind
from bulkconn.core.suggest import nearest
from bulkconn.core.text import has_control

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.findings import Findings

#: `evn://NAME` is more likely a slip than a password; whole connection strings may well begin like that.
_LIKE_A_REFERENCE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")

#: Kinds of secrets that may have several lines.
_OF_LINES: Final = frozenset({ValueKind.TEXT, ValueKind.CUSTOM})

#: How a PEM key begins, also inside a key file in JSON.
_PEM: Final = "-----BEGIN"


def is_clear_key(text: str) -> bool:
    """Say whether a text is a key as it lies in its file, or Base64 of several lines."""
    return _PEM in text or "\n" in text.strip()


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a part of a connection string, together with the header that fills it here.

    `header` is None where the row has no such column. `doubt` is what to say of a row that leaves out
    what it may need. `is_plain` marks text of which nothing more is asked. `cell` is the name under which
    a value that is no secret is shown.
    """

    name: str
    header: str | None
    required: bool
    doubt: str | None
    secret: bool
    kind: ValueKind
    allowed: tuple[str, ...]
    default: str | None
    is_plain: bool
    cell: str

    @classmethod
    def of(
        cls,
        what: Parameter | StringPart,
        header: str | None,
        *,
        doubt: str | None = None,
        cell: str | None = None,
    ) -> Field:
        """Join what is documented with where the row has it."""
        if isinstance(what, Parameter):
            name, required, default = what.name, what.required, what.default
        else:
            name, required, default = what.column, what.always, None
        allowed = BOOLEANS if what.kind is ValueKind.BOOLEAN else what.allowed
        is_plain = not what.secret and not allowed and what.kind is ValueKind.TEXT
        return cls(
            name, header, required, doubt, what.secret, what.kind, allowed, default, is_plain, cell or name
        )

    @property
    def column(self) -> str:
        """The header as the file writes it, or the name under which it is missing."""
        return self.name if self.header is None else self.header


@dataclass(frozen=True, slots=True)
class SecretRules:
    """How a secret may be given: by a reference of these schemes, and unless forbidden in clear."""

    schemes: tuple[str, ...]
    plaintext: bool = True

    @property
    def known(self) -> str:
        """The schemes as a reader writes them."""
        return ", ".join(f"{scheme}://" for scheme in self.schemes)


class FieldReader:
    """Reads the fields of one row.

    Every value that is no secret is put into `visible` under the field's `cell`: references too, defaults
    not.
    """

    __slots__ = ("_cells", "_rules", "_visible", "findings")

    def __init__(
        self,
        cells: Mapping[str, str],
        rules: SecretRules,
        visible: dict[str, str],
        findings: Findings,
    ) -> None:
        self._cells = cells
        self._rules = rules
        self._visible = visible
        self.findings = findings

    def has(self, field: Field) -> bool:
        """Say whether the row gives a field: blanks alone are no value."""
        return field.header is not None and bool(self._cells.get(field.header, "").strip())

    def read(self, field: Field) -> str | SecretValue | None:
        """Give the value of a field, its default, or None where it is absent or wrong (then noted)."""
        raw = None if field.header is None else self._cells.get(field.header)
        stripped = raw.strip() if raw else ""
        if not raw or not stripped:
            if field.default is None:
                self._miss(field)
            return field.default
        if not field.secret:
            # The short way, which most cells go.
            if field.is_plain and stripped.isprintable() and "://" not in stripped:
                self._visible[field.cell] = stripped
                return stripped
            if field.kind is not ValueKind.CUSTOM or parse_reference(stripped) is None:
                text = self._text(field, stripped)
                if text is not None:
                    self._visible[field.cell] = text
                return text
        reference = parse_reference(stripped) if "://" in stripped else None
        if reference is None:
            return self._literal(field, raw, stripped)
        if not self._can_resolve(field, reference):
            return None
        self._visible[field.cell] = reference.uri
        return reference

    def _miss(self, field: Field) -> None:
        if field.required:
            self.findings.error(
                field.column,
                f"{field.name} is missing",
                allowed=_allowed(field),
                fix=f"fill it in, {AGAIN}",
            )
        elif field.doubt is not None:
            self.findings.warn_once(
                field.column, field.doubt, fix=f"fill it in if the service refuses the row, {AGAIN}"
            )

    def _text(self, field: Field, text: str) -> str | None:
        if field.allowed:
            if text in field.allowed:
                return text
            if field.kind is ValueKind.BOOLEAN and text.lower() in field.allowed:
                # Spreadsheets write TRUE.
                return text.lower()
            self._refuse_choice(field, text)
        elif field.kind is ValueKind.PORT:
            if is_port(text):
                return text
            self._refuse_port(field, text)
        elif has_control(text):
            self.findings.error(field.column, f"{field.name} holds a control character", found=text)
        elif "://" in text and parse_reference(text):
            self.findings.error(
                field.column,
                f"{field.name} is a secret reference, but the column is not secret",
                found=text,
                fix=f"write the value itself, {AGAIN}",
            )
        else:
            return text
        return None

    def _literal(self, field: Field, raw: str, stripped: str) -> SecretStr | None:
        if not self._rules.plaintext:
            self.findings.error(
                field.column,
                f"{field.name} is a secret in clear, which --forbid-plaintext-secrets refuses"
                + ("; nothing says that it is none" if field.kind is ValueKind.CUSTOM else ""),
                allowed=f"a reference: {self._rules.known}",
                fix=f"put it into a secret store and write its reference here, {AGAIN}",
            )
            return None
        if has_control(raw, lines_allowed=field.kind in _OF_LINES):
            self.findings.error(field.column, f"{field.name} holds a control character or half a character")
            return None
        if field.kind is ValueKind.BASE64 and is_clear_key(raw):
            self.findings.error(
                field.column,
                f"{field.name} is a key in clear, where its Base64 is documented",
                fix=f"give what `base64 --wrap=0 FILE` prints, {AGAIN}",
            )
            return None
        if field.kind is ValueKind.TEXT and _LIKE_A_REFERENCE.match(stripped):
            self.findings.warn(
                field.column,
                f"{field.name} is taken as it stands: it begins like a reference, but of no known kind",
                fix=f"if a reference is meant, begin it with {self._rules.known}, {AGAIN}",
            )
        if len(stripped) != len(raw):
            self.findings.warn(
                field.column,
                f"{field.name} has blanks at its ends, which are kept as part of the secret",
                fix=f"remove them if they do not belong to it, {AGAIN}",
            )
        return SecretStr(raw)

    def _can_resolve(self, field: Field, reference: SecretRef) -> bool:
        if reference.scheme not in self._rules.schemes:
            known = self._rules.known
            self.findings.error(
                field.column,
                f"{field.name} refers to a secret store that cannot be read here",
                found=f"{reference.scheme}://",
                allowed=known,
                fix=f"use one of {known}, {AGAIN}",
            )
            return False
        if not reference.path or has_control(reference.uri):
            self.findings.error(
                field.column,
                f"{field.name} is a secret reference that names nothing",
                found=reference.uri,
                fix=f"write what {reference.scheme}:// is to be followed by, {AGAIN}",
            )
            return False
        return True

    def _refuse_choice(self, field: Field, text: str) -> None:
        guess = nearest(text, field.allowed)
        self.findings.error(
            field.column,
            f"{field.name} is none of the allowed values",
            found=text,
            allowed=_allowed(field),
            fix=f"write {guess}, {AGAIN}" if guess else CORRECT_CELL,
        )

    def _refuse_port(self, field: Field, text: str) -> None:
        number, point, zeros = text.partition(".")
        meant = number.lstrip("0")
        if is_port(meant) and (not point or zeros.strip("0") == "") and text.isascii():
            # `5432.0` is what a spreadsheet makes of 5432.
            message, fix = f"{field.name} is not written in plain digits", f"write {meant}, {AGAIN}"
        elif text.isdigit():
            message, fix = f"{field.name} is out of range", CORRECT_CELL
        else:
            message, fix = f"{field.name} is not a number", CORRECT_CELL
        self.findings.error(field.column, message, found=text, allowed="1-65535", fix=fix)


def _allowed(field: Field) -> str | None:
    if field.allowed:
        return ", ".join(field.allowed)
    return "1-65535" if field.kind is ValueKind.PORT else None
