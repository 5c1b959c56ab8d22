"""Take secrets out of free text that somebody else wrote, whatever encoding they come back in.

A gateway may echo the request inside its error text, so no such text is kept before it went through
here. A secret is found plain, JSON-escaped, URL-encoded, HTML-escaped (or a mixture of these, or one
inside another), and base64-encoded, alone or as a part of a longer text.
"""

from __future__ import annotations

import base64
import html
import json
import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["MASK", "MAX_TEXT", "MIN_SECRET", "WITHHELD", "Redactor", "redact"]

#: What stands in the place of a secret.
MASK: Final = "***"
#: Longest text that is given back, in characters.
MAX_TEXT: Final = 500
#: A shorter secret occurs in any text by chance: replacing it would shred the text and, by the gaps,
#: spell the secret out. Text beside such a secret is dropped altogether.
MIN_SECRET: Final = 3
#: What is given instead of a text from which the secrets cannot be taken safely.
WITHHELD: Final = "[text withheld: a secret cannot be masked safely in it]"

#: Text beyond this is not looked at and not shown: an error page of a megabyte must not stop the loop.
_SCANNED: Final = 4_000
#: Longest that one character gets in `_readings`, generously.
_MAX_GROWTH: Final = 40
_LAST_OF_TWO_DIGITS: Final = 0xFF
_LAST_OF_FOUR_DIGITS: Final = 0xFFFF
#: Lines of a secret of several lines (a PEM key) are secrets of their own from this length on.
_MIN_LINE: Final = 8

_ENCODING_TRACES: Final = re.compile(r"[%\\&+]")
_PASSWORD_KEYS: Final = re.compile(r"pwd|pass|secret|token|key|credential", re.IGNORECASE)
#: Controls, line separators, marks that reorder or hide text, and what no terminal can encode.
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_URL_SAFE: Final = str.maketrans("+/", "-_")
_BASE64_WORD: Final = re.compile(r"[A-Za-z0-9+/=_-]+")
_BASE64_CHARS: Final = frozenset(string.ascii_letters + string.digits + "+/=_-")


def redact(text: str, secrets: Iterable[str]) -> str:
    """Give the text without the secrets; see `Redactor`, which is cheaper for several texts."""
    return Redactor(secrets).redact(text)


class Redactor:
    """Takes a set of secrets out of any number of texts.

    Empty secrets are ignored. One shorter than `MIN_SECRET` makes every non-empty text `WITHHELD`.
    Besides each secret as given, these are hidden: the secret without blanks at its ends, its longer
    lines, and the passwords inside it where it is a connection string. `repr` shows nothing of them.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        found = {piece for secret in secrets if secret for piece in _pieces(secret)}
        self._too_short = any(len(secret) < MIN_SECRET for secret in found)
        self._secrets = tuple(sorted(found, key=lambda secret: (-len(secret), secret)))
        self._base64: tuple[str, ...] | None = None
        # n bytes are 8n/6 characters, of which less than one at each end hangs on the neighbours too.
        self._shortest_base64 = min((len(one) * 8 // 6 - 2 for one in self._secrets), default=0)

    def __repr__(self) -> str:
        """Say how many secrets there are and nothing else."""
        return f"Redactor({len(self._secrets)} secrets)"

    def redact(self, text: str) -> str:
        """Give the text with `MASK` for every secret, control characters visible, `MAX_TEXT` at most."""
        if not text:
            return ""
        if self._too_short:
            return WITHHELD
        scanned = text[: _SCANNED + _MAX_GROWTH * max((len(one) for one in self._secrets), default=0)]
        pieces: list[str] = []
        at = 0
        for start, end in _merged(self._spans(scanned)):
            if start >= _SCANNED:
                break
            pieces += (scanned[at:start], MASK)
            at = end
        pieces.append(scanned[at : max(at, _SCANNED)])
        shown = _CONTROL.sub(_visible, "".join(pieces))
        if len(shown) > MAX_TEXT:
            shown = shown[: MAX_TEXT - 1] + "…"
        # The mask itself may complete a secret that is made of asterisks.
        return WITHHELD if any(secret in shown for secret in self._secrets) else shown

    def _spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Find where secrets are; spans may overlap and come in no order."""
        for secret in self._secrets:
            yield from _occurrences(text, secret)
        for form in self._base64_forms(text):
            for start, end in _occurrences(text, form):
                yield _base64_run(text, start, end)
        # The thorough search costs a millisecond: only for texts that are encoded at all.
        if _ENCODING_TRACES.search(text):
            for secret in self._secrets:
                yield from _encoded_spans(text, secret)

    def _base64_forms(self, text: str) -> tuple[str, ...]:
        """Give the forms to look for; none where the text has no word as long as the shortest of them."""
        longest = max((len(word) for word in _BASE64_WORD.findall(text)), default=0)
        if longest < self._shortest_base64:
            return ()
        if self._base64 is None:
            self._base64 = tuple({form for secret in self._secrets for form in _base64_forms(secret)})
        return self._base64


