"""Secret references, resolved from a real environment and real files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import SecretUnavailable
from bulkconn.core.secret import SecretRef
from bulkconn.secretrefs.env import EnvironmentStore
from bulkconn.secretrefs.file import FileStore
from bulkconn.secretrefs.resolver import References
from bulkconn.secretrefs.store import StoreKind

if TYPE_CHECKING:
    from pathlib import Path

    from bulkconn.core.protocols import SecretResolver


def _references() -> References:
    return References([StoreKind("env", EnvironmentStore), StoreKind("file", FileStore)])


def _reason(references: References, uri: str) -> str | None:
    error = references.exists(SecretRef(uri))
    return None if error is None else str(error)


async def _secret(references: SecretResolver, uri: str) -> str:
    reference = SecretRef(uri)
    return (await references.resolve([reference]))[reference].get_secret_value()


async def test_resolve_of_an_environment_variable_gives_it_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is stripped; the scheme's case does not matter."""
    monkeypatch.setenv("BULKCONN_TEST_SECRET", " p@ss\n")
    references = _references()
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
    environ = {"EMPTY": "", "ODD": "s3cret\udcff", "É": "x"}
    references = References([StoreKind("env", lambda: EnvironmentStore(environ))])
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
    references = _references()
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
    references = _references()
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
    references = _references()
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
        await _secret(_references(), f"file://{path}")
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
    assert _reason(_references(), f"file://{path}") == f"file://{path}: the file may not be read"


async def test_read_of_a_file_that_grows_after_it_was_looked_at_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit holds for what is read, not only for what the file said of itself."""
    path = tmp_path / "secret"
    path.write_bytes(b"x" * ((1 << 20) + 5))
    monkeypatch.setattr("bulkconn.secretrefs.file._check", lambda *_: None)
    with pytest.raises(SecretUnavailable, match="larger than 1 MiB"):
        await FileStore().read(SecretRef(f"file://{path}"))
