"""What a row must fulfil by the service's own word, beside what our catalogue says after Adobe's pages.

The target organisation's truth wins: what the service states replaces the catalogue's check of the same
thing, and where the two differ the reader is told both. What the service does not state, or states in a
way that cannot be read, is left to the catalogue. Nothing here changes what is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from bulkconn.core.columns import spellings
from bulkconn.core.custom import CUSTOM
from bulkconn.core.json_types import sample_of
from bulkconn.core.source import Caution, Need, Parameter, ValueKind
from bulkconn.core.spec_word import Word
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.core.auth_schema import AuthSchema, Property
    from bulkconn.core.endpoint import ParamValue
    from bulkconn.core.findings import Findings
    from bulkconn.core.source import AuthSpec
    from bulkconn.core.spec_word import Columns


#: Names of parameters that are held secret though a schema lists them without a mark.
_LIKE_A_SECRET: Final = re.compile(
    r"pass(word|wd|phrase|code)|pwd|secret|token|credential|connection_?string|(private|access|account|api)_?key",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the service would refuse every row of a kind; `is_of_auth` tells which column says that kind."""

    is_of_auth: bool
    message: str
    found: str
    allowed: str | None
    fix: str


@dataclass(frozen=True, slots=True)
class Terms:
    """The service's word on one auth spec in one sandbox.

    `auth` is the catalogue's auth spec without the checks that the service's word replaces, and with the
    parameters that only the service knows. `hidden` are parameters that only the service holds secret.
    `where` says of which answer all this is. `cautions` are what the reader should know before such a row
    is sent; with a `refusal` it cannot be. `types` are of parameters of a custom source that are sent as
    no text.
    """

    auth: AuthSpec
    where: str
    cautions: tuple[Caution, ...] = ()
    refusal: Refusal | None = None
    hidden: frozenset[str] = frozenset()
    word: Word | None = None
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, auth: AuthSpec, schema: AuthSchema, where: str, cautions: Sequence[Caution] = ()) -> Terms:
        """Bring what catalogue, or the row itself, and service say of an auth spec together."""
        if auth.auth == CUSTOM:
            return cls._of_own(auth, schema, where, cautions)
        agreed = [_relaxed(one, schema.properties.get(one.name)) for one in auth.parameters]
        taken = frozenset[str]().union(
            *(spellings(one.name) for one in auth.parameters),
            *(spellings(part.column) for part in auth.string_parts),
        )
        only_service = [
            _of_service(one) for name, one in schema.properties.items() if spellings(name).isdisjoint(taken)
        ]
        return cls(
            auth=replace(auth, parameters=(*agreed, *only_service)),
            where=where,
            cautions=(*cautions, *_left_out(schema, where)),
            hidden=frozenset(
                now.name
                for now, before in zip(agreed, auth.parameters, strict=True)
                if now.secret and not before.secret
            ),
            word=Word(schema, {one.name: one for one in auth.parameters}, where),
        )

    @classmethod
    def _of_own(cls, auth: AuthSpec, schema: AuthSchema, where: str, cautions: Sequence[Caution]) -> Terms:
        """Respell what a row names as the service does; parameters keep their order."""
        spelt = {spelling: one for name, one in schema.properties.items() for spelling in spellings(name)}
        said = [spelt.get(one.name.lower()) for one in auth.parameters]
        types = {
            one.name: one.types
            for one in said
            if one is not None and "string" not in one.types and sample_of(one.types) is not None
        }
        return cls(
            auth=replace(auth, parameters=tuple(map(_as_stated, auth.parameters, said))),
            where=where,
            cautions=(*cautions, *_left_out(schema, where)),
            word=Word(schema, {}, where, types),
            types=types,
        )

    def judge(self, params: Sequence[tuple[str, ParamValue]], columns: Columns, findings: Findings) -> None:
        """Note what the service would refuse of a row, and what it takes though the catalogue objects.

        A column that has an error already gets no other one.
        """
        if self.refusal is not None:
            findings.error(
                columns.auth if self.refusal.is_of_auth else columns.source,
                self.refusal.message,
                found=self.refusal.found,
                allowed=self.refusal.allowed,
                fix=self.refusal.fix,
            )
        if self.word is not None:
            self.word.judge(params, columns, findings)


def _relaxed(parameter: Parameter, said: Property | None) -> Parameter:
    """Leave to the service what it states: whether the parameter is needed, and what it may be."""
    if said is None:
        return parameter
    is_whole = parameter.kind is ValueKind.CONNECTION_STRING
    return replace(
        parameter,
        need=parameter.need if is_whole or said.is_required is None else Need.OPTIONAL,
        allowed=() if said.allowed else parameter.allowed,
        secret=parameter.secret or said.is_secret,
    )


def _of_service(said: Property) -> Parameter:
    """Make a parameter of what only the service knows; its schema is the judge."""
    is_switch = said.types == ("boolean",) and not said.is_secret
    return Parameter(
        said.name,
        "stated by the service",
        need=Need.OPTIONAL,
        secret=said.is_secret,
        kind=ValueKind.BOOLEAN if is_switch else ValueKind.TEXT,
    )


def _as_stated(own: Parameter, said: Property | None) -> Parameter:
    """Take the service's spelling, and its word that something is no secret unless the row says it is one."""
    if said is None:
        return own
    is_unmarked = own.kind is ValueKind.CUSTOM and not said.is_secret
    # A schema may have forgotten a mark: what is called a password is kept like one.
    return replace(
        own,
        name=said.name,
        secret=not is_unmarked or _LIKE_A_SECRET.search(said.name) is not None,
        kind=ValueKind.TEXT if said.is_secret else own.kind,
    )


def _left_out(schema: AuthSchema, where: str) -> tuple[Caution, ...]:
    if not schema.left_out:
        return ()
    rules = ", ".join(shown(rule) for rule in schema.left_out)
    message = f"some of the service's rules cannot be read, so they are not checked ({where}): {rules}"
    return (Caution(message, "see that the rows are right in this"),)
