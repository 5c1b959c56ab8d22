"""The house rules: floors, pure rooms, sizes, reasons beside excuses, locks, and what is in the package."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from importlinter.cli import lint_imports

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "bulkconn"
PYPROJECT: Final = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
SETTINGS: Final[dict[str, Any]] = tomllib.loads(PYPROJECT)
MAKEFILE: Final = (ROOT / "Makefile").read_text(encoding="utf-8")
LOCKS: Final = sorted((ROOT / "requirements").glob("*.lock"))

#: What a pure room must not know: network, clock, disk, log, dice.
IMPURE: Final = frozenset(
    {
        *("aiohttp", "asyncio", "sqlite3", "structlog", "logging", "os", "pathlib"),
        *("random", "secrets", "socket", "time", "uuid"),
    }
)
_LINES_MAX: Final = 400
_LIST: Final = re.compile(r"^(?P<name>\S+) = \[\n(?P<body>[^\]]*?)^\]", re.MULTILINE)


def contract(kind: str) -> Mapping[str, Any]:
    """Give the one import contract of a kind."""
    (found,) = [one for one in SETTINGS["tool"]["importlinter"]["contracts"] if one["type"] == kind]
    return dict(found)


def test_imports_keep_their_contracts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No room imports upward or sideways, and every room has its floor."""
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=str(tmp_path)) == 0


def test_pure_rooms_are_forbidden_all_that_is_impure() -> None:
    """`core` and `sources` know no network, clock, disk, log or dice."""
    purity = contract("forbidden")
    assert set(purity["forbidden_modules"]) == IMPURE
    assert set(purity["source_modules"]) == {"bulkconn.core", "bulkconn.sources"}


def test_floors_are_exhaustive() -> None:
    """A new room without a floor is an error, not a gap."""
    floors = contract("layers")
    assert floors["exhaustive"] is True
    assert "exhaustive_ignores" not in floors
    assert "ignore_imports" not in floors


def test_no_file_of_the_package_is_too_long() -> None:
    """A file that needs scrolling for minutes holds two things."""
    long = {
        str(path.relative_to(ROOT)): lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > _LINES_MAX
    }
    assert not long


@pytest.mark.parametrize("name", ["ignore", '"tests/**"'])
def test_every_lint_excuse_has_its_reason(name: str) -> None:
    """An ignored rule says beside it why it is ignored."""
    ruff = PYPROJECT[PYPROJECT.index("[tool.ruff.lint]") : PYPROJECT.index("[tool.ruff.lint.pydocstyle]")]
    (body,) = [match["body"] for match in _LIST.finditer(ruff) if match["name"] == name]
    excuses = body.splitlines()
    assert excuses
    assert not [line for line in excuses if not re.search(r'",\s+# \S.{5,}', line)]


def test_every_type_excuse_has_its_reason() -> None:
    """A relaxed module says why in the lines that relax it."""
    overrides = PYPROJECT.split("[[tool.mypy.overrides]]")[1:]
    assert overrides
    assert not [text for text in overrides if "# " not in text.partition("\n[")[0]]


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_make_targets_that_are_documented_exist(page: str) -> None:
    """Nobody is told to type what make does not know."""
    named = set(re.findall(r"\bmake ([a-z]+)\b", "\n".join(_code_of(ROOT / page))))
    assert named
    assert named <= set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))


def test_ci_runs_every_check_and_the_tests_last() -> None:
    """The closing line of pytest is the last line of a whole check."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    made = re.findall(r"^make ([\w-]+)", script, re.MULTILINE)
    assert made == ["check", "simulate", "test-aws", "bench-check", "test"]
    assert script.rstrip().splitlines()[-1].startswith("make test")


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_has_a_hash_for_each_package_and_names_no_host(lock: Path) -> None:
    """What is installed is what was tried, whichever package index serves it."""
    text = lock.read_text(encoding="utf-8")
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert packages
    assert not [package.split()[0] for package in packages if "--hash=sha256:" not in package]
    assert "://" not in text
    assert not re.search(r"^\s*--?(i|index|extra|find|f)\b", text, re.MULTILINE)


def test_locks_agree_with_each_other() -> None:
    """What is tested is what is run."""
    pins = [dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", lock.read_text(), re.MULTILINE)) for lock in LOCKS]
    for one in pins:
        for other in pins:
            shared = one.keys() & other.keys()
            assert {name: one[name] for name in shared} == {name: other[name] for name in shared}


def test_dev_lock_has_every_direct_dependency() -> None:
    """A dependency that was added without `make lock` does not go unnoticed."""
    project = SETTINGS["project"]
    wanted = [
        *project["dependencies"],
        *(one for extra in project["optional-dependencies"].values() for one in extra),
        *SETTINGS["dependency-groups"]["dev"],
    ]
    locked = set(re.findall(r"^([a-z0-9._-]+)==", (ROOT / "requirements/dev.lock").read_text(), re.MULTILINE))
    names = {re.split(r"[\s;<>=\[]", one)[0].lower() for one in wanted}
    assert names <= locked


def test_demo_inventory_is_one_file_in_two_places() -> None:
    """What `bulkconn demo` onboards is what the reader finds under inventories/."""
    shown = (ROOT / "inventories" / "demo.csv").read_bytes()
    assert shown == (PACKAGE / "cli" / "demo.csv").read_bytes()


@pytest.mark.slow
def test_wheel_holds_all_files_of_the_package(tmp_path: Path) -> None:
    """Schemas, the demo's inventory and the type marker are installed with the code."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=100)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = set(archive.namelist())
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert wanted <= packed
    assert "bulkconn/py.typed" in packed
    assert any(re.search(r"emulator/schemas/\w+\.json$", name) for name in packed)
    assert any(re.search(r"demo.*\.csv$", name) for name in packed)
    assert not [name for name in packed if not name.startswith("bulkconn")]


def _code_of(page: Path) -> list[str]:
    """Give what a page sets in fenced blocks and backticks."""
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```.*?^```", text, re.MULTILINE | re.DOTALL) + re.findall(r"`[^`\n]+`", text)
