"""The sample files of this folder, each written by the format's own documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from bulkconn.converters.convert import Kind

FILES: Final = Path(__file__).parent / "files"
EXPECTED: Final = Path(__file__).parent / "expected"
#: Samples and what they are of. Whatever is secret in one holds the word `hush`.
SAMPLES: Final = {
    "airflow.json": Kind.AIRFLOW,
    "airflow.yaml": Kind.AIRFLOW,
    "airflow.env": Kind.AIRFLOW,
    "rds-instances.json": Kind.RDS,
    "rds-clusters.json": Kind.RDS,
    "redshift.json": Kind.RDS,
    "pgpass": Kind.PGPASS,
    "data-sources.json": Kind.DBEAVER,
    "terraform.tfstate": Kind.TERRAFORM,
    "terraform-show.json": Kind.TERRAFORM,
}


def sample(name: str) -> str:
    """Give the text of a sample."""
    return (FILES / name).read_text(encoding="utf-8")
