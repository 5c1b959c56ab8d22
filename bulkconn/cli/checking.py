"""The first pass of `plan` and `run`: every row is read, validated and compared with the ledger."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bulkconn.cli.secretstores import references_of
from bulkconn.cli.signals import interruptible
from bulkconn.core.diagnostics import Diagnostic, Severity
from bulkconn.core.errors import ExitCode
from bulkconn.core.outcome import Scope
from bulkconn.core.report import DELETED_NAME, Report, Stop, ThisRun
from bulkconn.core.secret import REFERENCE_SCHEMES
from bulkconn.core.validation import Validator
from bulkconn.engine.survey import Survey, survey_batch
from bulkconn.flowservice.proxy import proxy_of
from bulkconn.flowservice.url_rules import is_loopback
from bulkconn.inventory.check import InventoryCheck
from bulkconn.inventory.inventory import Inventory
from bulkconn.inventory.network import Network
from bulkconn.report.words import plural
from bulkconn.sources import ALL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import BinaryIO

    from bulkconn.cli.given import Given
    from bulkconn.cli.spec_check import SpecCheck
    from bulkconn.core.endpoint import Endpoint
    from bulkconn.core.names import EndpointKey
    from bulkconn.core.plan import Reopen
    from bulkconn.core.protocols import Ledger
    from bulkconn.core.record import NameConflict
    from bulkconn.secretrefs.resolver import References

#: Endpoints compared with the ledger between two looks at signals.
_BATCH: Final = 500


@dataclass(slots=True)
class Checked:
    """What the first pass found, and the endpoints for the second."""

    check: InventoryCheck
    inventory: Inventory
    references: References
    survey: Survey = field(default_factory=Survey)
    conflicts: list[Diagnostic] = field(default_factory=list)
    taken: set[EndpointKey] = field(default_factory=set)
    notes: list[Diagnostic] = field(default_factory=list)
    lookups: int = 0

    def forget(self) -> None:
        """Begin anew: the next pass may judge otherwise."""
        self.survey = Survey()
        self.conflicts.clear()
        self.taken.clear()

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """All that is kept: what concerns the whole check, the rows' faults, conflicts with the ledger."""
        return [*self.notes, *self.check.diagnostics, *self.conflicts]

    @property
    def errors(self) -> int:
        """How many errors there are, shown or not."""
        return self.check.errors + len(self.conflicts)

    @property
    def passed_over(self) -> list[Diagnostic]:
        """Rows that a run leaves without a connection because nobody asked for one, and how to ask."""
        files = ", ".join(self.inventory.names)
        behind, deleted = self.survey.left_behind, self.survey.tally.counts.get(DELETED_NAME, 0)
        told = []
        if behind:
            message = f"{plural(behind, 'row')} left pending: --retry-failed sends failed rows only"
            fix = "run the same command without --retry-failed (and --error-code): it sends them too"
            told.append(Diagnostic(Severity.WARNING, files, message, fix))
        if deleted:
            message = f"{plural(deleted, 'row')} rolled back, and not created again"
            fix = "create them again with `bulkconn run --recreate`, or take them out of the inventory"
            told.append(Diagnostic(Severity.WARNING, files, message, fix))
        return told

    def may_go_on(self, *, skip_invalid: bool) -> bool:
        """Tell whether what is wrong lets a run begin. A file that is cut short never does."""
        return not self.errors or (skip_invalid and self.check.is_whole)

    def endpoints(self) -> Iterator[Endpoint]:
        """Read again, and give the valid endpoints."""
        for endpoint in self.check.second_pass():
            if endpoint.key not in self.taken:
                yield endpoint

    def stopped(self, stop: Stop, *, ledger: str | None, duration_s: float) -> Report:
        """Give the report of a command that does not begin for a reason that is not the inventory's."""
        return Report(
            run_id=None,
            ledger=ledger,
            counts=self.survey.tally.counts,
            this_run=ThisRun(skipped=self.survey.skipped, lookups=self.lookups),
            duration_s=duration_s,
            exit_code=ExitCode.STOPPED,
            diagnostics=self.diagnostics,
            stopped=stop,
        )

    def refusal(self, *, ledger: str | None, skip_invalid: bool, duration_s: float) -> Report:
        """Give the report of a command that does not begin because of the inventory."""
        files = plural(len(self.inventory.names), "inventory file")
        fix = "correct what is listed, then run the same command"
        if not self.check.is_whole:
            fix = "mend the file that cannot be read to its end, then run the same command"
        elif not skip_invalid:
            fix += "; or go on without these rows with --skip-invalid"
        return Report(
            run_id=None,
            ledger=ledger,
            counts=self.survey.tally.counts,
            this_run=ThisRun(lookups=self.lookups),
            duration_s=duration_s,
            exit_code=ExitCode.INVENTORY_INVALID,
            diagnostics=self.diagnostics,
            stopped=Stop(f"{plural(self.errors, 'error')} in {files}; nothing was sent", Scope.RUN, fix),
        )


