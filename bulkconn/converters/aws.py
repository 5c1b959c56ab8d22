"""Databases as AWS describes them: the answers of its command line, and the attributes of Terraform.

Both have the same facts under names of their own. Where AWS keeps the password in Secrets Manager, they say
under which ARN, and that becomes a reference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bulkconn.converters.database import Database, Found, Malformed, Skipped, Tls
from bulkconn.converters.engines import of_aws
from bulkconn.converters.parsing import facts_of, object_of, objects_in, parse_json, secret_of, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Databases that have been there for a moment only, or do not work, have no endpoint.
_NO_ENDPOINT: Final = "it has no endpoint"
_WHAT: Final = (
    "what `aws rds describe-db-instances`, `aws rds describe-db-clusters` or "
    "`aws redshift describe-clusters` prints with --output json"
)
#: A database that was not named when its server was made; PostgreSQL always makes this one.
_UNNAMED: Final = {"postgres": "postgres"}


@dataclass(frozen=True, slots=True)
class Names:
    """Under which keys a kind of description has its facts. An empty `engine` is Redshift."""

    identifier: str
    arn: str
    engine: str
    address: str
    port: str
    database: tuple[str, ...]
    username: str
    secret: str
    secret_arn: str = ""
    password: str = ""


RDS_INSTANCE: Final = Names(
    "DBInstanceIdentifier", "DBInstanceArn", "Engine", "Address", "Port",
    ("DBName",), "MasterUsername", "MasterUserSecret", "SecretArn",
)  # fmt: skip
RDS_CLUSTER: Final = Names(
    "DBClusterIdentifier", "DBClusterArn", "Engine", "Endpoint", "Port",
    ("DatabaseName",), "MasterUsername", "MasterUserSecret", "SecretArn",
)  # fmt: skip
REDSHIFT: Final = Names(
    "ClusterIdentifier", "ClusterNamespaceArn", "", "Address", "Port",
    ("DBName",), "MasterUsername", "MasterPasswordSecretArn",
)  # fmt: skip
_LISTS: Final = {"DBInstances": RDS_INSTANCE, "DBClusters": RDS_CLUSTER, "Clusters": REDSHIFT}


def read_rds(text: str) -> Iterator[Found]:
    """Give the databases of an answer of AWS's command line, whole or only its list (`--query`).

    Raises:
        Malformed: it is no such answer.
    """
    document = parse_json(text, what=_WHAT)
    lists: list[tuple[object, Names]] = []
    if isinstance(document, dict):
        lists = [(document[key], names) for key, names in _LISTS.items() if key in document]
    elif isinstance(document, list):
        lists = [
            ([item for item in objects_in(document) if names.identifier in item], names)
            for names in _LISTS.values()
        ]
    if not lists or (isinstance(document, list) and document and not any(items for items, _ in lists)):
        raise Malformed(f"the file has none of {', '.join(_LISTS)}", f"give {_WHAT}")
    for items, names in lists:
        for item in objects_in(items):
            # An instance and a Redshift cluster have an object for address and port.
            yield described({**item, **object_of(item, "Endpoint")}, names, "")


def described(item: Mapping[str, Any], names: Names, place: str) -> Found:
    """Give the database that an item describes; `place` is where it stands, empty for its ARN."""
    identifier = text_of(item, names.identifier)
    engine = text_of(item, names.engine) if names.engine else "redshift"
    source = of_aws(engine) if names.engine else "redshift"
    title = identifier or place or "a database without an identifier"
    if source is None:
        return Skipped(title, f"engine {engine or 'unknown'} is none that can be onboarded")
    address = text_of(item, names.address)
    if not address:
        return Skipped(title, _NO_ENDPOINT)
    # Terraform writes address and port of some in one.
    address, _, port_behind = address.partition(":")
    port = text_of(item, names.port) or port_behind
    arn = _secret_arn(item, names)
    return Database(
        name=title,
        source=source,
        origin=" ".join(part for part in (place, text_of(item, names.arn)) if part) or title,
        facts=facts_of(
            server=address,
            port=port,
            database=text_of(item, *names.database) or _UNNAMED.get(source, ""),
            username=text_of(item, names.username),
        ),
        # All of them offer it, and the newer ones insist.
        tls=Tls.REQUIRE,
        password=secret_of(item, names.password) if names.password else None,
        reference=f"aws-sm://{arn}#password" if arn else None,
    )


def _secret_arn(item: Mapping[str, Any], names: Names) -> str:
    """Give the ARN of the secret that holds the password: a text, an object, or a list of one."""
    if not names.secret_arn:
        return text_of(item, names.secret)
    value = item.get(names.secret)
    one = value if isinstance(value, dict) else next(objects_in(value), {})
    return text_of(one, names.secret_arn)
