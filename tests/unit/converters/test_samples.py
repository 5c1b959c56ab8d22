"""Every converter on a file as its tool writes it: rows, their validity, and where secrets stay."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import pytest

from bulkconn.converters.convert import Kind, convert
from bulkconn.converters.rows import Conversion, Secrets
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.secret import REFERENCE_SCHEMES
from bulkconn.core.source import PlatformCloud
from bulkconn.core.validation import Invalid, RowDefaults, Validator
from bulkconn.sources import ALL
from tests.unit.converters.samples import EXPECTED, SAMPLES, sample

if TYPE_CHECKING:
    from collections.abc import Sequence

EVERY_SAMPLE = pytest.mark.parametrize("name", SAMPLES)
EVERY_CLOUD = pytest.mark.parametrize("cloud", [None, *PlatformCloud])


def as_csv(made: Conversion) -> str:
    """Write an inventory as the command does."""
    text = io.StringIO()
    writer = csv.DictWriter(text, made.columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(made.rows)
    return text.getvalue()


def faults_of(made: Conversion, cloud: PlatformCloud) -> list[tuple[str, str | None]]:
    """Validate the rows and give the errors: of which row, and which column."""
    validator = Validator(
        ALL, defaults=RowDefaults(sandbox="dev", platform_cloud=cloud), schemes=REFERENCE_SCHEMES
    )
    faults = []
    for number, cells in enumerate(made.rows, start=2):
        row = InventoryRow("a.csv", number, {key: cell for key, cell in cells.items() if cell}, made.columns)
        result = validator.validate(row)
        if isinstance(result, Invalid):
            faults += [(cells["name"], one.column) for one in result.diagnostics if one.severity == "error"]
    return faults


@EVERY_SAMPLE
def test_convert_of_a_sample_gives_the_expected_inventory(name: str) -> None:
    """What is written for each sample was read by a human once; a change of it is meant."""
    made = convert(SAMPLES[name], sample(name))
    assert as_csv(made) == (EXPECTED / f"{name}.csv").read_text(encoding="utf-8")


@EVERY_SAMPLE
@EVERY_CLOUD
def test_convert_of_a_sample_is_a_valid_inventory_but_for_the_gaps(
    name: str, cloud: PlatformCloud | None
) -> None:
    """A plan finds nothing wrong but what the conversion said is to be filled in."""
    made = convert(SAMPLES[name], sample(name), cloud=cloud)
    assert {row["platform_cloud"] for row in made.rows} == {cloud.value if cloud else ""}
    gaps = [(gap.name, gap.column) for gap in made.gaps]
    assert sorted(faults_of(made, cloud or PlatformCloud.AZURE)) == sorted(gaps)


@EVERY_SAMPLE
@pytest.mark.parametrize("secrets", [Secrets.REFERENCES, Secrets.EMPTY])
def test_convert_of_a_sample_copies_no_secret(name: str, secrets: Secrets) -> None:
    """Unless it is asked for, no secret is in the rows, nor in anything that is said of them."""
    made = convert(SAMPLES[name], sample(name), secrets=secrets)
    assert "hush" not in repr(made)
    assert made.plaintext == 0
    for row in made.rows:
        assert row["password"].startswith(("env://", "aws-sm://")) is (secrets is Secrets.REFERENCES)


@pytest.mark.parametrize(
    ("name", "passwords"),
    [
        ("airflow.json", ["hush/1@:#", "hush2", "hush3", "hush4", "hush5", "hush6", "hush7"]),
        ("airflow.yaml", ["hush/1@:#", "hush2"]),
        ("airflow.env", ["hush/1@:#", "hush2", "hush4", "hush3", "hush6"]),
        ("pgpass", ["hush:1\\", "hush2", "hush3:with:colons", "hush 4"]),
        ("data-sources.json", ["", "", "hush3", "", "", "hush6"]),
        ("terraform.tfstate", ["hush1", "", "hush2", "hush3"]),
        ("redshift.json", [""]),
    ],
)
def test_convert_in_plaintext_copies_the_secrets_to_the_letter(name: str, passwords: list[str]) -> None:
    """Where the file has none, a reference stands as without being asked."""
    made = convert(SAMPLES[name], sample(name), secrets=Secrets.PLAINTEXT)
    written = [row["password"] for row in made.rows]
    assert [text if "hush" in text else "" for text in written] == passwords
    assert all(text for text in written)
    assert made.plaintext == sum(map(bool, passwords))


@EVERY_SAMPLE
def test_convert_of_a_sample_gives_the_same_again(name: str) -> None:
    """Rows stand in the order of the file, columns in one order."""
    assert as_csv(convert(SAMPLES[name], sample(name))) == as_csv(convert(SAMPLES[name], sample(name)))


@EVERY_SAMPLE
def test_variables_of_a_sample_are_what_its_references_name(name: str) -> None:
    """Each variable is named once, and can be set in any shell."""
    made = convert(SAMPLES[name], sample(name))
    named = [row["password"].removeprefix("env://") for row in made.rows if row["password"][:3] == "env"]
    assert named == list(made.variables)
    assert all(variable.replace("_", "").isalnum() and variable.isupper() for variable in named)


def skipped_by(kind: Kind, document: object) -> Sequence[tuple[str, str]]:
    """Give what is skipped of a JSON document, and why."""
    return [(one.name, one.reason) for one in convert(kind, json.dumps(document)).skipped]


def test_convert_of_an_answer_for_a_query_reads_the_bare_list() -> None:
    """`--query "DBInstances[]"` leaves a list."""
    bare = json.dumps(json.loads(sample("rds-instances.json"))["DBInstances"])
    assert convert(Kind.RDS, bare).rows == convert(Kind.RDS, sample("rds-instances.json")).rows


def test_convert_of_a_source_that_a_cloud_has_not_skips_it() -> None:
    """MariaDB is documented on Azure only."""
    made = convert(Kind.RDS, sample("rds-instances.json"), cloud=PlatformCloud.AWS)
    assert ("legacy", "mariadb takes no user and password on aws, as far as is documented") in [
        (one.name, one.reason) for one in made.skipped
    ]


def test_convert_says_what_could_not_be_carried_over() -> None:
    """A fact without a column is told, not dropped in silence."""
    made = convert(Kind.AIRFLOW, sample("airflow.json"))
    assert ("lake", "snowflake has no column for schema") in made.remarks
    assert ("ledger_ora", "its service name stands where a SID is wanted") in made.remarks
    dbeaver = convert(Kind.DBEAVER, sample("data-sources.json"))
    assert dbeaver.remarks == [("Shop", "DBeaver reaches it through a tunnel or proxy, which Adobe has not")]