@contextmanager
def opened(
    given: Given, paths: Sequence[str], stdin: BinaryIO, *, looks_for_secrets: bool = True
) -> Iterator[Checked]:
    """Open inventories for both passes. What comes over a pipe or a network is all here after that.

    With `looks_for_secrets` a reference that cannot be resolved is an error of its row; without, any
    reference is taken, and no store is touched.

    Raises:
        UsageError: one cannot be opened.
        Interrupted: a signal came while one was copied.
    """
    references = references_of(given)
    validator = Validator(
        ALL,
        defaults=given.row_defaults,
        schemes=references.schemes if looks_for_secrets else REFERENCE_SCHEMES,
        forbid_plaintext=given.is_on("forbid_plaintext_secrets"),
    )
    with interruptible():
        inventory = Inventory.open(
            paths, stdin=stdin, network=network_of(given), encoding=given.text("encoding")
        )
    with inventory:
        exists = references.exists if looks_for_secrets else None
        check = InventoryCheck(inventory, validator, reference_exists=exists)
        yield Checked(check, inventory, references)


def network_of(given: Given) -> Network:
    """Give the way to inventories that are elsewhere; the rules are those of Flow Service.

    Raises:
        UsageError: the authorization for them is no header.
    """
    return Network(
        proxy_of,
        is_loopback,
        allow_http=given.is_on("insecure_http"),
        authorization=given.inventory_authorization(),
    )


async def take_stock(
    checked: Checked, ledger: Ledger, specs: SpecCheck | None = None, *, reopen: Reopen
) -> None:
    """Make the first pass: afterwards `checked` has all counts and diagnostics.

    Where rows are refused by what a ledger once kept of the service's word, the service is asked anew.
    Cancel: safe, nothing was written.
    """
    await _first_pass(checked, ledger, reopen=reopen)
    if checked.check.errors and specs is not None and await specs.ask_anew():
        checked.forget()
        await _first_pass(checked, ledger, reopen=reopen)


async def _first_pass(checked: Checked, ledger: Ledger, *, reopen: Reopen) -> None:
    for endpoints in checked.check.first_pass():
        for start in range(0, len(endpoints), _BATCH):
            found = await survey_batch(
                checked.survey, ledger, endpoints[start : start + _BATCH], reopen=reopen
            )
            for endpoint, conflict in found:
                checked.conflicts.append(_conflict(endpoint, conflict))
                checked.taken.add(endpoint.key)
            # Reading is not awaited, so this is where a signal is heard.
            await asyncio.sleep(0)
    checked.survey.tally.add("invalid", checked.check.invalid + len(checked.conflicts))


def _conflict(endpoint: Endpoint, conflict: NameConflict) -> Diagnostic:
    state = conflict.state.value.replace("_", " ")
    return Diagnostic(
        Severity.ERROR,
        endpoint.file,
        f"the ledger has this name already under another key: {conflict.key} "
        f"({conflict.inventory_file}:{conflict.inventory_row}, {state})",
        "give the row that key in a `key` column if it is the same database, or rename it; then run the "
        "same command",
        row=endpoint.row,
        column="name",
        found=endpoint.name,
    )
