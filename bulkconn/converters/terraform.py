"""Terraform's state, and what `terraform show -json` prints of it.

Formats: https://developer.hashicorp.com/terraform/internals/json-format for the latter; the state file itself
is version 4, that of all releases since 0.12.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from bulkconn.converters.aws import Names, described
from bulkconn.converters.database import Found, Malformed
from bulkconn.converters.parsing import object_of, objects_in, parse_json, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_WHAT: Final = "a terraform.tfstate, or what `terraform show -json` prints"
_STATE_VERSION: Final = 4
#: Modules within modules; nobody nests as deep as this.
_DEPTH_MAX: Final = 50

#: Attributes by type of resource. `name` is what db_name was called once.
_RESOURCES: Final = {
    "aws_db_instance": Names(
        "identifier", "arn", "engine", "address", "port",
        ("db_name", "name"), "username", "master_user_secret", "secret_arn", "password",
    ),
    "aws_rds_cluster": Names(
        "cluster_identifier", "arn", "engine", "endpoint", "port",
        ("database_name",), "master_username", "master_user_secret", "secret_arn", "master_password",
    ),
    "aws_redshift_cluster": Names(
        "cluster_identifier", "arn", "", "endpoint", "port",
        ("database_name",), "master_username", "master_password_secret_arn", "", "master_password",
    ),
}  # fmt: skip


def read_terraform(text: str) -> Iterator[Found]:
    """Give the databases among the managed resources of a state.

    Raises:
        Malformed: it is no state, or one of a version that is not read.
    """
    document = parse_json(text, what=_WHAT)
    if not isinstance(document, dict):
        raise Malformed("the file is no state of Terraform", f"give {_WHAT}")
    if "values" in document or "format_version" in document:
        yield from _shown(object_of(object_of(document, "values"), "root_module"), 0)
        return
    if document.get("version") != _STATE_VERSION:
        raise Malformed(
            f"the file is no state of version {_STATE_VERSION}",
            f"give {_WHAT}; an old state becomes new by `terraform apply` of a release since 0.12",
        )
    for resource in objects_in(document.get("resources")):
        names = _managed(resource)
        if names is None:
            continue
        address = ".".join(filter(None, (text_of(resource, key) for key in ("module", "type", "name"))))
        for instance in objects_in(resource.get("instances")):
            place = address + _index(instance, "index_key")
            yield described(object_of(instance, "attributes"), names, place)


def _shown(module: Mapping[str, Any], depth: int) -> Iterator[Found]:
    for resource in objects_in(module.get("resources")):
        names = _managed(resource)
        if names is not None:
            yield described(object_of(resource, "values"), names, text_of(resource, "address"))
    if depth < _DEPTH_MAX:
        for child in objects_in(module.get("child_modules")):
            yield from _shown(child, depth + 1)


def _managed(resource: Mapping[str, Any]) -> Names | None:
    """Give the attributes' names of a database; None for other resources, and for data that is only read."""
    if resource.get("mode") != "managed":
        return None
    return _RESOURCES.get(text_of(resource, "type"))


def _index(instance: Mapping[str, Any], key: str) -> str:
    index = text_of(instance, key)
    return f"[{index}]" if index else ""
