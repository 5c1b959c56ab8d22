"""Inventories at web addresses: signed, redirected, refused, cut, silent."""

from __future__ import annotations

import contextlib
import gzip
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from bulkconn.core.diagnostics import Diagnostic
from bulkconn.core.errors import UsageError
from bulkconn.inventory import web
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.network import NotFetched
from tests.fakes.file_server import Cut, FileServer, Hang, Status
from tests.integration.inventory.reading import CSV, names_at, network, refusal_of, with_authorization
from tests.servers.certificates import Certificates

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.file_server import Fault

SIGNED = "?X-Amz-Signature=hush%2Fhush&X-Amz-Expires=60"


@pytest.fixture
def server() -> Iterator[FileServer]:
    """Serve an inventory over plain HTTP on this machine."""
    with FileServer({"/in/eu.csv": CSV, "/in/a b~c.csv": CSV}) as running:
        yield running


@pytest.mark.parametrize("path", ["/in/eu.csv", "/in/eu.csv#top", "/in/a%20b~c.csv", "/in/a b~c.csv"])
def test_rows_at_a_web_address_are_fetched_once_and_read_twice(server: FileServer, path: str) -> None:
    """Both passes read one copy: an address that expires in between does no harm."""
    assert names_at(server.url + path) == ["one", "two"]
    assert len(server.asked) == 1
    assert server.asked[0].headers["accept-encoding"] == "identity"
    assert "authorization" not in server.asked[0].headers


def test_rows_at_a_signed_address_are_fetched_with_it_to_the_letter(server: FileServer) -> None:
    """A signature covers the bytes of the address; what is shown of it holds none of them."""
    url = f"{server.url}/in/a%20b%7Ec.csv{SIGNED}"
    with Inventory.open([url], network=network()) as inventory:
        assert inventory.names == (f"{server.url}/in/a%20b%7Ec.csv?***",)
        assert all(row.file == inventory.names[0] for row in inventory.rows())
        assert "hush" not in repr(inventory.__dict__)
    assert server.asked[0].target == f"/in/a%20b%7Ec.csv{SIGNED}"


@pytest.mark.parametrize("header", [{}, {"Content-Encoding": "gzip"}], ids=["stored packed", "sent packed"])
def test_rows_of_a_packed_file_at_a_web_address_are_read(server: FileServer, header: dict[str, str]) -> None:
    """Whether the file is packed or the server packed it: the bytes say so."""
    server.files["/in/eu.csv"] = gzip.compress(CSV)
    server.headers |= header
    assert names_at(f"{server.url}/in/eu.csv") == ["one", "two"]


def test_rows_with_authorization_are_asked_for_with_that_header(server: FileServer) -> None:
    """The header has a variable of its own, since an address is no place for a password."""
    assert names_at(f"{server.url}/in/eu.csv", with_authorization("Bearer hush")) == ["one", "two"]
    assert server.asked[0].headers["authorization"] == "Bearer hush"


def test_redirect_within_the_origin_is_followed_with_the_authorization(server: FileServer) -> None:
    """A server may call its file by another path."""
    server.faults.append(Status(302, location="/in/eu.csv"))
    assert names_at(f"{server.url}/old.csv", with_authorization("Bearer hush")) == ["one", "two"]
    assert server.asked[1].headers["authorization"] == "Bearer hush"


def test_redirect_to_another_origin_is_followed_without_any_secret(server: FileServer) -> None:
    """Neither authorization nor the signed address goes to a server that the user did not name."""
    with FileServer({"/blob": CSV}) as other:
        server.faults.append(Status(307, location=f"{other.url}/blob?sig=theirs"))
        assert names_at(f"{server.url}/in/eu.csv{SIGNED}", with_authorization("Bearer hush")) == [
            "one",
            "two",
        ]
    (asked,) = other.asked
    assert asked.target == "/blob?sig=theirs"
    assert not {"authorization", "referer", "cookie"} & asked.headers.keys()
    assert "hush" not in str(asked)


@pytest.mark.parametrize(
    ("location", "reason"),
    [
        ("http://example.com/hush", "redirects to an address that is not encrypted"),
        ("file:///etc/hush", "redirects to an address that is not encrypted"),
        ("https://", "redirects to an address that is not encrypted"),
        ("https://h:hush/", "redirects to no address"),
        ("https://h:0/hush", "redirects to no address"),
        ("//[hush/", "redirects to no address"),
        (None, "redirects to an address that is not encrypted"),
    ],
)
def test_redirect_to_nowhere_safe_is_refused(server: FileServer, location: str | None, reason: str) -> None:
    """A server does not choose what this machine reads, or who listens."""
    server.faults.append(Status(301, location=location))
    assert reason in str(refusal_of(f"{server.url}/in/eu.csv"))


