"""The pages say what the program does: names, flags, variables, exit codes, drawings and links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Final

import click
import pytest

from bulkconn import __version__
from bulkconn.cli.main import bulkconn
from bulkconn.core.columns import COMMON, EXPORT_COLUMNS
from bulkconn.core.errors import ExitCode
from bulkconn.core.lifecycle import MOVES
from bulkconn.core.report import COUNT_NAMES, THIS_RUN_NAMES
from bulkconn.sources import ALL

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
TEXT: Final = {page: (ROOT / page).read_text(encoding="utf-8") for page in PAGES}
README: Final = TEXT["README.md"]
_FENCE: Final = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def commands() -> dict[str, click.Command]:
    """Give every command by name, as `--help` lists them."""
    context = click.Context(bulkconn)
    found = {name: bulkconn.get_command(context, name) for name in bulkconn.list_commands(context)}
    return {name: command for name, command in found.items() if command is not None}


COMMANDS: Final = commands()


def options(command: click.Command) -> list[click.Option]:
    """Give the options that a command's help shows."""
    return [one for one in command.params if isinstance(one, click.Option) and not one.hidden]


OPTIONS: Final = sorted(
    {
        flag
        for command in COMMANDS.values()
        for one in options(command)
        for flag in (*one.opts, *one.secondary_opts)
    }
)
VARIABLES: Final = sorted(
    {
        name
        for command in COMMANDS.values()
        for one in options(command)
        for name in ([one.envvar] if isinstance(one.envvar, str) else one.envvar or ())
    }
)


def is_named(word: str, text: str) -> bool:
    """Tell whether a page has this word, not merely a longer one that contains it."""
    return re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) is not None


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_names_every_command(name: str) -> None:
    """A command that the README does not name does not exist for its readers."""
    assert f"`bulkconn {name}" in README


@pytest.mark.parametrize("name", COMMANDS)
def test_command_says_what_it_does(name: str) -> None:
    """Each command has a help text, and each of its options has one."""
    command = COMMANDS[name]
    assert command.help
    assert not [one.opts for one in options(command) if not one.help]


@pytest.mark.parametrize("flag", OPTIONS)
def test_readme_names_every_option(flag: str) -> None:
    """Each flag that some help shows is in the README."""
    assert is_named(flag, README)


@pytest.mark.parametrize("name", VARIABLES)
def test_readme_names_every_environment_variable(name: str) -> None:
    """Each variable that some help shows is in the README."""
    assert is_named(name, README)


def test_variables_that_the_readme_names_exist() -> None:
    """No variable is documented that nothing reads."""
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "bulkconn").rglob("*.py"))
    named = set(re.findall(r"`(BULKCONN_[A-Z_]+)`", README))
    assert named
    assert not [name for name in named - set(VARIABLES) if name not in source]


@pytest.mark.parametrize("page", ["README.md", "CHANGELOG.md"])
@pytest.mark.parametrize("code", ExitCode, ids=lambda code: str(int(code)))
def test_page_tells_every_exit_code(page: str, code: ExitCode) -> None:
    """Scripts rest on exit codes: a table has them all."""
    first_cells = re.findall(r"^\| ([\d, ]+) \|", TEXT[page], re.MULTILINE)
    assert str(int(code)) in re.split(r"[,\s]+", " ".join(first_cells))


def test_changelog_has_this_version() -> None:
    """A version is released with its page in the changelog."""
    assert re.search(rf"^## \[{re.escape(__version__)}\]", TEXT["CHANGELOG.md"], re.MULTILINE)


@pytest.mark.parametrize("column", sorted({*COMMON, *EXPORT_COLUMNS}))
def test_readme_names_every_column(column: str) -> None:
    """What an inventory may have and what an export has is in the README."""
    assert is_named(column, README)


@pytest.mark.parametrize("name", [*COUNT_NAMES, *THIS_RUN_NAMES])
def test_readme_names_every_key_of_the_json_output(name: str) -> None:
    """Scripts rest on these keys."""
    assert is_named(f'"{name}"', README)


@pytest.mark.parametrize("source", ALL, ids=lambda source: source.slug)
def test_readme_names_every_source(source: object) -> None:
    """Each source with its slug and its aliases."""
    for name in (source.slug, *source.aliases, source.title):  # type: ignore[attr-defined] # parametrize
        assert is_named(name, README)


def test_readme_lists_the_ways_of_every_source() -> None:
    """The table says which auth a source has on which cloud: none missing, none too many."""
    for source in ALL:
        ways = [
            ", ".join(sorted(f"`{auth.auth}`" for auth in source.auths if auth.platform_cloud == cloud))
            or "–"
            for cloud in ("azure", "aws")
        ]
        names = ", ".join(f"`{name}`" for name in (source.slug, *source.aliases))
        assert f"\n| {source.title} | {names} | {ways[0]} | {ways[1]} |\n" in README


def test_lifecycle_drawing_is_the_table_of_moves() -> None:
    """The arrows of the drawing are the moves of the table: none missing, none too many."""
    (drawing,) = [body for kind, body in _FENCE.findall(TEXT["ARCHITECTURE.md"]) if kind == "mermaid"]
    drawn = re.findall(r"^\s+(\w+) --> (\w+)", drawing, re.MULTILINE)
    legal = [(str(source), str(target)) for source, targets in MOVES.items() for target in targets]
    assert sorted(drawn) == sorted(legal)


def test_floors_drawing_is_the_import_contract() -> None:
    """The page's floors are those that import-linter holds."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (floors,) = [one for one in settings["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    section = TEXT["ARCHITECTURE.md"].partition("\n## Floors\n")[2]
    (_, drawn), *_ = _FENCE.findall(section)
    assert drawn.splitlines() == [layer for layer in floors["layers"] if layer != "__main__"]


def test_files_that_the_architecture_names_exist() -> None:
    """A reader who follows the page finds the file."""
    named = set(re.findall(r"`((?:[a-z]+/)+[a-z_]+\.py)`", TEXT["ARCHITECTURE.md"] + TEXT["CONTRIBUTING.md"]))
    assert named
    assert not [name for name in named if not ((ROOT / "bulkconn" / name).exists() or (ROOT / name).exists())]


@pytest.mark.parametrize("page", PAGES)
def test_links_within_the_project_lead_somewhere(page: str) -> None:
    """Relative links name files that exist and headings that those files have."""
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", TEXT[page]):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = ROOT / name if name else ROOT / page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            lost.append(link)
    assert not lost


@pytest.mark.parametrize("page", PAGES)
def test_commands_that_a_page_shows_can_be_typed(page: str) -> None:
    """Each `bulkconn` line of a shell block names a command that exists, with options that it has."""
    wrong = []
    for kind, body in _FENCE.findall(TEXT[page]):
        if kind not in {"sh", "console"}:
            continue
        for line in re.findall(r"^(?:\$ )?bulkconn (.+)$", body, re.MULTILINE):
            name, *words = line.partition("#")[0].split()
            if name.startswith("-"):
                continue
            flags = {word.partition("=")[0] for word in words if word.startswith("-") and word != "-"}
            known = {flag for one in options(COMMANDS[name]) for flag in (*one.opts, *one.secondary_opts)}
            if not flags <= known | {"--help"}:
                wrong.append(line)
    assert not wrong


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
