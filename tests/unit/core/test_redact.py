"""No secret of three characters or more comes out of the redactor, whatever encoding it went in."""

from __future__ import annotations

import base64
import html
import json
import time
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bulkconn.core.redact import MASK, MAX_TEXT, WITHHELD, Redactor, redact

if TYPE_CHECKING:
    from collections.abc import Callable

PASSWORD = "p@ss\"w/ö rd&<é>\\+%25'x"


def as_lower_hex(text: str) -> str:
    """Write the hexadecimal digits of a URL-encoded text in lower case."""
    quoted = quote(text, safe="")
    return "".join(
        char.lower() if index and "%" in quoted[max(0, index - 2) : index] else char
        for index, char in enumerate(quoted)
    )


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: text,
    "json-ascii": lambda text: json.dumps(text)[1:-1],
    "json-ascii-upper-hex": lambda text: json.dumps(text)[1:-1].replace("00e9", "00E9"),
    "json-unicode": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json-solidus": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "json-in-json": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "url": lambda text: quote(text, safe=""),
    "url-path": quote,
    "url-form": quote_plus,
    "url-lower-hex": as_lower_hex,
    "url-other-safe-characters": lambda text: quote(text, safe="@/+"),
    "url-twice": lambda text: quote(quote(text, safe=""), safe=""),
    "html": html.escape,
    "html-decimal": lambda text: html.escape(text).replace("&quot;", "&#34;"),
    "html-without-quotes": lambda text: html.escape(text, quote=False),
    "html-of-non-ascii": lambda text: html.escape(text).encode("ascii", "xmlcharrefreplace").decode(),
    "html-apos": lambda text: html.escape(text).replace("&#x27;", "&apos;"),
    "json-of-html": lambda text: json.dumps(html.escape(text))[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64-urlsafe": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64-unpadded": lambda text: base64.b64encode(text.encode()).decode().rstrip("="),
}

#: No surrogates: they cannot be encoded for the wire, nor can a row with one be sent.
wire_secrets = st.text(st.characters(exclude_categories=["Cs"]), min_size=3, max_size=30)


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_redact_encoded_secret_masks_it(encode: Callable[[str], str]) -> None:
    """A secret is masked in each encoding, and the words around it stay."""
    text = f"Login failed for '{encode(PASSWORD)}' at db1."
    assert redact(text, [PASSWORD]) == "Login failed for '***' at db1."


@pytest.mark.parametrize("before", ["", "u", "us", "usr"], ids=len)
@pytest.mark.parametrize("after", ["", ":", ":x", ":xy"], ids=len)
@pytest.mark.parametrize("altchars", [b"+/", b"-_"], ids=["standard", "urlsafe"])
def test_redact_secret_inside_longer_base64_masks_the_whole_run(
    before: str, after: str, altchars: bytes
) -> None:
    """A base64 text that contains the secret at any alignment goes as a whole."""
    encoded = base64.b64encode(f"{before}{PASSWORD}{after}".encode(), altchars).decode()
    assert redact(f"Basic {encoded}, sorry", [PASSWORD]) == "Basic ***, sorry"


@given(secret=wire_secrets, name=st.sampled_from(sorted(ENCODINGS)))
@example(secret="%25x", name="url")
@example(secret="\\\\\\", name="json-ascii")
@example(secret="***", name="plain")
@example(secret="x1b", name="plain")
def test_redact_any_secret_in_any_encoding_does_not_survive(secret: str, name: str) -> None:
    """No form of a secret of three characters or more is left over."""
    shown = redact(f"«{ENCODINGS[name](secret)}»", [secret])
    assert shown in {f"«{MASK}»", WITHHELD}


@given(
    parts=st.lists(st.text("ab%&\\+1 ", min_size=3, max_size=6), min_size=1, max_size=3),
    text=st.text("ab%&\\+1 "),
)
def test_redact_overlapping_secrets_none_survives(parts: list[str], text: str) -> None:
    """Of secrets that overlap each other and themselves, none is left whole."""
    shown = redact(text + "".join(parts) + text, parts)
    assert shown == WITHHELD or not any(part in shown for part in parts)


@given(text=st.text(), some=st.lists(st.text()))
def test_redact_any_text_is_bounded_and_printable(text: str, some: list[str]) -> None:
    """Whatever goes in, at most 500 characters without control characters come out."""
    shown = redact(text, some)
    assert len(shown) <= MAX_TEXT
    assert not any(char < " " or "\x7f" <= char < "\xa0" for char in shown)


