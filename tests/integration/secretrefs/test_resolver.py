"""The resolver: each secret once, a few at a time, patiently, and within bounds of memory."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import CapturingLogger

from bulkconn.cli.secretstores import web_of
from bulkconn.core.endpoint import SecretStoreDown, SecretUnavailable
from bulkconn.core.secret import REFERENCE_SCHEMES, SecretRef, SecretStr
from bulkconn.secretrefs.memory import Memory
from bulkconn.secretrefs.resolver import References
from bulkconn.secretrefs.store import StoreKind, StoreTrouble
from bulkconn.secretrefs.stores import all_stores
from tests.fakes.secret_stores import FakeStore, references_to

if TYPE_CHECKING:
    from collections.abc import Iterable


def _refs(*paths: str) -> list[SecretRef]:
    return [SecretRef(f"vault://{path}") for path in paths]


async def _secrets(references: References, *paths: str) -> list[str]:
    return [secret.get_secret_value() for secret in (await references.resolve(_refs(*paths))).values()]


async def test_resolve_of_a_secret_that_many_want_asks_once() -> None:
    """Rows that share a login wait for one reading, and it is remembered for the run."""
    store = FakeStore()
    store.gate.clear()
    references = references_to(store)
    waiting = [asyncio.create_task(_secrets(references, "a")) for _ in range(50)]
    await asyncio.sleep(0)
    store.gate.set()
    assert await asyncio.gather(*waiting) == [["secret of a"]] * 50
    assert await _secrets(references, "a") == ["secret of a"]
    assert store.asked == ["a"]


async def test_resolve_of_many_secrets_reads_a_few_at_a_time() -> None:
    """A row's own references are read side by side too, and a store is never asked by everybody at once."""
    store = FakeStore()
    references = references_to(store, at_once=3)
    paths = [f"s{number}" for number in range(20)]
    assert await _secrets(references, *paths) == [f"secret of {path}" for path in paths]
    assert store.most_at_once == 3


async def test_resolve_of_a_refused_secret_asks_once_and_says_why_each_time() -> None:
    """A million rows with one wrong reference do not storm the store; every one of them fails."""
    store = FakeStore()
    store.script["a"] = [SecretUnavailable("vault://a is not for you", code="secret_denied")]
    references = references_to(store)
    for _ in range(3):
        with pytest.raises(SecretUnavailable, match="not for you") as raised:
            await references.resolve(_refs("a"))
        assert raised.value.code == "secret_denied"
    assert store.asked == ["a"]


async def test_resolve_through_trouble_asks_again_until_it_is_over() -> None:
    """Like any read: what a store cannot answer now it is asked again, and that is told."""
    store = FakeStore()
    store.script["a"] = [StoreTrouble("it is busy (429)"), StoreTrouble("it is busy (503)")]
    references = references_to(store)
    log = CapturingLogger()
    references.log = log
    assert await _secrets(references, "a") == ["secret of a"]
    assert store.asked == ["a"] * 3
    assert [call.kwargs["reason"] for call in log.calls] == ["it is busy (429)", "it is busy (503)"]


@pytest.mark.parametrize(
    ("wish_s", "message"),
    [
        (None, "it is sealed; it was asked for 0 s (--max-wait)"),
        (3600.0, "it is sealed, and asks to wait 3600 s, longer than --max-wait (0 s)"),
    ],
)
async def test_resolve_from_a_store_that_stays_in_trouble_says_that_it_is_down(
    wish_s: float | None, message: str
) -> None:
    """Patience ends after --max-wait, at once where the store asks for more than that."""
    store = FakeStore()
    store.script["a"] = [StoreTrouble("it is sealed", retry_after_s=wish_s) for _ in range(1000)]
    with pytest.raises(SecretStoreDown) as raised:
        await references_to(store, max_wait_s=0.0).resolve(_refs("a"))
    assert str(raised.value) == message
    assert raised.value.fix == "see to the store and the way to it"


async def test_resolve_from_a_store_that_hangs_says_that_it_is_down() -> None:
    """No answer is trouble like any other."""
    store = FakeStore(timeout_s=0.01)
    store.gate.clear()
    with pytest.raises(SecretStoreDown, match=r"the fake store gives no answer within 0\.01 s"):
        await references_to(store, max_wait_s=0.0).resolve(_refs("a"))


async def test_resolve_of_several_lets_a_store_that_is_down_weigh_most() -> None:
    """A row is not failed for one secret while the store of the other is down."""
    store = FakeStore()
    store.script |= {"a": [SecretUnavailable("none")], "b": [SecretStoreDown("down", fix="mend it")]}
    with pytest.raises(SecretStoreDown):
        await references_to(store).resolve(_refs("a", "b", "c"))


