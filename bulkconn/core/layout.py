"""What the columns of a file mean for one auth spec: worked out once, used for every row like it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bulkconn.core.cells import Field
from bulkconn.core.choice import BASIC
from bulkconn.core.columns import COMMON, OWN_COLUMNS, snake_case, spellings
from bulkconn.core.findings import AGAIN
from bulkconn.core.source import Need, ValueKind
from bulkconn.core.suggest import nearest
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.core.choice import Choice
    from bulkconn.core.columns import Headings
    from bulkconn.core.own_source import OwnSource
    from bulkconn.core.source import AuthSpec, Caution, Parameter, Source, StringPart
    from bulkconn.core.spec_terms import Terms


_OWN: Final = frozenset(name.replace("_", "") for name in OWN_COLUMNS)


@dataclass(frozen=True, slots=True)
class UnknownColumn:
    """A header that the auth spec does not know, with the refusal that waits for a cell under it."""

    header: str
    message: str
    allowed: str
    fix: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a row, as its auth spec sees them.

    `whole` is the connection string's own column, where it can also be built; `parts` are what it is
    built from. `fields` are all other parameters, in documented order. `booleans` and `encoded` name the
    parameters that are sent as a JSON boolean, and those that must be Base64. `cautions` are what the
    reader should know before such a row is sent. `has_basic` says whether the row could do without a
    connection string. `terms` are the service's own word, where it was asked; `own` is what a row of a
    custom source says of it.
    """

    choice: Choice
    fields: tuple[Field, ...]
    whole: Field | None
    parts: tuple[tuple[StringPart, Field], ...]
    unknown: tuple[UnknownColumn, ...]
    booleans: frozenset[str]
    encoded: frozenset[str]
    cautions: tuple[Caution, ...]
    has_basic: bool
    terms: Terms | None = None
    own: OwnSource | None = None

    @classmethod
    def of(cls, choice: Choice, headings: Headings, terms: Terms | None = None) -> Layout:
        """Match headers with what is documented, and with what the service says where it was asked."""
        if terms is not None:
            choice = choice._replace(auth=terms.auth)
        headers = {lower: header for header, lower in headings.others}

        def header_of(name: str) -> str | None:
            return next((headers[spelling] for spelling in spellings(name) if spelling in headers), None)

        auth = choice.auth
        fields = [
            Field.of(parameter, header_of(parameter.name), doubt=_doubt(parameter, choice))
            for parameter in auth.parameters
        ]
        whole = next((field for field in fields if field.kind is ValueKind.CONNECTION_STRING), None)
        known = frozenset[str]().union(*(spellings(name) for name in column_names(auth)))
        return cls(
            choice=choice,
            fields=tuple(field for field in fields if field is not whole),
            whole=whole,
            parts=tuple((part, Field.of(part, header_of(part.column))) for part in auth.string_parts),
            unknown=tuple(
                _unknown(header, lower, choice) for header, lower in headings.others if lower not in known
            ),
            booleans=_of_kind(auth, ValueKind.BOOLEAN),
            encoded=_of_kind(auth, ValueKind.BASE64),
            cautions=(*choice.source.cautions, *auth.cautions, *(terms.cautions if terms else ())),
            has_basic=any(
                other.auth == BASIC and other.platform_cloud is auth.platform_cloud
                for other in choice.source.auths
            ),
            terms=terms,
        )

    def column(self, name: str) -> str:
        """Give the header of a parameter as the file writes it, or the name under which it is missing."""
        fields = self.fields if self.whole is None else (self.whole, *self.fields)
        return next((field.column for field in fields if field.name == name), name)

    @property
    def remedy(self) -> str:
        """What to do with a part that would break out of the string."""
        return f"use auth={BASIC}" if self.has_basic else "give the string whole, or change the value"


def column_names(auth: AuthSpec) -> Iterator[str]:
    """Give the names of an auth spec's own columns, parameters first, each once."""
    yield from dict.fromkeys(
        [parameter.name for parameter in auth.parameters] + [part.column for part in auth.string_parts]
    )


def _doubt(parameter: Parameter, choice: Choice) -> str | None:
    """Give what to say of rows without a parameter that the pages show and do not explain."""
    if parameter.need is not Need.UNKNOWN:
        return None
    return (
        f"{parameter.name} is missing, here and maybe in later rows; "
        f"no page of Adobe's says whether {choice.way} can do without it"
    )


def _of_kind(auth: AuthSpec, kind: ValueKind) -> frozenset[str]:
    return frozenset(parameter.name for parameter in auth.parameters if parameter.kind is kind)


def _unknown(header: str, lower: str, choice: Choice) -> UnknownColumn:
    source, auth = choice
    known = ", ".join(column_names(auth))
    if not lower:
        return UnknownColumn(
            header,
            "a cell stands under an empty header",
            known,
            f"name the column or remove the cell, {AGAIN}",
        )
    if lower.replace("_", "") in _OWN:
        return UnknownColumn(
            header,
            f"{shown(header)} describes a custom source, and {source.slug} is none",
            known,
            f"write source=custom or remove the cell, {AGAIN}",
        )
    elsewhere = _elsewhere(lower, source)
    of_key = next(
        (part for part in auth.string_parts if lower in spellings(part.key.replace(" ", "_"))), None
    )
    if of_key is not None:
        fix = f"write {of_key.column}: it becomes {of_key.key}= in the connection string, {AGAIN}"
    elif elsewhere:
        fix = (
            f"it is known for {source.slug} on {elsewhere} only: remove the cell or correct the row, {AGAIN}"
        )
    else:
        guess = nearest(lower, _spelt(auth))
        fix = (
            f"write {guess}, {AGAIN}"
            if guess
            else f"remove the column, or begin its name with x_ to carry it along, {AGAIN}"
        )
    return UnknownColumn(header, f"{shown(header)} is not a column of {choice.way}", known, fix)


def _elsewhere(lower: str, source: Source) -> str:
    places = [
        f"{auth.platform_cloud} with auth={auth.auth}"
        for auth in source.auths
        if any(lower in spellings(name) for name in column_names(auth))
    ]
    return " or on ".join(places)


def _spelt(auth: AuthSpec) -> list[str]:
    names = list(column_names(auth))
    return [*names, *(snake_case(name) for name in names), *COMMON]