def test_redirects_without_end_are_left(server: FileServer) -> None:
    """Five are enough for anybody."""
    server.faults += [Status(302, location="/in/eu.csv")] * 9
    assert "from address to address" in str(refusal_of(f"{server.url}/in/eu.csv"))
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    ("status", "reason", "fix", "asked"),
    [
        (404, "there is no such file (HTTP 404)", "correct the address", 1),
        (410, "there is no such file (HTTP 410)", "correct the address", 1),
        (403, "the server refuses access (HTTP 403)", "BULKCONN_INVENTORY_AUTHORIZATION", 1),
        (401, "the server refuses access (HTTP 401)", "if it is signed (they expire)", 1),
        (400, "the server answers HTTP 400", "fetch the file yourself", 1),
        (204, "the server answers HTTP 204", "fetch the file yourself", 1),
        (503, "the server answers HTTP 503", "when the server can be reached", 3),
        (429, "the server answers HTTP 429", "when the server can be reached", 3),
    ],
)
def test_answer_that_is_no_file_says_what_to_do(
    server: FileServer, status: int, reason: str, fix: str, asked: int
) -> None:
    """The place is named without its signature; what may pass is tried three times."""
    server.faults += [Status(status, b"" if status == 204 else b"hush")] * 9
    error = refusal_of(f"{server.url}/in/eu.csv{SIGNED}")
    assert str(error) == f"inventory {server.url}/in/eu.csv?*** cannot be read: {reason}"
    assert fix in error.fix
    assert error.exit_code == 2
    assert len(server.asked) == asked


@pytest.mark.parametrize(
    "fault",
    [Status(500), Cut(10), Cut(10, is_reset=True), Cut(0), Hang(10), Hang()],
    ids=["500", "cut", "reset", "cut at once", "silent", "silent at once"],
)
def test_transfer_that_fails_once_begins_anew(server: FileServer, fault: Fault) -> None:
    """Nothing of the first attempt is left in the copy."""
    server.faults.append(fault)
    assert names_at(f"{server.url}/in/eu.csv") == ["one", "two"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("fault", "reason"),
    [(Cut(10), "the transfer broke off"), (Hang(10), "the server is silent for 0.5 s")],
    ids=["cut", "silent"],
)
def test_transfer_that_fails_each_time_is_given_up(server: FileServer, fault: Fault, reason: str) -> None:
    """A part of an inventory is never taken for the whole."""
    server.faults += [fault] * 9
    assert str(refusal_of(f"{server.url}/in/eu.csv")).endswith(f"cannot be read: {reason}")
    assert len(server.asked) == 3


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/eu.csv", "it is not encrypted, and example.com is not this machine"),
        ("https://me:hush@example.com/eu.csv", "it holds a user name or a password"),
        ("https:///eu.csv", "it is not a web address"),
        ("https://h:x/eu.csv", "it is not a web address"),
        ("https://h:0/eu.csv", "it is not a web address"),
        ("ftp://me:hush@h/eu.csv", "ftp:// is not known"),
        ("http://127.0.0.1:1/eu.csv", "no connection to the server"),
        ("https://no-such-host.invalid/eu.csv", "the server's name cannot be found"),
    ],
)
def test_address_that_cannot_be_used_says_why(url: str, reason: str) -> None:
    """Nothing is sent where it must not go."""
    assert reason in str(refusal_of(url))


@given(
    st.text(),
    st.sampled_from(["https://", "http://", "https://h/", "https://h:", "https://[", "http://127.0.0.1:1/"]),
)
@settings(deadline=None, max_examples=300)
def test_address_of_any_text_is_one_or_is_refused(text: str, start: str) -> None:
    """No text raises anything that is no answer."""
    with contextlib.suppress(NotFetched):
        assert web._address(start + text, network()).host


def test_plain_http_to_another_machine_is_for_those_who_allow_it() -> None:
    """`--insecure-http` is that word; then the connection is what fails."""
    error = refusal_of("http://no-such-host.invalid/eu.csv", network(allow_http=True))
    assert "the server's name cannot be found" in str(error)


def test_connection_that_nobody_takes_ends_in_time() -> None:
    """A host that swallows packets does not hold the command."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        error = refusal_of(f"http://127.0.0.1:{port}/eu.csv", network(connect_s=0.2, pauses_s=()))
        for filler in fillers:
            filler.close()
    assert "no connection within 0.2 s" in str(error)


def test_rows_over_tls_that_nobody_vouches_for_are_not_fetched(tmp_path: Path) -> None:
    """Certificates are verified, and there is no switch against it."""
    with FileServer({"/eu.csv": CSV}, tls=Certificates.make(tmp_path, "127.0.0.1").server_side()) as server:
        error = refusal_of(f"{server.url}/eu.csv")
        assert str(error).endswith("the server's certificate is not trusted")
        assert "SSL_CERT_FILE" in error.fix
        assert not server.asked


def test_proxy_that_the_environment_names_is_asked(server: FileServer) -> None:
    """The way out is that of all requests; a proxy that says no is named as such."""
    through = network(proxy_of=lambda _: URL(server.url))
    server.files["/eu.csv"] = CSV
    assert names_at("http://127.0.0.1:1/eu.csv", through) == ["one", "two"]
    assert server.asked[0].target == "http://127.0.0.1:1/eu.csv"


def test_rows_of_a_file_that_is_no_inventory_are_a_diagnostic(server: FileServer) -> None:
    """A login page with status 200 is content like any other."""
    server.files["/in/eu.csv"] = b"<!DOCTYPE html><title>Sign in</title>"
    with Inventory.open([f"{server.url}/in/eu.csv{SIGNED}"], network=network()) as inventory:
        (one,) = inventory.rows()
    assert isinstance(one, Diagnostic)
    assert one.file == f"{server.url}/in/eu.csv?***"


def test_urls_without_a_network_are_paths() -> None:
    """Who does not give a way out gets none."""
    with pytest.raises(UsageError, match="No such file"):
        Inventory.open(["https://h/eu.csv"])
