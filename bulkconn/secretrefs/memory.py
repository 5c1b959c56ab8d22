"""What was resolved, for this run and in memory alone."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from bulkconn.core.endpoint import SecretUnavailable

if TYPE_CHECKING:
    from bulkconn.core.secret import SecretRef, SecretStr

#: How much is remembered at a time: rows that share a login, and retries, read it once. A million rows with a
#: secret each need no more memory than this.
ENTRIES: Final = 4096
CHARACTERS: Final = 16 * 1024 * 1024


class Memory:
    """The answers used last, bounded in number and in size.

    An answer is a secret, or why there is none: a million rows with one wrong reference ask once.
    """

    def __init__(self, *, entries: int = ENTRIES, characters: int = CHARACTERS) -> None:
        self._entries = entries
        self._characters = characters
        self._held = 0
        self._answers: OrderedDict[SecretRef, SecretStr | SecretUnavailable] = OrderedDict()

    def recall(self, reference: SecretRef) -> SecretStr | SecretUnavailable | None:
        """Give the answer that is remembered; None for none."""
        answer = self._answers.get(reference)
        if answer is not None:
            self._answers.move_to_end(reference)
        return answer

    def keep(self, reference: SecretRef, answer: SecretStr | SecretUnavailable) -> None:
        """Remember an answer, and forget those that were not used for longest if there are too many."""
        before = self._answers.pop(reference, None)
        self._answers[reference] = answer
        self._held += _size(answer) - (0 if before is None else _size(before))
        while len(self._answers) > self._entries or self._held > self._characters:
            _, oldest = self._answers.popitem(last=False)
            self._held -= _size(oldest)


def _size(answer: SecretStr | SecretUnavailable) -> int:
    return len(str(answer)) if isinstance(answer, SecretUnavailable) else len(answer.get_secret_value())
