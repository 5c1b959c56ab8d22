"""What the service says, by sandbox and connection spec: read once, looked up for every kind of row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from bulkconn.core.auth_schema import AuthSchema
from bulkconn.core.custom import CUSTOM
from bulkconn.core.findings import AGAIN
from bulkconn.core.schema_cleaning import Unreadable
from bulkconn.core.schema_faults import listed
from bulkconn.core.service_spec import NotOffered, OddSpec, Place
from bulkconn.core.source import Caution
from bulkconn.core.spec_terms import Refusal, Terms
from bulkconn.core.suggest import nearest
from bulkconn.core.text import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bulkconn.core.choice import Choice
    from bulkconn.core.service_spec import ServiceSpec, SpecAnswer

#: Terms kept at a time. Inventories have few; rows that describe their own sources may have one each.
_REMEMBERED: Final = 1024
_OWN_WORD: Final = "the row's own word stands"
_CATALOGUE: Final = "our catalogue's word stands, after Adobe's pages"
_LOOK: Final = "see that the rows are right in this, or ask Adobe support about the connection spec"


class SpecBook:
    """The service's answers. Terms are worked out at the first row of a kind, and schemas compiled once."""

    def __init__(self, answers: Mapping[Place, SpecAnswer]) -> None:
        self._answers = dict(answers)
        self._terms: dict[tuple[Place, Choice], Terms | None] = {}
        self._schemas: dict[str, AuthSchema | Unreadable] = {}

    def terms(self, choice: Choice, sandbox: str) -> Terms | None:
        """Give what the service says of an auth spec in a sandbox; None where it was not asked."""
        key = (Place(sandbox, choice.source.connection_spec_id), choice)
        if key not in self._terms:
            if len(self._terms) >= _REMEMBERED:
                self._terms.clear()
            answer = self._answers.get(key[0])
            self._terms[key] = None if answer is None else self._read(answer, choice)
        return self._terms[key]

    def _read(self, answer: SpecAnswer, choice: Choice) -> Terms:
        source, auth = choice
        sandbox = answer.place.sandbox
        if isinstance(answer, OddSpec):
            message = (
                f"what the service says of {source.slug} in sandbox {sandbox} cannot be read: "
                f"{answer.reason}; {_standing(choice)}"
            )
            return self._silent(choice, f"sandbox {sandbox}", (Caution(message, _LOOK),))
        where = f"sandbox {sandbox}, read {answer.read_at:%Y-%m-%d %H:%M} UTC"
        if isinstance(answer, NotOffered):
            return self._silent(choice, where, refusal=_not_offered(choice, where))
        if auth.spec_name not in answer.auths:
            return self._silent(choice, where, refusal=_no_such_auth(choice, answer, where))
        cautions = _of_version(choice, answer, where)
        schema = self._schema(answer.auths[auth.spec_name])
        if isinstance(schema, Unreadable):
            odd = f"the service's schema of {choice.way} cannot be read ({where}): {schema}"
            message = f"{odd}; {_standing(choice)}"
            return self._silent(choice, where, (*cautions, Caution(message, _LOOK)))
        return Terms.of(auth, schema, where, cautions)

    def _silent(
        self,
        choice: Choice,
        where: str,
        cautions: tuple[Caution, ...] = (),
        refusal: Refusal | None = None,
    ) -> Terms:
        return Terms(choice.auth, where, cautions, refusal)

    def _schema(self, stated: object) -> AuthSchema | Unreadable:
        """Compile a schema; sandboxes that state the same share it."""
        text = json.dumps(stated, sort_keys=True)
        if text not in self._schemas:
            try:
                self._schemas[text] = AuthSchema(stated)
            except Unreadable as error:
                self._schemas[text] = error
        return self._schemas[text]


def _standing(choice: Choice) -> str:
    return _OWN_WORD if choice.source.slug == CUSTOM else _CATALOGUE


def _not_offered(choice: Choice, where: str) -> Refusal:
    source = choice.source
    if source.slug == CUSTOM:
        return Refusal(
            is_of_auth=False,
            message=f"the service offers no connection spec of this id ({where})",
            found=source.connection_spec_id,
            allowed=None,
            fix=f"correct connection_spec_id or sandbox, or ask Adobe to enable the source there, {AGAIN}",
        )
    return Refusal(
        is_of_auth=False,
        message=f"the service offers no connection spec for {source.slug} ({where}); our catalogue, after "
        f"Adobe's pages, knows it as {source.connection_spec_id}",
        found=source.slug,
        allowed=None,
        fix=f"correct source or sandbox, or ask Adobe to enable the source there, {AGAIN}",
    )


def _no_such_auth(choice: Choice, answer: ServiceSpec, where: str) -> Refusal:
    source, auth = choice
    if source.slug == CUSTOM:
        guess = nearest(auth.spec_name, answer.auths)
        return Refusal(
            is_of_auth=True,
            message=f"the service offers no auth spec of this name for the connection spec ({where})",
            found=auth.spec_name,
            allowed=listed(answer.auths) or None,
            fix=f"write {shown(guess)}, {AGAIN}" if guess else f"correct auth_spec_name, {AGAIN}",
        )
    also = next(
        (
            other
            for other in source.auths
            if other.spec_name in answer.auths
            and (other.auth, other.platform_cloud) != (auth.auth, auth.platform_cloud)
        ),
        None,
    )
    way = f"write platform_cloud={also.platform_cloud} and auth={also.auth}" if also else ""
    return Refusal(
        is_of_auth=True,
        message=f"the service offers no auth spec of this name for {source.slug} ({where}); our catalogue, "
        f"after Adobe's pages, has it for {choice.way}",
        found=auth.spec_name,
        allowed=listed(answer.auths) or None,
        fix=f"{way or 'correct auth or platform_cloud'}, or give the row as source=custom, {AGAIN}",
    )


def _of_version(choice: Choice, answer: ServiceSpec, where: str) -> tuple[Caution, ...]:
    source = choice.source
    if answer.version in {None, source.connection_spec_version}:
        return ()
    shows = f"the service shows version {listed([answer.version])} of"
    if source.slug == CUSTOM:
        message = (
            f"{shows} connection spec {source.connection_spec_id} ({where}); the row sends "
            f"{shown(source.connection_spec_version)}"
        )
        return (Caution(message, "correct connection_spec_version if the service refuses that version"),)
    message = f"{shows} {source.slug} ({where}); our catalogue sends {source.connection_spec_version}"
    return (Caution(message, "give the row as source=custom if the service refuses that version"),)
