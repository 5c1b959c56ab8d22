"""Secret references, resolved from a real environment and real files."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.secret import SecretRef, SecretStr
from bulkconn.secretrefs import resolver
from bulkconn.secretrefs.env import EnvironmentStore
from bulkconn.secretrefs.file import FileStore
from bulkconn.secretrefs.resolver import References

if TYPE_CHECKING:
    from pathlib import Path

    from bulkconn.core.protocols import SecretResolver


def _reason(references: References, uri: str) -> str | None:
    return references.exists(SecretRef(uri))


async def _secret(references: SecretResolver, uri: str) -> str:
    reference = SecretRef(uri)
    return (await references.resolve([reference]))[reference].get_secret_value()


async def test_resolve_of_an_environment_variable_gives_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stripped; the scheme's case does not matter."""
    monkeypatch.setenv("BULKCONN_TEST_SECRET", " p@ss\n")
    references = References()
    assert references.schemes == ("env", "file")
    assert _reason(references, "env://BULKCONN_TEST_SECRET") is None
    assert await _secret(references, "ENV://BULKCONN_TEST_SECRET") == " p@ss\n"


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("env://MISSING", "env://MISSING: the environment variable is not set"),
        ("env://EMPTY", "env://EMPTY: the environment variable is empty"),
        ("env://A=B", "env://A=B does not name an environment variable"),
        ("env://ODD", "env://ODD: the environment variable is not valid UTF-8"),
        ("vault://a/b", "vault:// cannot be resolved here; known are env://"),
    ],
)
async def test_resolve_of_a_variable_that_cannot_be_used_says_why(uri: str, reason: str) -> None:
    """At plan time and just before sending, in the same words."""
    references = References([EnvironmentStore({"EMPTY": "", "ODD": "s3cret\udcff", "É": "x"})])
    assert _reason(references, uri) == reason
    with pytest.raises(SecretUnavailable) as raised:
        await _secret(references, uri)
    assert str(raised.value) == reason


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"p@ss", "p@ss"),
        (b"p@ss\n", "p@ss"),
        (b"p@ss\r\n", "p@ss"),
        (b" p@ss \n\n", " p@ss \n"),
        (b"p@ss\r", "p@ss\r"),
        ("pässé".encode(), "pässé"),
    ],
)
async def test_resolve_of_a_file_drops_one_line_end(content: bytes, secret: str, tmp_path: Path) -> None:
    """Editors end a file with one; everything else may belong to the secret."""
    path = tmp_path / "my secret#1"
    path.write_bytes(content)
    link = tmp_path / "link"
    link.symlink_to(path)
    references = References()
    for uri in (f"file://{path}", f"file://{link}"):
        assert _reason(references, uri) is None
        assert await _secret(references, uri) == secret


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "the file cannot be read: No such file or directory"),
        ("folder", "is not a regular file"),
        ("pipe", "is not a regular file"),
        ("empty", "the file is empty"),
        ("large", "the file is larger than 1 MiB"),
    ],
)
async def test_resolve_of_a_file_that_cannot_be_used_says_why(name: str, reason: str, tmp_path: Path) -> None:
    """At plan time and just before sending; a pipe is not waited for."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(b"x" * ((1 << 20) + 1))
    references = References()
    uri = f"file://{tmp_path / name}"
    assert reason in (_reason(references, uri) or "")
    with pytest.raises(SecretUnavailable) as raised:
        await _secret(references, uri)
    assert reason in str(raised.value)
    assert uri in str(raised.value)


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("file://relative/path", "is not an absolute path: write file:///folder/name"),
        ("file:///a\x00b", "no file can have that path"),
    ],
)
async def test_resolve_of_a_path_that_is_none_says_why(uri: str, reason: str) -> None:
    """A relative path would mean another file in every folder."""
    references = References()
    assert reason in (_reason(references, uri) or "")
    with pytest.raises(SecretUnavailable, match=reason.partition(":")[0]):
        await _secret(references, uri)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"s3cret\xff", "not valid UTF-8"), (b"\n", "the file is empty")]
)
async def test_resolve_of_a_file_without_a_usable_text_shows_nothing(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    """Neither the message nor a chained exception holds what the file held."""
    path = tmp_path / "secret"
    path.write_bytes(content)
    with pytest.raises(SecretUnavailable, match=reason) as raised:
        await _secret(References(), f"file://{path}")
    assert raised.value.__cause__ is None
    assert "s3cret" not in str(raised.value)


def test_exists_of_a_file_that_may_not_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permission is asked for at plan time."""
    path = tmp_path / "secret"
    path.write_text("x")
    # Root may read everything, so the answer is given here.
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert _reason(References(), f"file://{path}") == f"file://{path}: the file may not be read"


def test_read_of_a_file_that_grows_after_it_was_looked_at_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for what is read, not only for what the file said of itself."""
    path = tmp_path / "secret"
    path.write_bytes(b"x" * ((1 << 20) + 5))
    monkeypatch.setattr("bulkconn.secretrefs.file._check", lambda *_: None)
    with pytest.raises(SecretUnavailable, match="larger than 1 MiB"):
        FileStore().read(SecretRef(f"file://{path}"))


class _SlowStore:
    """A store that answers when it is let go, and counts what it is asked."""

    scheme = "vault"

    def __init__(self) -> None:
        self.asked = 0
        self.gate = threading.Event()

    def read(self, reference: SecretRef) -> SecretStr:
        self.asked += 1
        self.gate.wait(5)
        return SecretStr(reference.path)

    def exists(self, reference: SecretRef) -> str | None:
        return None


async def test_resolve_of_a_store_that_does_not_answer_ends_in_time() -> None:
    """A store that hangs costs one row its time, not the run; the loop goes on meanwhile."""
    store = _SlowStore()
    references = References([store], timeout_s=0.05)
    started = time.monotonic()
    with pytest.raises(SecretUnavailable, match=r"vault://a: no answer within 0\.05 s"):
        await _secret(references, "vault://a")
    assert time.monotonic() - started < 2
    store.gate.set()


async def test_resolve_of_a_known_secret_does_not_ask_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows share logins and rows are retried; the longest unused is forgotten."""
    monkeypatch.setattr(resolver, "_REMEMBERED", 2)
    store = _SlowStore()
    store.gate.set()
    references = References([store])
    for path, asked in [("a", 1), ("b", 2), ("a", 2), ("c", 3), ("a", 3), ("b", 4)]:
        assert await _secret(references, f"vault://{path}") == path
        assert store.asked == asked
    both = [SecretRef("vault://a"), SecretRef("vault://b")]
    assert list(await references.resolve(both)) == both


async def test_resolve_that_is_cancelled_leaves_nothing_waiting() -> None:
    """Cancelling goes through at once."""
    store = _SlowStore()
    task = asyncio.create_task(_secret(References([store]), "vault://a"))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    store.gate.set()
