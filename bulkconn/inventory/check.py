"""Checks an inventory as a whole: everything that is wrong with it first, then its endpoints for the work.

Both passes stream. What is remembered between them is one byte a row, so that the second pass skips
exactly the rows that the first one refused.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final, Protocol

from bulkconn.core.columns import identity
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.endpoint import InventoryRow
from bulkconn.core.errors import InventoryChanged
from bulkconn.core.findings import AGAIN
from bulkconn.core.request import secret_refs
from bulkconn.core.text import shown
from bulkconn.core.validation import Invalid
from bulkconn.inventory.duplicates import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bulkconn.core.endpoint import Endpoint, SecretUnavailable
    from bulkconn.core.secret import SecretRef
    from bulkconn.core.validation import Validator
    from bulkconn.inventory.duplicates import Earlier

#: Diagnostics kept for showing; all are counted. A million bad rows must not fill the memory.
KEPT_ERRORS: Final = 9_000
KEPT_WARNINGS: Final = 1_000
#: Rows checked at a time. Measured at a million rows: 250 cost 14.5 us a row, 2,000 cost 23, because what
#: a batch keeps alive no longer fits the processor's cache and the garbage collector walks over it.
BATCH_ROWS: Final = 250
_REMEMBERED_REFERENCES: Final = 10_000


class RowSource(Protocol):
    """What is read twice: an inventory, or the part of one that a worker has."""

    cut_short: list[Diagnostic]

    @property
    def names(self) -> tuple[str, ...]:
        """The files, as diagnostics name them."""
        ...

    def rows(self) -> Iterator[InventoryRow | Diagnostic]:
        """Give every row, or what is wrong with it; `Inventory.rows` says more."""
        ...


class InventoryCheck:
    """The first and the second pass over one inventory.

    `reference_exists` gives why a secret reference cannot be resolved, or None if it can; without it
    references are taken on trust. `validator` may learn more before the first pass. After that pass:
    `rows` were read, `invalid` of them refused; `errors` and `warnings` count all diagnostics, of which
    `diagnostics` holds the first 10,000.
    """

    def __init__(
        self,
        inventory: RowSource,
        validator: Validator,
        *,
        reference_exists: Callable[[SecretRef], SecretUnavailable | None] | None = None,
    ) -> None:
        self._inventory = inventory
        self.validator = validator
        self._reference_exists = reference_exists
        self._references: dict[SecretRef, SecretUnavailable | None] = {}
        self._refused = bytearray()
        self.rows = 0
        self.invalid = 0
        self.errors = 0
        self.warnings = 0
        self.diagnostics: list[Diagnostic] = []

    @property
    def is_valid(self) -> bool:
        """Say whether nothing stands against a run."""
        return not self.errors

    @property
    def is_whole(self) -> bool:
        """Say whether every file was read to its end.

        Otherwise there may be rows that nobody has seen, and skipping invalid ones is not enough.
        """
        return not self._inventory.cut_short

    def first_pass(self) -> Iterator[tuple[Endpoint, ...]]:
        """Read and check everything; give the valid endpoints in batches. Exhaust it to have all counts.

        Raises:
            UsageError: the temporary database cannot be written.
        """
        self._refused.clear()
        self.diagnostics.clear()
        self.rows = self.invalid = self.errors = self.warnings = 0
        with Duplicates() as duplicates:
            items = self._inventory.rows()
            while batch := list(islice(items, BATCH_ROWS)):
                endpoints = self._check(batch, duplicates)
                if endpoints:
                    yield endpoints

    def second_pass(self) -> Iterator[Endpoint]:
        """Read again and give the endpoints that the first pass gave, in the same order.

        Raises:
            InventoryChanged: a file is not what it was at the first pass.
        """
        refused, validate = self._refused, self.validator.validate
        for place, item in enumerate(self._inventory.rows()):
            if place >= len(refused):
                raise _changed()
            if refused[place] or not isinstance(item, InventoryRow):
                continue
            result = validate(item)
            if isinstance(result, Invalid):
                raise _changed()
            yield result.endpoint

    def _check(self, batch: list[InventoryRow | Diagnostic], duplicates: Duplicates) -> tuple[Endpoint, ...]:
        # Few rows have any, and a list for each of a million would cost more than their validation.
        problems: dict[int, list[Diagnostic]] = {}
        checked: list[tuple[int, InventoryRow, Endpoint]] = []
        validate = self.validator.validate
        for index, item in enumerate(batch):
            if isinstance(item, Diagnostic):
                problems[index] = [item]
                continue
            result = validate(item)
            if isinstance(result, Invalid):
                problems[index] = list(result.diagnostics)
                continue
            missing = self._missing_references(item, result.endpoint) if self._reference_exists else ()
            if missing or result.warnings:
                problems[index] = [*result.warnings, *missing]
            checked.append((index, item, result.endpoint))
        repeats = duplicates.find([endpoint for _, _, endpoint in checked])
        for nth, earlier in repeats.items():
            index, row, endpoint = checked[nth]
            problems.setdefault(index, []).extend(_repeated(row, endpoint, earlier))
        first = len(self._refused)
        self._refused.extend(bytes(len(batch)))
        self.rows += len(batch)
        if not problems:
            return tuple([endpoint for _, _, endpoint in checked])
        for index in sorted(problems):
            self._note(batch[index], first + index, problems[index])
        return tuple(endpoint for index, _, endpoint in checked if not self._refused[first + index])

    def _note(self, item: InventoryRow | Diagnostic, place: int, found: list[Diagnostic]) -> None:
        """Count what is wrong with an item of the stream, which may be no row at all."""
        is_refused = any(diagnostic.severity is Severity.ERROR for diagnostic in found)
        is_row = isinstance(item, InventoryRow) or (is_refused and not self._is_of_file(item))
        self._refused[place] = is_refused
        self.rows -= not is_row
        self.invalid += is_row and is_refused
        for diagnostic in found:
            if diagnostic.severity is Severity.ERROR:
                self.errors += 1
                is_kept = self.errors <= KEPT_ERRORS
            else:
                self.warnings += 1
                is_kept = self.warnings <= KEPT_WARNINGS
            if is_kept:
                self.diagnostics.append(diagnostic)

    def _is_of_file(self, item: Diagnostic) -> bool:
        return any(item is fault for fault in self._inventory.cut_short)

    def _missing_references(self, row: InventoryRow, endpoint: Endpoint) -> list[Diagnostic]:
        exists = self._reference_exists
        references = secret_refs(endpoint)
        if exists is None or not references:
            return []
        missing = []
        for reference in references:
            if reference not in self._references:
                if len(self._references) >= _REMEMBERED_REFERENCES:
                    self._references.clear()
                self._references[reference] = exists(reference)
            reason = self._references[reference]
            if reason is not None:
                missing.append(_missing(row, reference, reason))
        return missing


def _missing(row: InventoryRow, reference: SecretRef, reason: SecretUnavailable) -> Diagnostic:
    return Diagnostic(
        severity=Severity.ERROR,
        file=row.file,
        row=row.row,
        column=next((header for header, cell in row.cells.items() if cell.strip() == reference.uri), None),
        message=f"the secret cannot be found: {reason}",
        found=shown(reference.uri),
        fix=f"{reason.fix}, {AGAIN}",
    )


def _repeated(row: InventoryRow, endpoint: Endpoint, earlier: tuple[Earlier, ...]) -> Iterator[Diagnostic]:
    """Say which rows a row repeats. A key that the name implies is not worth a diagnostic of its own."""
    has_key = any(identity(header) == "key" for header in row.cells)
    by_name = {(one.file, one.row) for one in earlier if not one.is_key}
    for one in earlier:
        if one.is_key and not has_key and (one.file, one.row) in by_name:
            continue
        what = "key" if one.is_key else "name"
        # A default key comes of the name, so that is the cell to look at.
        header = "key" if one.is_key and has_key else "name"
        message, found = (
            (f"key is the same as at {one.file}:{one.row}", endpoint.key)
            if one.is_key
            else (
                f"name is taken in sandbox {endpoint.sandbox} for {endpoint.source} by {one.file}:{one.row}",
                endpoint.name,
            )
        )
        yield Diagnostic(
            severity=Severity.ERROR,
            file=row.file,
            row=row.row,
            column=next((text for text in row.cells if identity(text) == header), None),
            message=message,
            found=shown(found),
            allowed=None if one.is_key else "a name that differs in more than case and blanks",
            fix=f"give one of the two custom rows a key of its own, {AGAIN}"
            if one.is_key and not has_key
            else f"remove one of the two rows or change its {what}, {AGAIN}",
        )


def _changed() -> InventoryChanged:
    return InventoryChanged(
        "the inventory changed between the check and the work",
        fix="let it rest, then run the same command; rows already created are skipped",
    )
