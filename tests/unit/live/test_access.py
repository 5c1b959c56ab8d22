"""Who may see a live page: names that are ours, tokens, links that work once."""

from __future__ import annotations

import pytest

from bulkconn.live.access import Access, is_loopback, new_token

TOKEN = "a-token-of-these-tests"


@pytest.mark.parametrize(
    ("header", "is_ours"),
    [
        ("localhost:8321", True),
        ("LOCALHOST.", True),
        ("127.0.0.1:8321", True),
        ("10.0.0.7", True),
        ("[::1]:8321", True),
        ("reports.corp.example:443", True),
        ("evil.example:8321", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[::1", False),
        ("", False),
        (None, False),
    ],
)
def test_only_names_of_this_server_are_answered(header: str | None, is_ours: bool) -> None:
    """A name that somebody else pointed here (DNS rebinding) is not ours."""
    assert Access(None, ["reports.corp.example"]).is_ours(header) is is_ours


@pytest.mark.parametrize(
    ("host", "answer"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("192.0.2.1", False),
        ("x", False),
    ],
)
def test_loopback_is_what_only_this_machine_reaches(host: str, answer: bool) -> None:
    """Whatever is not surely loopback needs a token."""
    assert is_loopback(host) is answer


def test_without_a_token_everybody_is_admitted() -> None:
    """On loopback that is the user."""
    access = Access(None, [])
    assert access.admits(None, None)
    assert not access.needs_token
    assert access.redeem_link("") is None


def test_token_is_taken_from_the_header_and_nothing_like_it() -> None:
    """As `Authorization: Bearer`; case and blanks of the scheme do not matter, a letter of the token does."""
    access = Access(TOKEN, [])
    assert access.admits(f"Bearer {TOKEN}", None)
    assert access.admits(f"bearer  {TOKEN} ", None)
    for wrong in (
        None,
        "",
        "Bearer",
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        "Bearer \udce9",
    ):
        assert not access.admits(wrong, None)
    assert not access.admits(None, TOKEN)


def test_link_works_once_and_the_token_can_still_be_typed() -> None:
    """A link lies in histories and chats: whoever finds it there is too late."""
    access = Access(TOKEN, [])
    assert access.redeem_link("wrong") is None
    first = access.redeem_link(TOKEN)
    assert first is not None
    assert access.admits(None, first)
    assert access.redeem_link(TOKEN) is None
    second = access.redeem(TOKEN)
    assert second not in {None, first}
    assert access.admits(None, second)
    assert access.admits(None, first)
    assert access.redeem("wrong") is None
    assert not access.admits(None, "wrong")


def test_oldest_browser_is_forgotten_first() -> None:
    """Sessions do not grow without end."""
    access = Access(TOKEN, [])
    sessions = [access.redeem(TOKEN) for _ in range(201)]
    assert not access.admits(None, sessions[0])
    assert access.admits(None, sessions[1])
    assert access.admits(None, sessions[-1])


def test_drawn_tokens_differ() -> None:
    """32 bytes of chance."""
    assert len({new_token() for _ in range(50)}) == 50
    assert len(new_token()) >= 43
