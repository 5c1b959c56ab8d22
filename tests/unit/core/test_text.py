"""What text may be sent, and how foreign text is shown."""

from __future__ import annotations

import pytest

from bulkconn.core.text import SHOWN_LENGTH, has_control, shown


@pytest.mark.parametrize(
    ("text", "one_line", "lines"),
    [
        pytest.param("plain é 漢", False, False, id="letters"),
        pytest.param("a\u00a0b\u200b", False, False, id="blanks that are not printable"),
        pytest.param("a\tb\r\nc", True, False, id="tab and line ends"),
        pytest.param("a\x00", True, True, id="NUL"),
        pytest.param("\x1b[2J", True, True, id="escape"),
        pytest.param("\x85", True, True, id="control beyond ASCII"),
        pytest.param("\ud800", True, True, id="half a surrogate pair"),
    ],
)
def test_has_control_of_text_says_what_cannot_be_sent(text: str, *, one_line: bool, lines: bool) -> None:
    """Control characters and half characters are found; line ends count only where one line is wanted."""
    assert has_control(text) is one_line
    assert has_control(text, lines_allowed=True) is lines


def test_shown_of_hostile_text_is_escaped_and_cut() -> None:
    """Nothing that is shown can steer a terminal or fill it."""
    assert shown("plain é") == "plain é"
    assert shown("a\x1b[2Jb\n\ud800") == "a\\x1b[2Jb\\n\\ud800"
    assert len(shown("x" * 1000)) == SHOWN_LENGTH
    assert shown("x" * 1000).endswith("…")
