"""`--help` of every command names each flag with its variable, and is quick."""

from __future__ import annotations

import subprocess
import sys

import pytest
from click.testing import CliRunner

from bulkconn.cli.main import COMMANDS, bulkconn
from bulkconn.core.secret import REFERENCE_SCHEMES
from tests.unit.cli.console import ROOT, clean_environment

TARGET = {
    "--base-url": "BULKCONN_BASE_URL",
    "--ims-url": "BULKCONN_IMS_URL",
    "--client-id": "BULKCONN_CLIENT_ID",
    "--org-id": "BULKCONN_ORG_ID",
    "--adobe-config": "BULKCONN_ADOBE_CONFIG",
    "--insecure-http": "BULKCONN_INSECURE_HTTP",
    "--timeout": "BULKCONN_TIMEOUT",
    "--rate": "BULKCONN_RATE",
    "--concurrency": "BULKCONN_CONCURRENCY",
    "--max-attempts": "BULKCONN_MAX_ATTEMPTS",
    "--max-resends": "BULKCONN_MAX_RESENDS",
    "--settle-grace": "BULKCONN_SETTLE_GRACE",
    "--max-wait": "BULKCONN_MAX_WAIT",
    "--drain": "BULKCONN_DRAIN",
}
LOOKING = {
    "--ledger": "BULKCONN_LEDGER",
    "--output": "BULKCONN_OUTPUT",
    "--log-format": "BULKCONN_LOG_FORMAT",
    "--log-level": "BULKCONN_LOG_LEVEL",
}
UPKEEP = {
    flag: variable
    for flag, variable in {**TARGET, **LOOKING}.items()
    if flag not in {"--max-attempts", "--max-resends", "--settle-grace"}
}
RUN = {
    **TARGET,
    **LOOKING,
    "--sandbox": "BULKCONN_SANDBOX",
    "--platform-cloud": "BULKCONN_PLATFORM_CLOUD",
    "--on-existing": "BULKCONN_ON_EXISTING",
    "--retry-failed": "",
    "--skip-invalid": "",
    "--forbid-plaintext-secrets": "BULKCONN_FORBID_PLAINTEXT_SECRETS",
    "--marker": "BULKCONN_MARKER",
    "--encoding": "BULKCONN_ENCODING",
}
FLAGS = {
    "check": {
        "--output": "BULKCONN_OUTPUT",
        "--sandbox": "BULKCONN_SANDBOX",
        "--platform-cloud": "BULKCONN_PLATFORM_CLOUD",
        "--skip-invalid": "BULKCONN_SKIP_INVALID",
        "--max-wait": "BULKCONN_MAX_WAIT",
        "--concurrency": "BULKCONN_CHECK_CONCURRENCY",
        "--per-host": "BULKCONN_CHECK_PER_HOST",
        "--timeout": "BULKCONN_CHECK_TIMEOUT",
        "--format": "BULKCONN_CHECK_FORMAT",
        "-o": "BULKCONN_CHECK_OUT",
    },
    "run": {**RUN, "--yes": "", "--check-specs": "BULKCONN_CHECK_SPECS"},
    "plan": {**RUN, "--offline": "", "--check-specs": "BULKCONN_CHECK_SPECS"},
    "settle": {**TARGET, **LOOKING},
    "explore": {
        **{flag: variable for flag, variable in UPKEEP.items() if flag != "--output"},
        "--format": "BULKCONN_EXPLORE_FORMAT",
        "-o": "BULKCONN_EXPLORE_OUT",
    },
    "rotate": {
        **UPKEEP,
        "--verify": "BULKCONN_ROTATE_VERIFY",
        "--adopted": "BULKCONN_ROTATE_ADOPTED",
        "--restart": "BULKCONN_ROTATE_RESTART",
        "--check-specs": "BULKCONN_CHECK_SPECS",
        "--sandbox": "BULKCONN_SANDBOX",
        "--platform-cloud": "BULKCONN_PLATFORM_CLOUD",
        "--encoding": "BULKCONN_ENCODING",
        "--skip-invalid": "BULKCONN_SKIP_INVALID",
        "--forbid-plaintext-secrets": "BULKCONN_FORBID_PLAINTEXT_SECRETS",
    },
    "verify": {**UPKEEP, "--only": "BULKCONN_VERIFY_ONLY", "--restart": "BULKCONN_VERIFY_RESTART"},
    "rehearse": {
        "--faults": "BULKCONN_REHEARSE_FAULTS",
        "--seed": "BULKCONN_REHEARSE_SEED",
        "--emulator": "BULKCONN_REHEARSE_EMULATOR",
        "--rows": "BULKCONN_REHEARSE_ROWS",
        "--keep": "BULKCONN_REHEARSE_KEEP",
        "--rate": "BULKCONN_RATE",
        "--concurrency": "BULKCONN_CONCURRENCY",
        "--settle-grace": "BULKCONN_SETTLE_GRACE",
        "--sandbox": "BULKCONN_SANDBOX",
        "--platform-cloud": "BULKCONN_PLATFORM_CLOUD",
        "--skip-invalid": "BULKCONN_SKIP_INVALID",
        "--output": "BULKCONN_OUTPUT",
    },
    "status": LOOKING,
    "export": {"--ledger": "BULKCONN_LEDGER", "--state": "", "--format": "", "-o": ""},
    "sources": {"--output": "BULKCONN_OUTPUT"},
    "template": {"--platform-cloud": "BULKCONN_PLATFORM_CLOUD", "--auth": "", "--format": ""},
    "emulator": {"--port": "", "--fault": "", "--rate-limit": "", "--latency": "", "--seed": ""},
    "demo": {"--faults": "", "--rate": "", "--ledger": ""},
    "convert": {
        "--from": "BULKCONN_CONVERT_FROM",
        "--secrets": "BULKCONN_CONVERT_SECRETS",
        "--platform-cloud": "BULKCONN_PLATFORM_CLOUD",
        "--format": "BULKCONN_CONVERT_FORMAT",
        "-o": "BULKCONN_CONVERT_OUT",
    },
    "completion": {},
}
COMPLETE = (
    "import sys; sys.argv[0] = 'bulkconn'; from bulkconn.cli.main import entry_point; sys.exit(entry_point())"
)
HEAVY = ("aiohttp", "pydantic", "structlog", "rich", "orjson", "sqlite3", "asyncio")


