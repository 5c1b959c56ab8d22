"""A static mock that Prism makes of Adobe's OpenAPI file accepts the requests of a run."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.acceptance.middleman import Middleman
from tests.acceptance.process import Workplace, bare_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.acceptance.middleman import Exchange

OPENAPI = Path(__file__).parents[3] / "shared" / "flow-service" / "openapi.yaml"
_PACKAGE = "@stoplight/prism-cli@5"
_INSTALL_S = 150.0
_START_S = 30.0
_PREFIX = "/data/foundation/flowservice"
_ROWS = 5

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def prism(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the origin of a mock, or skip."""
    if not OPENAPI.exists():
        pytest.skip("Adobe's OpenAPI file does not lie beside this repository")
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("Prism needs Node.js and npm")
    folder = tmp_path_factory.mktemp("prism")
    install = [
        npm,
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
        str(folder),
        _PACKAGE,
    ]
    try:
        installed = subprocess.run(install, check=False, capture_output=True, timeout=_INSTALL_S, cwd=folder)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not install {_PACKAGE} within {_INSTALL_S:g} s")
    program = folder / "node_modules" / ".bin" / "prism"
    if installed.returncode != 0 or not program.exists():
        pytest.skip(f"npm cannot install {_PACKAGE}: {installed.stderr.decode(errors='replace')[-200:]!r}")
    port = _free_port()
    process = subprocess.Popen(
        [node, str(program.resolve()), "mock", "-h", "127.0.0.1", "-p", str(port), "--errors", str(OPENAPI)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        if not _listens(port):
            pytest.skip(f"Prism did not listen within {_START_S:g} s")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def test_mock_of_adobes_api_accepts_the_requests_of_a_run(prism: str, tmp_path: Path) -> None:
    """Each POST gets 201 and each lookup 200: Prism finds nothing against them.

    The mock's answers are the file's static examples: a `Location` that names nothing, beside one id for
    all. So the rows are rightly in doubt, and only what the mock says to the requests counts.
    """
    with Middleman(answer=_asking(prism)) as middleman:
        env = {
            **bare_environment(),
            **middleman.env,
            "BULKCONN_ACCESS_TOKEN": "token-for-the-mock-of-prism",
            "BULKCONN_CLIENT_ID": "client",
            "BULKCONN_ORG_ID": "MOCK@AdobeOrg",
        }
        place = Workplace(tmp_path, env)
        place.inventory(_ROWS)
        running = place.start("run", "inventory.csv", "--output", "json", "--drain", "5")
        until = time.monotonic() + 60
        while not running.is_over and time.monotonic() < until:
            if sum(one.method == "POST" for one in middleman.api) == _ROWS:
                # A look at what is in doubt, if anything is.
                time.sleep(2)
                break
            time.sleep(0.05)
        if not running.is_over:
            running.interrupt(signal.SIGTERM)
        ended = running.wait()
        answers = Counter((one.method, one.status) for one in middleman.api)
    place.close()
    assert "Traceback" not in ended.err
    assert answers.keys() == {("GET", 200), ("POST", 201)}, [one.answer for one in middleman.api]
    assert answers["POST", 201] == _ROWS
    counts = ended.report["counts"]
    assert counts["failed"] == counts["pending"] == 0


def _asking(origin: str) -> Callable[[Exchange], None]:
    """Ask Prism, which serves the file's paths without the prefix of its server."""
    port = int(origin.rpartition(":")[2])

    def ask(exchange: Exchange) -> None:
        http = HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            headers = {name: value for name, value in exchange.headers.items() if name != "connection"}
            target = exchange.target.removeprefix(_PREFIX)
            http.request(exchange.method, target, body=exchange.body or None, headers=headers)
            reply = http.getresponse()
            exchange.status, exchange.answer = reply.status, reply.read()
            exchange.answer_headers = {
                name: value
                for name, value in reply.getheaders()
                if name.lower() in {"content-type", "location"}
            }
        finally:
            http.close()

    return ask


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _listens(port: int) -> bool:
    until = time.monotonic() + _START_S
    while time.monotonic() < until:
        with socket.socket() as one:
            one.settimeout(1)
            if one.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.2)
    return False
