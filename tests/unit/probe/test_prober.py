"""Many rows, few at one server: order, limits, mercy, memory. The probes answer from a table."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from bulkconn.core.endpoint import SecretStoreDown
from bulkconn.core.reach import Answer, Cause, Result
from bulkconn.probe import hosts
from bulkconn.probe import prober as prober_module
from bulkconn.probe.hosts import ENOUGH
from bulkconn.probe.prober import WINDOW
from bulkconn.probe.settings import ProbeSettings
from tests.unit.probe.rows import (
    DEAD,
    GOOD,
    NO_DATABASE,
    WRONG,
    FakeProbe,
    endpoint,
    plain,
    prober_of,
    reaches,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bulkconn.core.reach import RowReach
    from bulkconn.probe.target import Target


def results(rows: list[RowReach]) -> Counter[str]:
    """Count rows by result, and by whether they were tried."""
    return Counter(f"{row.answer.result.value}{'' if row.answer.is_tried else ', not tried'}" for row in rows)


async def test_rows_come_in_the_order_of_the_inventory() -> None:
    """Whichever is answered first, and however many there are."""
    count = WINDOW + 100
    rows = await reaches(prober_of(FakeProbe()), [endpoint(number) for number in range(count)])
    assert [row.endpoint.row for row in rows] == list(range(1, count + 1))
    assert {plain(row.answer) for row in rows} == {GOOD}
    assert {(row.host, row.port) for row in rows} == {("127.0.0.1", 5432)}


async def test_limits_hold_in_all_and_at_one_server() -> None:
    """A server sees few probes at once, however many rows it has."""
    probe = FakeProbe(turns=300)
    rows = [endpoint(number, port=str(5000 + number % 4)) for number in range(200)]
    await reaches(prober_of(probe, ProbeSettings(concurrency=10, per_host=3)), rows)
    assert probe.most == 10
    assert max(probe.most_at_once.values()) == 3


async def test_rows_of_a_slow_server_do_not_keep_the_others_waiting() -> None:
    """Those who wait for their server hold no place that others could use."""
    slow = [endpoint(number) for number in range(50)]
    fast = [endpoint(number, port="6000") for number in range(50, 60)]
    probe = FakeProbe(turns=300)
    await reaches(prober_of(probe, ProbeSettings(concurrency=4, per_host=2)), slow + fast)
    first_fast = next(at for at, target in enumerate(probe.asked) if target.address.port == 6000)
    assert first_fast < 10


async def test_rows_that_are_alike_to_the_letter_are_tried_once() -> None:
    """One login serves all rows with the same server, user, password, database and TLS mode."""
    probe = FakeProbe()
    rows = await reaches(
        prober_of(probe), [endpoint(number, database="same") for number in range(20)] + [endpoint(99)]
    )
    assert len(probe.asked) == 2
    assert results(rows) == {"ok": 2, "ok, not tried": 19}


async def test_refused_password_is_not_tried_more_than_three_times() -> None:
    """Five hundred rows with one wrong password must not lock the account."""
    probe = FakeProbe()
    rows = await reaches(prober_of(probe), [endpoint(number, password="wrong") for number in range(500)])
    assert len(probe.asked) == ENOUGH
    assert results(rows) == {"failed": ENOUGH, "failed, not tried": 500 - ENOUGH}
    assert {row.answer.cause for row in rows} == {Cause.WRONG_PASSWORD}
    assert "not tried again: 3 logins of this user were refused" in rows[-1].answer.message


async def test_other_passwords_of_a_refused_user_are_not_checked() -> None:
    """They may be right, so nothing is claimed; and they may be wrong, so nothing is risked."""
    wrong = [endpoint(number, password="wrong") for number in range(10)]
    right = [endpoint(number) for number in range(10, 20)]
    other = [endpoint(number, username="v") for number in range(20, 30)]
    probe = FakeProbe()
    rows = await reaches(prober_of(probe), wrong + right + other)
    assert results(rows[:10]) == {"failed": ENOUGH, "failed, not tried": 10 - ENOUGH}
    assert results(rows[10:20]) == {"not_checked, not tried": 10}
    assert results(rows[20:]) == {"ok": 10}


@pytest.mark.parametrize("good", [GOOD, NO_DATABASE], ids=["ok", "no-database"])
async def test_password_that_proved_right_is_no_longer_rationed(good: Answer) -> None:
    """Wrong ones of the same user, earlier or later, do not count against it."""
    probe = FakeProbe(lambda target: good if _password(target) == "right" else WRONG)
    rows = [
        *(endpoint(number) for number in range(10)),
        *(endpoint(number, password=f"wrong {number}") for number in range(10, 20)),
        *(endpoint(number) for number in range(20, 40)),
    ]
    found = await reaches(prober_of(probe), rows)
    refused = sum(_password(target) != "right" for target in probe.asked)
    assert refused == ENOUGH
    assert {plain(row.answer) for row in found[:10] + found[20:]} == {good}
    assert probe.most_at_once[5432] == 4


async def test_dead_server_is_given_up_after_few_tries() -> None:
    """Five hundred rows on a dead host take the time of a few, and say that they were not tried."""
    probe = FakeProbe(lambda _: DEAD)
    rows = await reaches(prober_of(probe), [endpoint(number) for number in range(500)])
    assert ENOUGH <= len(probe.asked) <= ENOUGH + 4
    assert {row.answer.cause for row in rows} == {Cause.TIMEOUT}
    assert {row.answer.result for row in rows} == {Result.FAILED}
    assert "not tried again: 3 rows of this server had failed alike" in rows[-1].answer.message


async def test_server_that_fails_now_and_then_is_not_given_up() -> None:
    """Only like failures in a row count; what comes past them begins the count anew."""
    answers: Iterator[Answer] = iter([DEAD, DEAD, GOOD] * 20)
    probe = FakeProbe(lambda _: next(answers))
    rows = await reaches(
        prober_of(probe, ProbeSettings(per_host=1)), [endpoint(number) for number in range(60)]
    )
    assert len(probe.asked) == 60
    assert results(rows) == {"ok": 20, "failed": 40}


async def test_tls_failures_concern_rows_of_the_same_mode_alone() -> None:
    """A certificate that one mode refuses says nothing of a mode that takes any."""
    refused = Answer(Result.FAILED, Cause.TLS, "X509-18", "self-signed")
    probe = FakeProbe(lambda target: refused if _mode(target) == "verify_ca" else GOOD)
    strict = [endpoint(number, sslMode="Verify-Ca") for number in range(20)]
    lax = [endpoint(number, sslMode="Require") for number in range(20, 40)]
    rows = await reaches(prober_of(probe, ProbeSettings(per_host=1)), strict + lax)
    assert results(rows[:20]) == {"failed": ENOUGH, "failed, not tried": 20 - ENOUGH}
    assert results(rows[20:]) == {"ok": 20}


async def test_rows_without_a_probe_are_answered_as_they_are() -> None:
    """A secret that is not there, a string that cannot be read."""
    whole = {"auth": "connection_string", "connectionString": "Server=h x;Database=d;Port=1;UID=u;Password=p"}
    rows = await reaches(
        prober_of(FakeProbe()), [endpoint(1, password="env://MISSING"), endpoint(2, **_blank(), **whole)]
    )
    assert [row.answer.cause for row in rows] == [Cause.SECRET, Cause.UNREADABLE]
    assert rows[0].answer.message == "env://MISSING: the environment variable is not set"
    assert [(row.host, row.port) for row in rows] == [(None, None), (None, None)]


async def test_rows_of_a_source_without_a_login_are_given_up_like_others() -> None:
    """Mercy for servers does not take a login."""
    probe = FakeProbe(lambda _: DEAD)
    cells = {"source": "oracle", "platform_cloud": "aws", "sslMode": "false", "schema": "s"}
    rows = [endpoint(number, port="1521", **cells) for number in range(50)]
    found = await reaches(prober_of(probe), rows)
    # All of them are one connection to one address.
    assert results(found) == {"failed": 1, "failed, not tried": 49}


async def test_probe_that_takes_too_long_is_cut_and_looked_into() -> None:
    """The timeout is over all of it, since no driver's own is."""

    class Slow(FakeProbe):
        async def __call__(self, target: Target) -> Answer:
            await asyncio.Event().wait()
            raise AssertionError

    rows = await reaches(prober_of(Slow(), ProbeSettings(timeout_s=0.01)), [endpoint(1, port="1")])
    # Nothing listens on port 1, and the second look finds that out.
    assert rows[0].answer.cause is Cause.REFUSED


