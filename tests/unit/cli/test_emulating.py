"""What the emulator's flags mean."""

from __future__ import annotations

import pytest

from bulkconn.cli.emulating import read_sandboxes
from bulkconn.core.errors import UsageError
from bulkconn.emulator import Cloud


def test_sandboxes_as_flags_replace_the_usual_ones() -> None:
    """Names may hold colons before the last one, clouds may be in capitals."""
    assert read_sandboxes(["prod:azure", "eu.1:AWS"]) == {
        "sandboxes": {"prod": Cloud.AZURE, "eu.1": Cloud.AWS}
    }
    assert read_sandboxes([]) == {}


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        pytest.param(["prod"], "cannot read the sandbox 'prod'", id="no-cloud"),
        pytest.param(["prod:moon"], "write name:azure or name:aws", id="unknown-cloud"),
        pytest.param([":aws"], "cannot read the sandbox ':aws'", id="no-name"),
        pytest.param(["a:aws", "a:azure"], "sandbox a is on two clouds", id="two-clouds"),
    ],
)
def test_sandboxes_that_make_no_sense_are_refused_with_a_remedy(texts: list[str], words: str) -> None:
    """The message shows what was written, the remedy what to write."""
    with pytest.raises(UsageError, match=words) as refused:
        read_sandboxes(texts)
    assert refused.value.fix