@pytest.mark.parametrize("secret", ["x", "ab"])
def test_redact_secret_too_short_withholds_the_text(secret: str) -> None:
    """Two letters cannot be replaced safely, so nothing of the text is kept."""
    assert redact("a text about something else", [secret, "longer"]) == WITHHELD


def test_redact_short_password_in_connection_string_withholds_the_text() -> None:
    """A connection string's password counts as a secret of its own, short ones too."""
    assert redact("whatever", ["Server=db;UID=u;PWD=x1"]) == WITHHELD


@pytest.mark.parametrize("key", ["PWD", "Password", "pwd ", "securityToken"])
def test_redact_password_of_connection_string_masks_it_alone(key: str) -> None:
    """A driver that echoes only the password of a connection string leaks nothing."""
    secret = f"Server=db;UID=someone;{key}= hunter2 ;Port=1"
    assert redact("someone gave hunter2 to db", [secret]) == "someone gave *** to db"


def test_redact_line_of_a_key_masks_it() -> None:
    """One line of a PEM key is a secret too; a short line such as a blank one is not."""
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n\nab\n-----END KEY-----"
    assert redact("bad line MIIEvQIBADANBg; ab", [key]) == "bad line ***; ab"


def test_redact_blanks_at_ends_masks_the_stripped_secret() -> None:
    """A service that strips what it got does not uncover it."""
    assert redact("wrong: hunter2!", ["  hunter2 "]) == "wrong: ***!"


def test_redact_several_secrets_longest_first() -> None:
    """A secret inside another one does not leave the rest of the longer one behind."""
    assert redact("abc abcdef cdefgh", ["abc", "abcdef"]) == "*** *** cdefgh"


def test_redact_overlap_of_two_secrets_leaves_no_half() -> None:
    """What overlaps is masked as one."""
    assert redact("<abcdefxyz>", ["abcdef", "defxyz"]) == "<***>"


@pytest.mark.parametrize("secrets", [[], [""]], ids=["none", "empty"])
def test_redact_nothing_to_hide_keeps_the_text(secrets: list[str]) -> None:
    """Without secrets the text stays, an empty one too."""
    assert redact("a % b", secrets) == "a % b"
    assert redact("", secrets) == ""


def test_redact_empty_text_with_short_secret_stays_empty() -> None:
    """There is nothing to withhold in an empty text."""
    assert redact("", ["x"]) == ""


def test_redact_control_characters_become_visible() -> None:
    """Terminal escapes, line breaks and invisible characters cannot act on the reader's screen."""
    assert redact("a\x1b[2J\nb\u202ec\u200bd", []) == "a\\x1b[2J\\x0ab\\u202ec\\u200bd"


def test_redact_long_text_is_cut_with_an_ellipsis() -> None:
    """A text of exactly the limit stays whole, a longer one is cut to it."""
    assert redact("x" * MAX_TEXT, []) == "x" * MAX_TEXT
    assert redact("x" * (MAX_TEXT + 1), []) == "x" * (MAX_TEXT - 1) + "…"


def test_redact_secret_across_the_scanned_part_leaves_nothing() -> None:
    """Where only the beginning of a huge text is looked at, no beginning of a secret is shown at its end."""
    secret = "S3cret-" * 300
    text = secret * 7 + "S3cret-" * 200 + "tail" * 400_000
    assert "S3cret-S3cret" not in redact(text, [secret])
    text = secret * 8 + " " + secret
    assert redact(text, [secret]).replace(MASK, "").strip(" …") == ""


def test_redact_huge_hostile_text_is_quick() -> None:
    """A megabyte of backslashes against a secret of backslashes takes seconds at most, not hours."""
    before = time.process_time()
    redact("\\" * 1_000_000, ["\\" * 30 + "x", "%25" * 20 + "&"])
    assert time.process_time() - before < 20


def test_redactor_used_twice_gives_the_same() -> None:
    """What was prepared for one text serves the next."""
    redactor = Redactor(["a&b&c"])
    assert [redactor.redact("x a&amp;b&amp;c"), redactor.redact("y a%26b%26c")] == ["x ***", "y ***"]


def test_redactor_repr_shows_no_secret() -> None:
    """A redactor that gets into a log or traceback gives nothing away."""
    assert repr(Redactor(["hunter2"])) == "Redactor(1 secrets)"


def test_redactor_hides_base64_in_a_second_text_as_in_the_first() -> None:
    """One redactor serves any number of texts, and works out what to look for once."""
    redactor = Redactor(["s3cret-password"])
    echoed = base64.b64encode(b"user:s3cret-password").decode()
    for _ in range(2):
        assert redactor.redact(f"Basic {echoed}") == "Basic ***"