async def test_resolve_that_is_cancelled_leaves_the_secret_to_those_who_still_wait() -> None:
    """One row's end is not another's; when nobody waits any more, the reading ends too."""
    store = FakeStore()
    store.gate.clear()
    references = references_to(store)
    first, second = (asyncio.create_task(_secrets(references, "a")) for _ in range(2))
    await asyncio.sleep(0.01)
    await _cancel(first)
    assert store.given_up == 0
    store.gate.set()
    assert await second == ["secret of a"]
    store.gate.clear()
    third = asyncio.create_task(_secrets(references, "b"))
    await asyncio.sleep(0.01)
    await _cancel(third)
    await asyncio.sleep(0)
    assert store.given_up == 1


async def _cancel(task: asyncio.Task[list[str]]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_close_ends_what_is_on_its_way_and_forgets() -> None:
    """After a run no secret is kept and no store is open."""
    store = FakeStore()
    async with references_to(store) as references:
        await references.resolve(_refs("a"))
        store.gate.clear()
        waiting = asyncio.create_task(_secrets(references, "b"))
        await asyncio.sleep(0.01)
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert store.is_closed
    assert store.given_up == 1
    assert references._memory.recall(SecretRef("vault://a")) is None


async def test_memory_forgets_what_was_not_used_for_longest() -> None:
    """A million references need no more memory than some thousands; nor do large secrets."""
    by_number = Memory(entries=2)
    for path in "ab":
        by_number.keep(SecretRef(path), SecretStr("x"))
    by_number.recall(SecretRef("a"))
    by_number.keep(SecretRef("c"), SecretStr("x"))
    assert _kept(by_number, "abc") == "ac"
    by_size = Memory(characters=10)
    by_size.keep(SecretRef("a"), SecretStr("x" * 6))
    by_size.keep(SecretRef("a"), SecretStr("x" * 5))
    by_size.keep(SecretRef("b"), SecretUnavailable("12345"))
    assert _kept(by_size, "abc") == "ab"
    by_size.keep(SecretRef("c"), SecretStr("x" * 6))
    assert _kept(by_size, "abc") == "c"


def _kept(memory: Memory, paths: Iterable[str]) -> str:
    return "".join(path for path in paths if memory.recall(SecretRef(path)) is not None)


def test_every_reference_scheme_has_a_store() -> None:
    """What validation takes for a reference can be resolved."""
    assert {kind.scheme for kind in all_stores(web_of(allow_http=False))} == set(REFERENCE_SCHEMES)


@pytest.mark.parametrize("library", ["no_such_library", "no.such.library"])
async def test_reference_whose_extra_is_missing_says_what_to_install(library: str) -> None:
    """Known without any network, so that `plan` says it too."""
    references = References([StoreKind("vault", FakeStore, library=library, extra="vaults")])
    error = references.exists(SecretRef("vault://a"))
    assert error is not None
    assert str(error) == "vault:// needs the extra `vaults`, which is not installed"
    assert error.fix == "install it with: python3 -m pip install 'bulkconn[vaults]'"
    with pytest.raises(SecretUnavailable, match="needs the extra `vaults`"):
        await references.resolve(_refs("a"))


def test_reference_that_its_store_refuses_unasked_says_why() -> None:
    """What a store knows without network it says before anything is sent."""
    error = references_to(FakeStore()).exists(SecretRef("vault://bad"))
    assert error is not None
    assert (str(error), error.fix) == ("vault://bad is bad", "write a good one")
    assert references_to(FakeStore()).exists(SecretRef("vault://good")) is None


@given(scheme=st.sampled_from(REFERENCE_SCHEMES), path=st.text(st.characters(codec="utf-8"), max_size=60))
def test_reference_of_any_text_is_taken_or_refused(scheme: str, path: str) -> None:
    """Whatever stands in a cell, `plan` goes on: a store says no, and does not break."""
    references = References(all_stores(web_of(allow_http=False)))
    error = references.exists(SecretRef(f"{scheme}://{path}"))
    assert error is None or (str(error) and error.fix)


def test_libraries_of_stores_are_imported_by_no_other_reference() -> None:
    """A run without such references pays nothing for boto3 and its like."""
    script = (
        "import asyncio, os, sys\n"
        "from bulkconn.core.secret import REFERENCE_SCHEMES, SecretRef\n"
        "from bulkconn.cli.secretstores import web_of\n"
        "from bulkconn.secretrefs.resolver import References\n"
        "from bulkconn.secretrefs.stores import all_stores\n"
        "os.environ['PG'] = 'x'\n"
        "ref = SecretRef('env://PG')\n"
        "references = References(all_stores(web_of(allow_http=False)))\n"
        "assert references.exists(ref) is None\n"
        "assert asyncio.run(references.resolve([ref]))\n"
        "print(*{name.partition('.')[0] for name in sys.modules})\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    heavy = {"boto3", "botocore", "azure", "google", "grpc", "keyring", "requests"}
    assert not heavy.intersection(ended.stdout.split())
