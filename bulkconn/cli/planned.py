"""Plans on disk: `plan -o` writes one, `run --plan` executes it or refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from bulkconn.core.errors import UsageError
from bulkconn.core.plan_file import SETTING_NAMES, PlanFile, Situation, parse_plan
from bulkconn.report.export import replacing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bulkconn.cli.checking import Checked
    from bulkconn.cli.given import Given
    from bulkconn.core.record import LedgerInfo

_AGAIN: Final = (
    "make a new plan; or give the inventories without --plan, which also goes on with a run cut short"
)


def situation_of(
    checked: Checked, base_url: str, org_id: str | None, info: LedgerInfo | None, digest: str | None
) -> Situation:
    """Give what a plan rests on, after the first pass over the inventories."""
    return Situation(
        tuple((file.name, file.sha256) for file in checked.inventory.files),
        base_url,
        org_id,
        None if info is None else info.ledger_id,
        digest,
        sum(checked.survey.to_send.values()),
    )


def write_plan(path: str, given: Given, situation: Situation, counts: Mapping[str, int]) -> None:
    """Write a plan, in the place of an older one.

    Raises:
        UsageError: it cannot be written.
    """
    settings = {name: given.params.get(name) for name in SETTING_NAMES}
    cloud = given.row_defaults.platform_cloud
    settings |= {
        "sandbox": given.row_defaults.sandbox,
        "platform_cloud": None if cloud is None else cloud.value,
        "error_code": sorted(given.reopen.codes),
    }
    with replacing(Path(path)) as out:
        out.write(PlanFile(situation, settings, counts).as_text())


def take_plan(params: Mapping[str, Any]) -> tuple[Mapping[str, Any], PlanFile | None]:
    """Give a run's parameters, with those of the plan that it names in their place.

    Raises:
        UsageError: the plan cannot be read, or neither a plan nor an inventory is named.
    """
    path = params.get("plan")
    if not path:
        if not params["inventory"]:
            raise UsageError(
                "Missing argument 'INVENTORY...'", fix="name the inventories, or a plan with --plan"
            )
        return params, None
    try:
        plan = parse_plan(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"{path} cannot be read: {reason}", fix="name a file that `bulkconn plan -o` wrote"
        ) from None
    paths = params["inventory"] or _paths_of(plan)
    settings = {**plan.settings, "error_code": tuple(plan.settings["error_code"])}
    return {**params, **settings, "inventory": paths}, plan


def _paths_of(plan: PlanFile) -> Sequence[str]:
    names = [name for name, _ in plan.situation.inventories]
    # What a signed address was is not in the plan, and standard input is read once.
    lost = [name for name in names if "***" in name or name.startswith("<")]
    if lost:
        raise UsageError(
            f"the plan does not say where {lost[0]} is", fix="name the inventories beside --plan"
        )
    return tuple(names)


def check_plan(plan: PlanFile, now: Situation) -> None:
    """Do nothing if everything is as it was when the plan was made.

    Raises:
        UsageError: something moved on; nothing was sent.
    """
    moved = plan.situation.moved_on(now)
    if moved is not None:
        raise UsageError(f"{moved}; nothing was sent", fix=_AGAIN)
