"""What people do between runs and beside one: strangers, edits, renames, deletions, restored ledgers."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from bulkconn.core.plan import OnExisting
from tests.simulation.drawing import SANDBOXES
from tests.simulation.menu import Made

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.drawing import InventoryLine
    from tests.simulation.party import Party
    from tests.simulation.scenario import Story

_OTHER_SPEC: Final = "3000eb99-cd47-43f3-827c-43caf170f015"
_TWISTS: Final[tuple[Callable[[str], str], ...]] = (
    str,
    str,
    str.upper,
    lambda name: f" {name}",
    lambda name: name.replace("é", "e\u0301"),
)
#: Rows of which an attempt may have been processed, and the names that they were sent under.
_DOUBTED: Final = "SELECT key, sent_name FROM rows WHERE ambiguous > 0 OR state IN ('sending', 'in_doubt')"


class Meddling:
    """Does to inventory, ledger and sandbox what people do."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._dice = story.dice
        self._next_row = len(story.parties[0].lines)
        #: Keys and names that were in doubt in any ledger; one that is put back is in doubt of them anew.
        self._doubted: set[str] = set()
        self.has_strangers = self._dice.random() < 0.5

    def before_everything(self) -> None:
        """Fill the sandboxes with what was there before us."""
        if self.has_strangers:
            self._plant_strangers(early=True)

    def during(self) -> None:
        """Let others work in the sandbox while a run does."""
        if self.has_strangers:
            self._plant_strangers(early=False)
        if self._dice.random() < 0.12:
            self._plant_bystanders()

    def between(self, party: Party) -> None:
        """Do what people do after a run has ended, one way or another."""
        dice, story = self._dice, self._story
        self._note_doubts()
        story.pass_time(dice.random() * dice.choice((0.0, 5.0, 300.0)))
        if dice.random() < 0.45:
            story.reboot()
        if dice.random() < 0.3 and not party.was_restored:
            self._edit_inventory(party)
        if dice.random() < 0.2:
            # Whatever the service had against these rows is mended.
            story.service.habits = replace(story.service.habits, rejected=frozenset())
        if dice.random() < 0.2 and not party.was_restored:
            self._rename_by_hand(party)
        if dice.random() < 0.15 and not party.was_restored:
            self._delete_by_hand(party)
        if dice.random() < 0.15 and not party.was_restored:
            self._hide_for_a_while(party)
        if self.has_strangers and dice.random() < 0.4:
            self._plant_between(party)
        if dice.random() < 0.15 and party.snapshots and len(story.parties) == 1:
            self._restore_ledger(party)
        party.snapshots.append(party.disk.snapshot())

    # --- the ledger -------------------------------------------------------------------------------

    def _restore_ledger(self, party: Party) -> None:
        """Put an older ledger back.

        Within the assumption that is done once everything shows that the newer one knew of, and only where
        names that exist stop a row: then nothing is lost by it. Beyond, nobody waits, and nothing is promised
        but that no id is wrong.
        """
        story = self._story
        if story.is_within:
            if story.drawing.on_existing is OnExisting.CREATE or story.drawing.grace_s is None:
                return
            if party.was_meddled_with:
                return
            story.wait_until_all_shows()
        party.disk.restore(self._dice.choice(party.snapshots))
        party.was_restored = True
        story.note("ledger restored")

    # --- the inventory ----------------------------------------------------------------------------

    def _edit_inventory(self, party: Party) -> None:
        dice, lines = self._dice, party.lines
        party.was_meddled_with = True
        self._story.note("inventory edited")
        for _ in range(dice.randint(1, 5)):
            index = dice.randrange(len(lines))
            line = lines[index]
            has_key = bool(dict(line.cells).get("key"))
            match dice.randrange(5):
                case 0 if len(lines) > 3:
                    del lines[index]
                case 1:
                    cells = {**dict(line.cells), "database": f"moved{dice.randrange(3)}"}
                    lines[index] = replace(line, cells=tuple(cells.items()))
                case 2:
                    lines.append(self._story.drawing.line(self._next_row))
                    self._next_row += 1
                case 3 if has_key:
                    lines[index] = replace(line, name=f"{line.name}-x{self._story.runs}")
                case 4 if has_key:
                    lines[index] = replace(line, sandbox=dice.choice(SANDBOXES))
                case _:
                    pass

    # --- what is ours in the sandbox --------------------------------------------------------------

    def _rename_by_hand(self, party: Party) -> None:
        """Let somebody give one of our finished connections the name of a row that was never sent."""
        created = party.disk.rows("SELECT connection_id FROM rows WHERE state = 'created'")
        known = {key for (key,) in party.disk.rows("SELECT key FROM rows WHERE attempts > 0")}
        free = [line for line in party.lines if line.endpoint().key not in known]
        if not created or not free:
            return
        (made_id,) = self._dice.choice(created)
        line = self._dice.choice(free)
        for made in self._ours(party):
            if made.id == made_id and made.sandbox == line.sandbox:
                party.was_meddled_with = True
                made.name = line.name
                self._story.note("connection renamed by hand")

    def _delete_by_hand(self, party: Party) -> None:
        """Let somebody delete some of what we made: finished, in doubt, or one of two."""
        now_s = self._story.loop.now_s
        there = [made for made in self._ours(party) if made.effect_s < now_s and not made.is_gone]
        for made in self._dice.sample(there, min(len(there), self._dice.randint(1, 4))):
            party.was_meddled_with = True
            made.gone_s = now_s
            self._story.note("connection deleted by hand")

    def _hide_for_a_while(self, party: Party) -> None:
        """Let listings leave out some of what we made.

        Within the assumption only what the ledger knows: its row is never sent again. There it must not make
        others slip through between two pages either.
        """
        story, dice = self._story, self._dice
        if story.is_within and story.service.habits.shifts_pages:
            return
        now_s = story.loop.now_s
        known = {made_id for (made_id,) in party.disk.rows("SELECT connection_id FROM rows")}
        there = [
            made
            for made in self._ours(party)
            if made.visible_s < now_s and not made.hidden and (made.id in known or not story.is_within)
        ]
        for made in dice.sample(there, min(len(there), dice.randint(1, 4))):
            party.was_meddled_with = True
            made.hidden = (story.drawing.span(now_s, 60.0, 200.0),)
            story.note("connection hidden from listings")

    def _ours(self, party: Party) -> list[Made]:
        return [made for made in self._story.service.made if made.owner is party]

    # --- strangers --------------------------------------------------------------------------------

    def _stranger(
        self, line: InventoryLine, client: str | None, at_s: float, *, spec: str | None = None
    ) -> Made:
        one = line.endpoint()
        return Made(
            f"other-{len(self._story.service.made):04d}",
            line.sandbox,
            self._dice.choice(_TWISTS)(line.name),
            spec or one.connection_spec_id,
            at_s,
            at_s,
            client=client,
            params={
                "server": dict(line.cells).get("server", f"{line.name}.example.com"),
                "database": "sales",
            },
        )

    def _plant_strangers(self, *, early: bool) -> None:
        """Plant some before the first run (any client), or in the midst of a run (told by their client)."""
        dice, service, now_s = self._dice, self._story.service, self._story.loop.now_s
        clients = (None, self._story.parties[0].client_id, "human")
        for line in self._story.parties[0].lines:
            if dice.random() > 0.06:
                continue
            if dice.random() < 0.4:
                at_s = 0.0 if early else now_s + dice.random() * 30.0
                service.plant(self._stranger(line, dice.choice(clients), at_s, spec=_OTHER_SPEC))
            elif early and self._story.is_within:
                service.plant(self._stranger(line, dice.choice(clients), 0.0))
            elif early and service.habits.shows_client:
                # Beyond the assumption a blind look before the first send may miss it.
                service.plant(self._stranger(line, "human", 0.0))
            elif not early and service.habits.shows_client:
                service.plant(self._stranger(line, "human", now_s + dice.random() * 30.0))

    def _note_doubts(self) -> None:
        for party in self._story.parties:
            self._doubted.update(one for row in party.disk.rows(_DOUBTED) for one in row if one is not None)

    def _plant_between(self, party: Party) -> None:
        """Plant one that shows before the next intent of its row.

        Under the name of a row that is in doubt, or that a ledger put back would be in doubt of, only one
        whose creator is shown: nothing else in a listing tells a namesake from ours.
        """
        story, dice = self._story, self._dice
        if not story.is_within:
            return
        line = dice.choice(party.lines)
        client = dice.choice((None, party.client_id, "human"))
        if self._doubted & {line.endpoint().key, line.name}:
            if not story.service.habits.shows_client:
                return
            client = "human"
            story.note("stranger during a doubt")
        story.service.plant(self._stranger(line, client, story.loop.now_s))

    def _plant_bystanders(self) -> None:
        """Let others make connections that are none of our business while we page through them.

        Beyond the assumption they delete some too, and pages counted from the beginning then skip some.
        """
        dice, service = self._dice, self._story.service
        self._story.note("others busy beside us")
        for number in range(dice.randint(5, 25)):
            at_s = self._story.loop.now_s + dice.random() * 40.0
            sandbox, name = dice.choice(SANDBOXES), f"Bystander-{len(service.made)}-{number}"
            made = Made(f"other-{len(service.made):04d}", sandbox, name, _OTHER_SPEC, at_s, at_s)
            if not service.habits.shifts_pages or not self._story.is_within:
                made.gone_s = at_s + dice.random() * 60.0
            service.plant(made)
