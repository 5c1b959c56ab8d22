"""Every source, auth and cloud: explained, planned from what explains it, and created by a real run."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.process import ROOT
from tests.unit.cli.console import Console

if TYPE_CHECKING:
    from pathlib import Path

    from tests.acceptance.conftest import OpenWorkplace, StartEmulator

INVENTORY = ROOT / "inventories" / "every-source.jsonl"
ROWS = [json.loads(line) for line in INVENTORY.read_text("utf-8").splitlines()]
SOURCES = list(dict.fromkeys(row["source"] for row in ROWS))
SECRETS = ("demo-only", "ZGVtby1vbmx5")


def _variables(text: str) -> dict[str, str]:
    """Give a value to each variable that an inventory refers to."""
    return {
        name: "Server=h;Port=1;Database=d;UID=u;PWD=p" if name.endswith("STRING") else "x-1"
        for name in re.findall(r"env://(\w+)", text)
    }


def test_every_source_is_created_on_the_emulator_and_sends_nothing_again(
    start_emulator: StartEmulator, open_workplace: OpenWorkplace
) -> None:
    """Each row makes one connection that the emulator's own schemas accept; no secret stays behind."""
    emulator = start_emulator()
    place = open_workplace(emulator, BULKCONN_RATE="100", BULKCONN_OUTPUT="json")
    words = ("run", str(INVENTORY), "--ledger", "every.ledger.db")
    ended = place.run(*words)
    assert ended.code == 0, (ended.out, ended.err)
    assert ended.report["counts"]["created"] == len(ROWS) > 30
    assert {one["severity"] for one in ended.report["diagnostics"]} == {"warning"}
    exported = place.export("every.ledger.db")
    assert [(one["name"], one["source"], one["platform_cloud"], one["auth"]) for one in exported] == [
        (row["name"], row["source"], row["platform_cloud"], row["auth"]) for row in ROWS
    ]
    assert len({one["connection_id"] for one in exported}) == len(ROWS)
    again = place.run(*words)
    assert again.code == 0
    assert again.report["this_run"]["posts"] == 0
    assert again.report["this_run"]["skipped"] == len(ROWS)
    left = b"".join(path.read_bytes() for path in place.folder.iterdir() if path.is_file())
    assert left
    for secret in SECRETS:
        assert secret.encode() not in left
    place.write("said.txt", ended.out + ended.err + again.out + again.err)
    assert not [secret for secret in SECRETS if secret in ended.out + ended.err]


def test_examples_of_every_source_are_an_inventory(tmp_path: Path) -> None:
    """What `sources NAME` ends with can be planned as it stands, once its variables are set."""
    console = Console(tmp_path)
    names, text = [], ""
    for source in SOURCES:
        screen = console.run("sources", source).stdout
        example = screen[screen.index("\nname,source,") + 1 :]
        named = re.search(r"^with ([\w, \n]+) set,\nas CSV:$", screen, re.MULTILINE)
        assert named is not None
        assert set(re.split(r"[,\s]+", named[1])) == set(_variables(example))
        names.append(console.write(f"{source}.csv", example))
        text += example
    code, report = console.json("plan", "--offline", *names, **_variables(text))
    assert [one for one in report["diagnostics"] if one["severity"] == "error"] == []
    assert code == 0
    assert report["counts"]["pending"] == report["rows"] == len(ROWS)


@pytest.mark.parametrize("format_", ["csv", "json", "jsonl"])
def test_template_of_every_source_is_an_inventory(tmp_path: Path, format_: str) -> None:
    """What `template` prints for all sources together is valid once its variables are set."""
    console = Console(tmp_path)
    text = console.run("template", *SOURCES, "--format", format_).stdout
    console.write(f"all.{format_}", text)
    code, report = console.json("plan", "--offline", f"all.{format_}", **_variables(text))
    assert [one for one in report["diagnostics"] if one["severity"] == "error"] == []
    assert code == 0
    assert report["counts"]["pending"] == len(ROWS)
    code, report = console.json("plan", "--offline", f"all.{format_}")
    assert code == 3
    assert "the secret cannot be found" in json.dumps(report["diagnostics"])