async def test_prober_that_is_stopped_gives_what_is_known() -> None:
    """Rows under way are cut, rows behind them are not begun, rows in front are given."""
    probe = FakeProbe()
    prober = prober_of(probe, ProbeSettings(concurrency=2))
    rows = []
    async for row in prober.reaches(endpoint(number) for number in range(1000)):
        rows.append(row)
        if len(rows) == 20:
            prober.stop()
    assert 20 <= len(rows) < 100
    assert len(probe.asked) < 100
    assert {plain(row.answer) for row in rows} == {GOOD}


async def test_store_of_secrets_that_is_down_ends_the_check_behind_what_is_known() -> None:
    """Rows that have their answers are given, also those behind the one that found it out."""
    prober = prober_of(FakeProbe())
    rows: list[RowReach] = []

    async def check() -> None:
        async for row in prober.reaches([endpoint(1, password="env://DOWN"), endpoint(2), endpoint(3)]):
            rows.append(row)  # noqa: PERF401 - what came before the exception is what counts

    with pytest.raises(SecretStoreDown):
        await check()
    assert [row.endpoint.name for row in rows] == ["row 2", "row 3"]


async def test_probe_that_breaks_ends_the_check() -> None:
    """A defect of ours is not a row's failure; nobody waits for its like for ever."""

    class Broken(FakeProbe):
        async def __call__(self, target: Target) -> Answer:
            await asyncio.sleep(0)
            raise ZeroDivisionError

    same = [endpoint(number, database="same") for number in range(10)]
    with pytest.raises(ZeroDivisionError):
        await reaches(prober_of(Broken()), same)


async def test_what_is_remembered_does_not_grow_with_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of servers, accounts and answers a bounded number is kept, whatever an inventory holds."""
    monkeypatch.setattr(prober_module, "WINDOW", 32)
    monkeypatch.setattr(prober_module, "_REMEMBERED", 50)
    monkeypatch.setattr(hosts, "_REMEMBERED", 50)
    prober = prober_of(FakeProbe())
    many_servers = [endpoint(number, port=str(number)) for number in range(1, 400)]
    many_users = [endpoint(number, username=f"u{number}") for number in range(400, 800)]
    assert len(await reaches(prober, many_servers + many_users)) == 799
    assert len(prober._answers) <= 50
    assert len(prober._servers._servers) <= 50
    assert not any(server.accounts for server in prober._servers._servers.values())


def _password(target: Target) -> str:
    assert target.login is not None
    return target.login.password.get_secret_value()


def _mode(target: Target) -> str:
    assert target.login is not None
    return target.login.tls.value


def _blank() -> dict[str, str]:
    return dict.fromkeys(("server", "port", "database", "username", "password", "sslMode"), "")
