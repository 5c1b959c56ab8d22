"""`convert` as a user types it: an inventory that plans, and no secret that was not asked for."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.acceptance.process import COMMAND, Workplace, bare_environment
from tests.fakes.file_server import FileServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FILES: Final = Path(__file__).parents[1] / "unit" / "converters" / "files"
SAMPLES: Final = {
    "airflow.json": "airflow",
    "airflow.yaml": "airflow",
    "airflow.env": "airflow",
    "rds-instances.json": "rds",
    "rds-clusters.json": "rds",
    "redshift.json": "rds",
    "pgpass": "pgpass",
    "data-sources.json": "dbeaver",
    "terraform.tfstate": "terraform",
    "terraform-show.json": "terraform",
}
PLAN: Final = ("--offline", "--sandbox", "dev", "--platform-cloud", "azure", "--output", "json")


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Workplace]:
    """Give a workplace with the samples, and no service."""
    shutil.copytree(FILES, tmp_path / "files")
    place = Workplace(tmp_path, bare_environment())
    yield place
    place.close()


@pytest.mark.parametrize("name", SAMPLES)
def test_converted_inventory_plans_once_it_is_filled_in(place: Workplace, name: str) -> None:
    """What a plan finds is what the conversion listed; with that filled in, nothing stands against a run."""
    ended = place.run("convert", "--from", SAMPLES[name], f"files/{name}", "-o", "out.csv")
    assert ended.code == 0, ended.err
    assert "hush" not in ended.err + (place.folder / "out.csv").read_text()
    rows = list(csv.DictReader(io.StringIO((place.folder / "out.csv").read_text())))
    variables = {}
    for row in rows:
        for column in ("database", "username"):
            if column in row and not row[column]:
                assert f"{row['name']}: {column}" in ended.err
                row[column] = "filled"
        if row["password"].startswith("env://"):
            variable = row["password"].removeprefix("env://")
            assert f"{variable}    {row['name']}" in ended.err
            variables[variable] = "secret"
    with (place.folder / "out.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    planned = place.run("plan", "out.csv", *PLAN)
    assert planned.code == (3 if variables else 0)
    planned = place.run("plan", "out.csv", *PLAN, **variables)
    assert planned.code == 0, planned.out
    assert planned.report["counts"]["pending"] == len(rows)


@pytest.mark.parametrize("format_", ["json", "jsonl", "csv"])
def test_inventory_is_written_as_its_name_says(place: Workplace, format_: str) -> None:
    """Each format is an inventory again, for nobody else to read."""
    out = place.folder / f"out.{format_}"
    ended = place.run(
        *("convert", "--from", "terraform", "files/terraform.tfstate", "-o", out.name),
        *("--secrets", "plaintext", "--platform-cloud", "azure"),
    )
    assert ended.code == 0, ended.err
    assert ended.out == ""
    assert ended.err.startswith(f"4 databases written to out.{format_}\n")
    assert "3 passwords in clear" in ended.err
    assert "platform_cloud" not in ended.err
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "hush2" in out.read_text()
    assert place.run("plan", out.name, *PLAN).report["counts"]["pending"] == 4


def test_inventory_on_stdout_is_all_that_stands_there(place: Workplace) -> None:
    """A pipe gets rows, a person gets words."""
    ended = place.run("convert", "--from", "rds", "files/redshift.json", "--format", "json")
    (row,) = json.loads(ended.out)
    assert row["password"].startswith("aws-sm://arn:aws:secretsmanager:")
    assert ended.err.splitlines() == [
        "1 database",
        "  platform_cloud is empty, and parameters are as on Azure: give --platform-cloud aws if not",
        "  sandbox is empty: fill it in, or give plan and run --sandbox",
        "  1 password by reference to where the tool keeps it",
        "next: bulkconn plan INVENTORY --offline --sandbox NAME",
    ]


def test_file_may_be_standard_input_packed_or_elsewhere(place: Workplace) -> None:
    """A state lies in a bucket more often than beside its reader."""
    content = (FILES / "redshift.json").read_bytes()
    wanted = place.run("convert", "--from", "rds", "files/redshift.json").out
    (place.folder / "a.gz").write_bytes(gzip.compress(content))
    (place.folder / "wide.json").write_text(content.decode(), encoding="utf-16")
    assert place.run("convert", "--from", "rds", "a.gz").out == wanted
    assert place.run("convert", "--from", "rds", "wide.json").out == wanted
    with FileServer({"/state": content}) as server:
        assert place.run("convert", "--from", "rds", f"{server.url}/state?sig=hush").out == wanted
    ended = subprocess.run(
        [*COMMAND, "convert", "--from", "rds", "-"],
        cwd=place.folder,
        env=place.env,
        input=content,
        capture_output=True,
        check=False,
    )
    assert ended.stdout.decode() == wanted


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("rds", "files/pgpass"), 3, "error: the file is not JSON: Expecting value (column 1)"),
        (("pgpass", "files/redshift.json"), 3, "at files/redshift.json:1"),
        (("terraform", "files/redshift.json"), 3, "error: the file is no state of version 4"),
        (("rds", "nothing.json"), 3, "error: nothing in nothing.json can be onboarded"),
        (("rds", "broken.gz"), 3, "the gzip file is cut short"),
        (("rds", "binary"), 3, "error: the file is not UTF-8"),
        (("rds", "missing.json"), 2, "inventory missing.json cannot be read: No such file or directory"),
        (("cobol", "files/pgpass"), 2, "'cobol' is not one of"),
        (("rds", "files/redshift.json", "-o", "no/such/folder.csv"), 2, "cannot write no/such/folder.csv"),
    ],
    ids=lambda value: value[1] if isinstance(value, tuple) else None,
)
def test_file_that_cannot_be_converted_says_why(
    place: Workplace, words: tuple[str, ...], code: int, said: str
) -> None:
    """Nothing is written, nothing of the file is shown, and the exit code tells."""
    place.write("nothing.json", '{"DBInstances": [{"DBInstanceIdentifier": "a", "Engine": "docdb"}]}')
    place.write("broken.gz", gzip.compress(os.urandom(5000))[:3000])
    place.write("binary", b"\xfd\x81 hush")
    ended = place.run("convert", "--from", *words)
    assert ended.code == code
    assert said in ended.err
    assert "fix: " in ended.err
    assert ended.out == ""
    assert "hush" not in ended.err
    if words[1] == "nothing.json":
        assert "    a: engine docdb is none that can be onboarded" in ended.err


def test_long_lists_are_cut_and_counted(place: Workplace) -> None:
    """A thousand lines on a terminal help nobody; the inventory has them all."""
    place.write("pgpass", "".join(f"h{number}:5432:d:u:hush\n" for number in range(60)))
    ended = place.run("convert", "--from", "pgpass", "pgpass", "-o", "out.csv")
    assert ended.err.startswith("60 databases written to out.csv\n")
    assert "    ... and 10 more\n" in ended.err
    assert "hush" not in ended.err
