"""A private MariaDB, from the machine's own programs: no Python package brings them along."""

from __future__ import annotations

import shutil
import signal
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql

from tests.servers.private import do, find_program, free_port, give_away, own_folder, running, unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.servers.certificates import Certificates

_FOLDERS = (Path("/usr/sbin"), Path("/usr/libexec"), Path("/usr/local/sbin"), Path("/usr/local/bin"))


@dataclass(frozen=True)
class MariaDb:
    """A running server."""

    port: int
    socket: Path

    def run(self, *statements: str) -> None:
        """Execute statements as the administrator, each on its own."""
        connection = pymysql.connect(unix_socket=str(self.socket), user="root", autocommit=True)
        try:
            with connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        finally:
            connection.close()


@contextmanager
def private_mariadb(certificates: Certificates | None = None) -> Iterator[MariaDb | None]:
    """Start a server; with certificates one that offers TLS. None where the programs are not installed."""
    server = find_program("mariadbd", beside=_FOLDERS)
    install = find_program("mariadb-install-db", beside=_FOLDERS)
    if server is None or install is None:
        yield None
        return
    with own_folder() as folder:
        user = unprivileged()
        as_user = [f"--user={user}"] if user else []
        do(
            [
                *(install, "--no-defaults", f"--datadir={folder / 'data'}", "--skip-test-db"),
                # Two servers in one folder for temporary files would remove each other's.
                *("--auth-root-authentication-method=normal", f"--tmpdir={folder}", *as_user),
            ],
            folder,
        )
        port, path = free_port(), folder / "socket"
        command: list[str | Path] = [
            *(server, "--no-defaults", f"--datadir={folder / 'data'}", f"--socket={path}"),
            *(
                f"--port={port}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--innodb-fast-shutdown=2",
            ),
            *("--innodb-flush-log-at-trx-commit=0", "--skip-log-bin", f"--pid-file={folder / 'pid'}"),
            f"--tmpdir={folder}",
        ]
        if certificates is not None:
            command += _placed(certificates, folder)
        else:
            command.append("--skip-ssl")
        found = MariaDb(port, path)
        with running(command, folder / "log", lambda: _is_ready(found), end=signal.SIGKILL):
            yield found


def _placed(certificates: Certificates, folder: Path) -> list[str | Path]:
    options: list[str | Path] = []
    for name, path in (
        ("ssl-ca", certificates.authority),
        ("ssl-cert", certificates.certificate),
        ("ssl-key", certificates.key),
    ):
        copy = folder / path.name
        shutil.copy(path, copy)
        give_away(copy)
        options.append(f"--{name}={copy}")
    return options


def _is_ready(server: MariaDb) -> bool:
    # Not by PyMySQL, which leaves its socket open when nobody listens.
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(str(server.socket)) == 0
