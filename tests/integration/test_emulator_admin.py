"""An emulator's admin routes as a rehearsal uses them, amid faults."""

from __future__ import annotations

import asyncio

import pytest

from bulkconn.cli import emulator_admin
from bulkconn.cli.emulator_admin import EmulatorAdmin, EmulatorGone, origin_of, speaking_to
from bulkconn.cli.venue import venue_at
from bulkconn.core.errors import UsageError
from bulkconn.emulator import Emulator, EmulatorSettings, FaultPlan, Place, PlantedConnection


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8080",
        " http://127.0.0.1:8080/ ",
        "http://127.0.0.1:8080/data/foundation/flowservice",
        "http://127.0.0.1:8080/data/foundation/flowservice/",
    ],
)
def test_origin_of_an_emulators_url_is_without_its_path(url: str) -> None:
    """Both URLs that an emulator prints will do."""
    assert origin_of(url) == "http://127.0.0.1:8080"


def test_origin_of_another_machine_needs_no_encryption() -> None:
    """Nothing secret is ever sent there."""
    assert origin_of("http://emulator:8080") == "http://emulator:8080"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nowhere", "--emulator is not a web address"),
        ("http://me:secret@127.0.0.1:8080", "--emulator holds a user name or password"),
        ("http://127.0.0.1:8080/elsewhere", "--emulator has a path that no emulator has"),
        ("https://adobe.com", "a rehearsal never talks to Adobe"),
        ("https://platform-nld2.adobe.io/data/foundation/flowservice", "never talks to Adobe"),
        ("https://Platform.Adobe.IO.:443", "never talks to Adobe"),
    ],
)
def test_origin_of_what_is_no_emulators_url_is_refused(url: str, words: str) -> None:
    """What is wrong is said, and a password is not."""
    with pytest.raises(UsageError, match=words) as refused:
        origin_of(url)
    assert refused.value.fix
    assert "secret" not in str(refused.value)


async def test_admin_asks_again_while_an_emulator_is_down() -> None:
    """A rehearsal's own questions survive the faults that it planned."""
    async with Emulator() as emulator, speaking_to(emulator.ims_url) as admin:
        emulator.go_down(0.5)
        assert (await admin.introduction()).posts == 0
        await admin.plan_faults(FaultPlan.model_validate({"chances": {"refuse": 0.5}}), seed=1)
        for _ in range(5):
            assert (await admin.totals()).surplus == 0


async def test_admin_gives_up_where_nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An emulator that was stopped ends the rehearsal in words, and saying goodbye to it is no fault."""
    monkeypatch.setattr(emulator_admin, "_FAREWELL_S", 0.0)
    async with Emulator() as emulator:
        url = emulator.ims_url
    async with speaking_to(url) as admin:
        with pytest.raises(EmulatorGone, match="does not answer as it should"):
            await _read(admin)
        await admin.clear_faults()


async def _read(admin: EmulatorAdmin) -> None:
    async for _ in admin.connections():
        pass


async def test_admin_counts_twins_beyond_the_first() -> None:
    """Three of a name are two too many."""
    async with Emulator() as emulator, speaking_to(emulator.ims_url) as admin:
        for _ in range(3):
            emulator.plant(PlantedConnection(sandbox="dev", name="a", connection_spec_id="s"))
        assert (await admin.totals()).surplus == 2
        assert [one.name async for one in admin.connections()] == ["a", "a", "a"]


async def test_venue_that_is_left_forgets_the_faults_that_were_planned() -> None:
    """An emulator of the user's goes on, also after Ctrl-C, and misbehaves no more."""
    async with Emulator(EmulatorSettings()) as emulator:
        with pytest.raises(asyncio.CancelledError):
            await _interrupted_at(emulator.ims_url)
        async with speaking_to(emulator.ims_url) as admin:
            await admin.check()
        assert not emulator._service.deck._chances[Place.POST]


async def _interrupted_at(url: str) -> None:
    async with venue_at(url), speaking_to(url) as admin:
        await admin.plan_faults(FaultPlan.model_validate({"chances": {"slow": 1}}), seed=1)
        raise asyncio.CancelledError
