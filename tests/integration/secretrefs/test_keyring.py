"""`keyring://` over the real package, with backends of the test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail, null
from keyring.errors import InitError, KeyringLocked

from bulkconn.secretrefs.keyring import KeyringStore
from tests.integration.secretrefs.reading import MARK, down, objection, read, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Backend(KeyringBackend):
    """Holds passwords in memory; raises what it is given."""

    priority = 1

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the package types it not
        self.error = error
        self.passwords = {
            ("pg.example.com", "reader"): f"p@ss {MARK}",
            ("https://h/x", "a/b"): MARK,
            ("e", "e"): "",
        }

    def get_password(self, service: str, username: str) -> str | None:
        if self.error is not None:
            raise self.error
        return self.passwords.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        raise AssertionError("nothing is ever stored")


@pytest.fixture(autouse=True)
def _keep_backend() -> Iterator[None]:
    """Put the machine's own backend back."""
    before = keyring.get_keyring()
    keyring.set_keyring(_Backend())
    yield
    keyring.set_keyring(before)


@pytest.mark.parametrize(
    ("uri", "password"),
    [("keyring://pg.example.com/reader", f"p@ss {MARK}"), ("keyring://https://h/x/a%2Fb", MARK)],
)
async def test_read_gives_the_password_of_service_and_user(uri: str, password: str) -> None:
    """The last slash divides them; one within the user is written %2F."""
    assert await read(KeyringStore(), uri) == password


@pytest.mark.parametrize("uri", ["keyring://pg.example.com/other", "keyring://e/e"])
async def test_read_of_a_password_that_is_not_there_fails_its_row(uri: str) -> None:
    """The keyring answered: it has none, or an empty one."""
    assert (await refusal(KeyringStore(), uri)).code == "secret_not_found"


@pytest.mark.parametrize("uri", ["keyring://service", "keyring:///user", "keyring://service/"])
def test_reference_without_service_or_user_is_refused_unasked(uri: str) -> None:
    """Known at plan time."""
    assert objection(KeyringStore(), uri).fix == "write it as keyring://service/user"


@pytest.mark.parametrize(
    ("backend", "message"),
    [
        (fail.Keyring(), "this machine has no keyring that keyring:// could read"),
        (null.Keyring(), "keyring:// is switched off here (its backend is `null`)"),
        (_Backend(KeyringLocked(MARK)), "the keyring is locked"),
        (_Backend(InitError(MARK)), "the keyring is locked"),
    ],
    ids=["none", "off", "locked", "not-initialised"],
)
async def test_read_without_a_keyring_that_opens_stops_the_run(backend: KeyringBackend, message: str) -> None:
    """No row can have its secret, and the reader is told what to do."""
    keyring.set_keyring(backend)
    error = await down(KeyringStore(), "keyring://pg.example.com/reader")
    assert str(error) == message
    assert "PYTHON_KEYRING_BACKEND" in error.fix


async def test_read_from_a_backend_that_fails_is_trouble() -> None:
    """Backends are other people's code; what they say is not repeated."""
    keyring.set_keyring(_Backend(OSError(MARK)))
    error = await down(KeyringStore(), "keyring://pg.example.com/reader")
    assert str(error).startswith("the keyring failed (OSError)")
