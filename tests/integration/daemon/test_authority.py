"""The embedded authority's process: made once, started on need, stopped, pinned."""

import asyncio
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from custode.daemon import authority
from custode.daemon.authority import ConfiguredAuthority
from custode.daemon.config_file import LiveConfig, set_value
from custode.daemon.store import Store
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.paths import Paths

PIN = hashlib.sha256(b"not really DER").hexdigest()
PROGRAM = (sys.executable, str(Path(__file__).with_name("fake_authority.py")))


class Bench:
    def __init__(self, home: Path) -> None:
        self.paths = Paths.at(home)
        self.paths.make()

    def make(self, store: Store) -> ConfiguredAuthority:
        return ConfiguredAuthority(self.paths, LiveConfig(self.paths.config), store, PROGRAM)

    def play(self, story: Callable[[ConfiguredAuthority], Awaitable[None]]) -> None:
        async def run() -> None:
            store = Store.open(self.paths.state)
            subject = self.make(store)
            try:
                async with asyncio.timeout(20):
                    await story(subject)
            finally:
                await subject.stop()
                store.close()

        asyncio.run(run())

    def calls(self) -> list[list[str]]:
        return [line.split() for line in (self.paths.home / "calls").read_text().splitlines()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def is_there(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_it_is_made_once_started_on_need_and_named(bench: Bench) -> None:
    set_value(bench.paths.config, "authority.generation_s", 3)
    set_value(bench.paths.config, "authority.idle_s", 20)

    async def story(subject: ConfiguredAuthority) -> None:
        assert subject.report()["running"] is False
        addresses = await asyncio.gather(*(subject.ensure_running() for _ in range(3)))
        assert {address.url for address in addresses} == {"https://127.0.0.1:12345"}
        assert {address.pin_sha256 for address in addresses} == {PIN}
        assert addresses[0].home == str(bench.paths.authority_home)
        report = subject.report()
        assert (report["mode"], report["running"], report["url"]) == (
            "embedded",
            True,
            "https://127.0.0.1:12345",
        )

    bench.play(story)
    bench.play(story)
    calls = bench.calls()
    assert [call[:3] for call in calls] == [
        ["init", "3", "None"],
        ["serve", "None", "620"],
        ["serve", "None", "620"],
    ]
    assert not any(is_there(int(call[3])) for call in calls)


def test_it_ends_when_idle_but_never_while_it_is_used(bench: Bench) -> None:
    """Whoever asks just as it ends waits until it is gone, and has it started again."""

    async def story(subject: ConfiguredAuthority) -> None:
        async def use(seconds: float) -> int:
            async with subject.in_use():
                pid = int(bench.calls()[-1][3])
                subject._idle_s = 0.2
                await asyncio.sleep(seconds)
                assert is_there(pid)
                return pid

        first = await asyncio.gather(use(0.8), use(0.1))
        assert len(set(first)) == 1
        assert await use(0.0) == first[0]  # not idle for long enough
        assert subject._process
        await subject._process.wait()
        others = await asyncio.gather(*(use(0.5) for _ in range(3)))
        assert len({*first, *others}) == 2
        assert not is_there(first[0])

    bench.play(story)
    assert [call[0] for call in bench.calls()] == ["init", "serve", "serve"]
    assert not is_there(int(bench.calls()[-1][3]))


def test_asking_while_it_ends_meets_a_new_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE", "stubborn")
    monkeypatch.setattr(authority, "STOP_DEADLINE_S", 0.5)

    async def story(subject: ConfiguredAuthority) -> None:
        async with subject.in_use():
            before = int(bench.calls()[-1][3])
        subject._idle_out()
        await asyncio.sleep(0.1)  # it was told to end, and takes its time
        async with subject.in_use():
            assert int(bench.calls()[-1][3]) != before
            assert not is_there(before)
            assert subject.running

    bench.play(story)


def test_autostart_off_stops_it_without_a_restart_of_the_agent(bench: Bench) -> None:
    async def story(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()
        set_value(bench.paths.config, "authority.autostart", False)
        with pytest.raises(CustodeError) as caught:
            await subject.ensure_running()
        assert (caught.value.code, caught.value.exit) == (ErrorCode.AUTHORITY_STOPPED, 20)
        assert not subject.running
        assert not is_there(int(bench.calls()[-1][3]))
        set_value(bench.paths.config, "authority.autostart", True)
        await subject.ensure_running()
        assert subject.running

    bench.play(story)


def test_one_that_ended_is_started_again(bench: Bench) -> None:
    async def story(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()
        pid = int(bench.calls()[-1][3])
        os.kill(pid, 9)
        assert subject._process
        await subject._process.wait()
        await subject.ensure_running()
        assert int(bench.calls()[-1][3]) != pid

    bench.play(story)


def test_one_that_was_killed_is_not_taken_for_running(bench: Bench) -> None:
    async def story(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()
        assert subject.report()["running"] is True
        pid = int(bench.calls()[-1][3])
        os.kill(pid, 9)
        until = time.monotonic() + 10
        while is_there(pid) and time.monotonic() < until:
            time.sleep(0.01)  # noqa: ASYNC251 - so that the loop cannot hear of it
        assert subject._process is not None
        assert subject._process.returncode is None
        assert subject.report()["running"] is False
        await subject.ensure_running()
        assert subject.report()["running"] is True
        assert int(bench.calls()[-1][3]) != pid

    bench.play(story)


def test_one_that_a_killed_agent_left_is_ended_first(bench: Bench) -> None:
    async def left(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()
        subject._process = None  # as if this agent had been killed

    async def again(subject: ConfiguredAuthority) -> None:
        before = int(bench.calls()[-1][3])
        await subject.ensure_running()
        assert not is_there(before)

    async def run() -> None:
        store = Store.open(bench.paths.state)
        await left(bench.make(store))
        store.close()

    asyncio.run(run())
    assert is_there(int(bench.calls()[-1][3]))
    bench.play(again)


def test_autostart_off_also_stops_the_one_that_was_left(bench: Bench) -> None:
    test_it_is_made_once_started_on_need_and_named(bench)

    async def run() -> None:
        store = Store.open(bench.paths.state)
        subject = bench.make(store)
        await subject.ensure_running()
        subject._process = None
        set_value(bench.paths.config, "authority.autostart", False)
        with pytest.raises(CustodeError):
            await bench.make(store).ensure_running()
        store.close()

    asyncio.run(run())
    assert not is_there(int(bench.calls()[-1][3]))


@pytest.mark.parametrize("how", ["init fails", "serve fails", "never ready"])
def test_what_does_not_come_up_is_unavailable_and_gone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("FAKE", how)
    monkeypatch.setattr(authority, "READY_DEADLINE_S", 0.5)

    async def story(subject: ConfiguredAuthority) -> None:
        with pytest.raises(CustodeError) as caught:
            await subject.ensure_running()
        assert caught.value.code is ErrorCode.AUTHORITY_UNAVAILABLE
        assert not subject.running

    bench.play(story)
    assert not is_there(int(bench.calls()[-1][3]))


def test_a_stubborn_one_is_killed(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAKE", "stubborn")
    monkeypatch.setattr(authority, "STOP_DEADLINE_S", 0.3)

    async def story(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()
        await subject.stop()
        assert not is_there(int(bench.calls()[-1][3]))

    bench.play(story)


def test_another_ca_in_the_folder_is_not_believed(bench: Bench) -> None:
    async def first(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()

    async def second(subject: ConfiguredAuthority) -> None:
        pem = bench.paths.authority_home / "ca.pem"
        pem.write_text("-----BEGIN CERTIFICATE-----\nb3RoZXI=\n-----END CERTIFICATE-----\n")
        with pytest.raises(CustodeError) as caught:
            await subject.ensure_running()
        assert caught.value.code is ErrorCode.AUTHORITY_UNTRUSTED
        assert not subject.running

    bench.play(first)
    bench.play(second)


def test_one_that_is_lost_is_not_replaced_by_another(bench: Bench) -> None:
    """A new one in its place would only hide that the certificates' own authority is gone."""

    async def first(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()
        await subject.stop()
        shutil.rmtree(bench.paths.authority_home)
        for attempt in (subject.ensure_running(), subject.export("x", 0)):
            with pytest.raises(CustodeError) as caught:
                await attempt
            assert (caught.value.code, caught.value.exit) == (ErrorCode.AUTHORITY_LOST, 20)

    bench.play(first)
    assert [call[0] for call in bench.calls()] == ["init", "serve"]


def test_export_and_restoration_by_its_program(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    async def story(subject: ConfiguredAuthority) -> None:
        await subject.ensure_running()
        assert subject.described(now).recovery_export_at is None
        answer = {"made": {"path": "/x", "sha256": "ab"}}
        monkeypatch.setenv("FAKE", f"says {json.dumps(answer)}")
        pin, write_end = os.pipe()
        os.close(write_end)
        assert await subject.export("/x", pin) == answer["made"]
        record = bench.paths.authority_home / "recovery-export.json"
        record.write_text('{"at": "2026-11-20T10:00:00Z"}')
        assert subject.described(now).recovery_export_at == datetime(2026, 11, 20, 10, tzinfo=UTC)
        record.write_text("not JSON")
        assert subject.described(now).recovery_export_at is None
        pid = int(bench.calls()[1][3])
        assert is_there(pid)  # an export does not stop it; a restoration does
        monkeypatch.setenv("FAKE", 'says {"restored": {"ca_sha256": "cd"}}')
        assert await subject.restore("/x", pin, [], replace=True) == {"ca_sha256": "cd"}
        assert not is_there(pid)
        assert subject._store.meta("authority.pin_sha256") == "cd"
        for said, code in (
            ('{"error": "export_pin_wrong", "data": {}}', ErrorCode.EXPORT_PIN_WRONG),
            ("nonsense", ErrorCode.JOB_FAILED),
        ):
            monkeypatch.setenv("FAKE", f"says {said}")
            with pytest.raises(CustodeError) as caught:
                await subject.restore("/x", pin, [], replace=False)
            assert caught.value.code is code
        os.close(pin)

    bench.play(story)


def test_there_is_nothing_to_export_of_one_elsewhere(bench: Bench) -> None:
    set_value(bench.paths.config, "authority.pin_sha256", "ab" * 32)
    set_value(bench.paths.config, "authority.url", "https://ca.example:8443")

    async def story(subject: ConfiguredAuthority) -> None:
        for attempt in (subject.export("x", 0), subject.restore("x", 0, [], replace=True)):
            with pytest.raises(CustodeError) as caught:
                await attempt
            assert caught.value.code is ErrorCode.AUTHORITY_ELSEWHERE
        assert not subject.described(datetime.now(UTC)).embedded

    bench.play(story)


def test_one_elsewhere_is_only_named(bench: Bench) -> None:
    set_value(bench.paths.config, "authority.pin_sha256", "ab" * 32)
    set_value(bench.paths.config, "authority.url", "https://ca.example:8443")

    async def story(subject: ConfiguredAuthority) -> None:
        address = await subject.ensure_running()
        assert (address.url, address.pin_sha256, address.home) == (
            "https://ca.example:8443",
            "ab" * 32,
            None,
        )
        assert subject.report()["mode"] == "remote"

    bench.play(story)
    assert not (bench.paths.home / "calls").exists()


def test_an_address_without_its_pin_is_no_configuration(bench: Bench) -> None:
    with pytest.raises(CustodeError) as caught:
        set_value(bench.paths.config, "authority.url", "https://ca.example:8443")
    assert caught.value.code is ErrorCode.CONFIG_INVALID
    assert "needs pin_sha256" in str(caught.value)
