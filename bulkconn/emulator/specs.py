"""Connection specs: what each source asks for on each cloud, and whether a request body fulfils it.

The schemas beside this module were written from Adobe's pages (help/sources/tutorials/api/create/databases
and help/sources/connectors/databases), not from bulkconn's own sources: a mistake there must not be found
right here. Only what a page requires is required. Where two pages list different `sslMode` values for
Azure, all of them are taken. Most specs' `name` is in no page; ours are guesses that nothing may rest on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, cast

from jsonschema import Draft7Validator
from jsonschema.exceptions import SchemaError
from referencing import Registry
from referencing.exceptions import Unresolvable

from bulkconn.emulator.errors import FlowServiceError
from bulkconn.emulator.settings import Cloud

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jsonschema import ValidationError

__all__ = ["Catalogue", "ConnectionSpec", "load_catalogue"]

#: The one file among the schemas that is no connection spec: the body around the parameters.
_ENVELOPE: Final = "create_connection.json"
_LISTED_PARAMETERS: Final = 8
_USUAL_SECRETS: Final = frozenset({"password", "connectionString"})


@dataclass(frozen=True, slots=True)
class AuthSpec:
    """One way of signing in to a source on one cloud."""

    validator: Draft7Validator
    #: Parameters whose schema says `format: password`.
    secrets: frozenset[str]

    def errors(self, params: object) -> list[ValidationError]:
        """Give what stands against parameters; nothing where an offered schema cannot be followed."""
        try:
            return list(self.validator.iter_errors(params))
        except (Unresolvable, RecursionError):
            return []


@dataclass(frozen=True, slots=True)
class ConnectionSpec:
    """A source as one cloud shows it."""

    #: The item of GET /connectionSpecs/{id}.
    document: Mapping[str, Any]
    auth: Mapping[str, AuthSpec]


class Catalogue:
    """All connection specs, compiled once."""

    def __init__(
        self,
        specs: Mapping[Cloud, Mapping[str, ConnectionSpec]],
        envelope: Draft7Validator,
        *,
        any_spec: bool = False,
    ) -> None:
        """Hold the specs by cloud and id, and the schema of the body around the parameters.

        With `any_spec` a spec that no schema describes is taken as it comes.
        """
        self._specs = {cloud: dict(by_id) for cloud, by_id in specs.items()}
        self._envelope = envelope
        self._known = frozenset[str]().union(*specs.values())
        self._any_spec = any_spec
        self._secrets: dict[tuple[str, str], frozenset[str]] = {}
        for by_id in specs.values():
            for spec_id, spec in by_id.items():
                self._learn_secrets(spec_id, spec)

    def offer(self, document: Mapping[str, Any], cloud: Cloud) -> None:
        """Show this connection spec from now on, and hold requests to it as far as it can be read."""
        spec = _offered(document)
        self._specs[cloud][document["id"]] = spec
        self._known |= {document["id"]}
        self._learn_secrets(document["id"], spec)

    def withdraw(self, spec_id: str, cloud: Cloud) -> None:
        """Know a connection spec no longer."""
        self._specs[cloud].pop(spec_id, None)

    def _learn_secrets(self, spec_id: str, spec: ConnectionSpec) -> None:
        for name, auth_spec in spec.auth.items():
            known = self._secrets.get((spec_id, name), frozenset())
            self._secrets[spec_id, name] = known | auth_spec.secrets

    def documents(self, cloud: Cloud) -> list[Mapping[str, Any]]:
        """Give every spec document as `cloud` shows it."""
        return [spec.document for spec in self._specs[cloud].values()]

    def secret_params(self, spec_id: str, auth_spec_name: str) -> frozenset[str]:
        """Give the parameters that any cloud holds secret; of a spec not known here, the usual two."""
        return self._secrets.get((spec_id, auth_spec_name), _USUAL_SECRETS)

    def check_body(self, body: object, cloud: Cloud) -> None:
        """Accept the body of a POST /connections, or raise what Flow Service would answer.

        Args:
            body: The parsed JSON.
            cloud: Cloud of the sandbox.

        Raises:
            FlowServiceError: 1413, 1415, 1304 or 1312, with the names of parameters and never a value.
        """
        # An error of the envelope comes first: without it there is no telling which spec is meant.
        _refuse(self._envelope.iter_errors(body))
        assert isinstance(body, dict)  # noqa: S101 - the envelope's schema has just made sure of it
        spec_info = body["connectionSpec"]
        self.check_auth(spec_info["id"], body["auth"], cloud, version=spec_info.get("version"))

    def check_auth(
        self, spec_id: str, auth: Mapping[str, Any], cloud: Cloud, *, version: str | None = None
    ) -> None:
        """Accept `auth` for a connection spec, or raise what Flow Service would answer.

        Args:
            spec_id: Id of the connection spec.
            auth: `specName` and `params`.
            cloud: Cloud of the sandbox.
            version: Version of the spec, where the request names one.

        Raises:
            FlowServiceError: 1413, 1415, 1304 or 1312.
        """
        if self._any_spec and spec_id not in self._known:
            return
        spec = self._specs[cloud].get(spec_id)
        if spec is None or version not in (None, spec.document.get("version", version)):
            raise FlowServiceError("1413-400", "The connection spec id or its version is not valid.")
        auth_spec = spec.auth.get(auth["specName"])
        if auth_spec is None:
            raise FlowServiceError(
                "1415-400", f"The connection spec {spec.document.get('name', spec_id)} has no such auth spec."
            )
        _refuse(auth_spec.errors(auth["params"]))


def load_catalogue(*, any_spec: bool = False) -> Catalogue:
    """Read and compile the schemas; with `any_spec` others than theirs are taken too."""
    documents = {
        file.name: json.loads(file.read_text("utf-8"))
        for file in resources.files(__package__).joinpath("schemas").iterdir()
    }
    envelope = Draft7Validator(documents.pop(_ENVELOPE))
    specs = {
        cloud: {
            file["id"]: _spec(file, cloud, Draft7Validator)
            for _, file in sorted(documents.items())
            # What a cloud has no way to sign in to is not there at all.
            if file["authSpecByCloud"][cloud]
        }
        for cloud in Cloud
    }
    return Catalogue(specs, envelope, any_spec=any_spec)


def _spec(file: Mapping[str, Any], cloud: Cloud, make: type[Draft7Validator]) -> ConnectionSpec:
    auth_specs = file["authSpecByCloud"][cloud]
    document = {key: value for key, value in file.items() if key != "authSpecByCloud"}
    document["authSpec"] = auth_specs
    auth = {
        auth_spec["name"]: AuthSpec(
            make(auth_spec["spec"]),
            frozenset(
                name
                for name, schema in auth_spec["spec"]["properties"].items()
                if schema.get("format") == "password"
            ),
        )
        for auth_spec in auth_specs
    }
    return ConnectionSpec(document, auth)


def _offered(document: Mapping[str, Any]) -> ConnectionSpec:
    """Compile a spec that somebody offers: whatever is odd in it is shown, and asks nothing of a request."""
    auth = {}
    listed = document.get("authSpec")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            schema = one.get("spec")
            properties = schema.get("properties") if isinstance(schema, dict) else None
            secrets = frozenset(
                name
                for name, said in (properties if isinstance(properties, dict) else {}).items()
                if isinstance(said, dict) and said.get("format") == "password"
            )
            auth[one["name"]] = AuthSpec(_validator(schema), secrets)
    return ConnectionSpec(document, auth)


def _validator(schema: Any) -> Draft7Validator:  # noqa: ANN401 - any JSON value
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError:
        schema = {}
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        schema = {}
    return Draft7Validator(schema, registry=Registry())


def _refuse(errors: Iterable[ValidationError]) -> None:
    """Raise what stands against a body: a missing parameter before a bad value."""
    missing: list[str] = []
    bad: list[str] = []
    for error in errors:
        path = [str(step) for step in error.absolute_path]
        match error.validator:
            case "required":
                # One error a missing name; its text begins with the name in quotes.
                missing.append(".".join([*path, error.message.split("'")[1]]))
            case "additionalProperties":
                known = cast("Mapping[str, Any]", error.schema).get("properties", {})
                # A parameter that the spec does not know is named: it is a key, hence no secret.
                bad.extend(
                    ".".join([*path, name])
                    for name in cast("Mapping[str, Any]", error.instance)
                    if name not in known
                )
            case "minLength" | "minProperties":
                missing.append(".".join(path) or "all parameters")
            case _:
                bad.append(".".join(path) or "the body")
    if missing:
        raise FlowServiceError("1304-400", f"Missing or empty: {_names(missing)}.")
    if bad:
        raise FlowServiceError("1312-400", f"Not a valid value or not known: {_names(bad)}.")


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:_LISTED_PARAMETERS])
    return (
        shown if len(names) <= _LISTED_PARAMETERS else f"{shown} and {len(names) - _LISTED_PARAMETERS} more"
    )
