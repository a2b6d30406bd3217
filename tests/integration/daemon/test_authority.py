"""The embedded authority's process: made once, started on need, stopped, pinned."""

import asyncio
import hashlib
import os
import sys
from collections.abc import Awaitable, Callable
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
        ["serve", "None", "20"],
        ["serve", "None", "20"],
    ]
    assert not any(is_there(int(call[3])) for call in calls)


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
