"""Which converters there are."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from bulkconn.converters.airflow import read_airflow
from bulkconn.converters.aws import read_rds
from bulkconn.converters.dbeaver import read_dbeaver
from bulkconn.converters.pgpass import read_pgpass
from bulkconn.converters.rows import Conversion, Secrets, write_rows
from bulkconn.converters.terraform import read_terraform

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from bulkconn.converters.database import Found
    from bulkconn.core.source import PlatformCloud


class Kind(StrEnum):
    """What a file was written by or for."""

    #: Connections of Apache Airflow.
    AIRFLOW = "airflow"
    #: Instances and clusters of Amazon RDS, clusters of Amazon Redshift.
    RDS = "rds"
    #: The password file of PostgreSQL's clients.
    PGPASS = "pgpass"
    #: Connections of DBeaver.
    DBEAVER = "dbeaver"
    #: The state of Terraform.
    TERRAFORM = "terraform"


_READERS: Final[dict[Kind, Callable[[str], Iterable[Found]]]] = {
    Kind.AIRFLOW: read_airflow,
    Kind.RDS: read_rds,
    Kind.PGPASS: read_pgpass,
    Kind.DBEAVER: read_dbeaver,
    Kind.TERRAFORM: read_terraform,
}


def convert(
    kind: Kind, text: str, *, cloud: PlatformCloud | None = None, secrets: Secrets = Secrets.REFERENCES
) -> Conversion:
    """Give the rows of an inventory for the databases that a file tells of.

    Raises:
        Malformed: it is not what this kind writes.
        UsageError: a library that reads it is not installed.
    """
    return write_rows(_READERS[kind](text), cloud=cloud, secrets=secrets)