def help_of(*words: str) -> str:
    """Give a help text with its line breaks taken out."""
    result = CliRunner().invoke(bulkconn, [*words, "--help"], terminal_width=400)
    assert result.exit_code == 0
    return " ".join(result.output.split())


@pytest.mark.parametrize(
    ("command", "flag", "variable"),
    [(command, flag, variable) for command, flags in FLAGS.items() for flag, variable in flags.items()],
)
def test_help_of_command_with_flag_shows_flag_and_variable(command: str, flag: str, variable: str) -> None:
    """Every flag that scripts rest on stands in the help text, beside its environment variable."""
    text = help_of(command)
    assert flag in text
    assert variable in text


@pytest.mark.parametrize("command", ["run", "plan"])
def test_help_of_command_with_inventories_names_every_kind_of_reference(command: str) -> None:
    """Where secrets may lie is said where the inventory is asked for."""
    text = help_of(command)
    for scheme in REFERENCE_SCHEMES:
        assert f"{scheme}://" in text


@pytest.mark.parametrize("command", ["run", "plan", "settle"])
def test_help_of_command_with_credentials_names_their_variables(command: str) -> None:
    """Secrets have no flag, so the help text says how they are given."""
    text = help_of(command)
    for variable in ("BULKCONN_ACCESS_TOKEN", "BULKCONN_CLIENT_SECRET", "BULKCONN_SCOPES"):
        assert variable in text
    assert "--client-secret" not in text
    assert "--access-token" not in text


@pytest.mark.parametrize(
    ("flag", "default"),
    [
        ("--rate", "10"),
        ("--concurrency", "20"),
        ("--timeout", "60"),
        ("--max-attempts", "5"),
        ("--max-resends", "2"),
        ("--settle-grace", "120"),
        ("--max-wait", "300"),
        ("--drain", "20"),
        ("--on-existing", "hold"),
        ("--base-url", "https://platform.adobe.io/data/foundation/flowservice"),
        ("--ims-url", "https://ims-na1.adobelogin.com"),
    ],
)
def test_help_of_run_with_default_shows_the_documented_one(flag: str, default: str) -> None:
    """Defaults are the documented ones, and are shown."""
    option = help_of("run").split(f" {flag} ", 1)[1].split(" --", 1)[0]
    assert f"default: {default}]" in option


def test_help_of_the_program_lists_every_command() -> None:
    """The overview names every command and the exit codes."""
    text = help_of()
    assert all(f" {name} " in text for name in COMMANDS)
    assert "Exit codes: 0 " in text


@pytest.mark.parametrize(
    "words", [[], ["run"], ["plan"], ["check"], ["rehearse"], ["export"], ["demo"]], ids=" ".join
)
def test_help_as_a_process_imports_nothing_heavy(words: list[str]) -> None:
    """A help text costs nothing but click."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bulkconn", *words, "--help"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        cwd=ROOT,
        check=True,
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "click" in imported
    assert not imported.intersection(HEAVY)


@pytest.mark.parametrize(
    ("shell", "trace"), [("bash", "complete -o"), ("zsh", "compdef"), ("fish", "complete --no-files")]
)
def test_completion_of_a_shell_prints_its_script(shell: str, trace: str) -> None:
    """The script of each shell registers our command."""
    result = CliRunner().invoke(bulkconn, ["completion", shell])
    assert result.exit_code == 0
    assert trace in result.output
    assert "_BULKCONN_COMPLETE" in result.output


def test_completion_of_a_word_offers_commands() -> None:
    """The protocol behind the scripts answers with our commands."""
    done = subprocess.run(
        [sys.executable, "-c", COMPLETE],
        capture_output=True,
        text=True,
        env=clean_environment(
            {"_BULKCONN_COMPLETE": "bash_complete", "COMP_WORDS": "bulkconn st", "COMP_CWORD": "1"}
        ),
        cwd=ROOT,
        check=False,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["plain,status"]


def test_plan_without_check_specs_does_not_import_jsonschema() -> None:
    """It takes a tenth of a second, and only a check against the service's schemas needs it."""
    code = "import sys, bulkconn.cli.foresight, bulkconn.cli.onboarding; print('jsonschema' in sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=clean_environment(),
        capture_output=True,
        check=True,
        text=True,
    )
    assert ended.stdout.strip() == "False"