def _pieces(secret: str) -> Iterator[str]:
    """Give everything that must be hidden when this secret must be."""
    yield secret
    stripped = secret.strip()
    if len(stripped) >= MIN_SECRET:
        yield stripped
    for line in secret.splitlines():
        if len(line.strip()) >= _MIN_LINE:
            yield line.strip()
    for part in secret.split(";"):
        key, equals, value = part.partition("=")
        if equals and value.strip() and _PASSWORD_KEYS.search(key):
            yield value.strip()


def _occurrences(text: str, form: str) -> Iterator[tuple[int, int]]:
    """Find a form wherever it is, overlapping itself too."""
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Join what overlaps: half of a secret must not stay because another one ended inside it."""
    start = end = -1
    for next_start, next_end in sorted(spans):
        if next_start > end:
            if end >= 0:
                yield start, end
            start, end = next_start, next_end
        else:
            end = max(end, next_end)
    if end >= 0:
        yield start, end


def _visible(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code <= _LAST_OF_TWO_DIGITS else f"\\u{code:04x}"


def _utf8(text: str) -> bytes:
    """Encode; a lone surrogate, which no encoding of the wire can hold, passes as three bytes."""
    return text.encode("utf-8", "surrogatepass")


def _json_ascii(text: str) -> str:
    return json.dumps(text)[1:-1]


def _json_unicode(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _url(text: str) -> str:
    return quote(_utf8(text), safe="")


def _url_path(text: str) -> str:
    return quote(_utf8(text))


def _url_form(text: str) -> str:
    return quote_plus(_utf8(text))


def _lower_hex(form: str) -> str:
    return re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), form)


#: Encodings as programs produce them. Each works character by character, which `_readings` rests on.
_ENCODERS: Final[tuple[Callable[[str], str], ...]] = (
    _json_ascii,
    _json_unicode,
    _url,
    _url_path,
    _url_form,
    html.escape,
)


def _once(char: str) -> set[str]:
    """Give the encodings of one character, also those that the usual encoders leave out."""
    code = ord(char)
    forms = {encode(char) for encode in _ENCODERS} | {char}
    forms |= {f"&#{code};", f"&#x{code:x};", f"&#x{code:X};"}
    if not char.isalnum():
        forms |= {f"\\{char}", "".join(f"%{byte:02X}" for byte in _utf8(char))}
    if char == "'":
        forms.add("&apos;")
    if code <= _LAST_OF_TWO_DIGITS:
        forms |= {f"\\x{code:02x}", f"\\x{code:02X}"}
    if code <= _LAST_OF_FOUR_DIGITS:
        forms |= {f"\\u{code:04x}", f"\\u{code:04X}"}
    return forms | {_lower_hex(form) for form in forms}


@lru_cache(maxsize=1024)
def _readings(char: str) -> tuple[str, ...]:
    """Give everything that may stand for a character: in any encoding, or in one inside another."""
    once = _once(char)
    # An ASCII letter or digit is hardly encoded at all, let alone twice.
    is_plain = char.isascii() and char.isalnum()
    twice = set() if is_plain else {encode(form) for form in once for encode in _ENCODERS}
    return tuple(sorted(once | twice | {_lower_hex(form) for form in twice}, key=len, reverse=True))


def _encoded_spans(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Find where the text can be read as the secret, each character in any encoding.

    Sets of places are bits of an integer. From the last character to the first, `places[i]` becomes
    all places from which `secret[i:]` can be read; then every start is walked once, without a false step.
    Linear in text and secret: no secret or text, however hostile, makes it explode as backtracking does.
    """
    found = {
        char: [(form, _places(text, form)) for form in _readings(char) if form in text]
        for char in set(secret)
    }
    places = [0] * len(secret) + [(1 << (len(text) + 1)) - 1]
    for index in range(len(secret) - 1, -1, -1):
        for form, where in found[secret[index]]:
            places[index] |= where & (places[index + 1] >> len(form))
        if not places[index]:
            return
    for start in _bits(places[0]):
        end = start
        for index, char in enumerate(secret):
            steps = (len(form) for form, where in found[char] if where >> end & 1)
            end += next(step for step in steps if places[index + 1] >> (end + step) & 1)
        yield start, end


def _places(text: str, form: str) -> int:
    """Give where a form begins, as bits."""
    bits = bytearray(len(text) // 8 + 1)
    for start, _ in _occurrences(text, form):
        bits[start >> 3] |= 1 << (start & 7)
    return int.from_bytes(bits, "little")


def _bits(places: int) -> Iterator[int]:
    while places:
        lowest = places & -places
        yield lowest.bit_length() - 1
        places ^= lowest


def _base64_forms(secret: str) -> Iterator[str]:
    """Give what base64 makes of the secret at each of its three alignments in a longer text.

    Only the characters that depend on nothing but the secret; the ones beside them go with the run.
    """
    raw = _utf8(secret)
    for before in range(3):
        first = -(-before * 8 // 6)
        end = (before + len(raw)) * 8 // 6
        form = base64.b64encode(bytes(before) + raw).decode()[first:end]
        yield form
        yield form.translate(_URL_SAFE)


def _base64_run(text: str, start: int, end: int) -> tuple[int, int]:
    """Stretch a finding over the whole base64 text around it, which holds the bits at its edges."""
    while start > 0 and text[start - 1] in _BASE64_CHARS:
        start -= 1
    while end < len(text) and text[end] in _BASE64_CHARS:
        end += 1
    return start, end
