"""Secrets go from their source to the agent as bytes in a pipe, and nowhere else."""

import os
import queue
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

from custode.cli.secret_options import OPTION_OF, Secrets
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.prompts.asking import Kind, Wanted
from custode.prompts.sources import parse

PinFile = Callable[[bytes], str]

TOKEN = {"serial": "0A12", "label": "FIRMA"}


def from_pipe(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_a_file_gives_its_content_without_the_line_end(
    agent: FakeAgent, custode: Run, pin_file: PinFile, ending: bytes
) -> None:
    agent.answers["backup.open"] = lambda _p, talk: {"n": len(talk.ask("backup_pin", TOKEN))}
    source = pin_file("pìn con spazi ".encode() + ending)
    result = custode("backup", "open", "f", "--backup-pin-source", source, "--json")
    assert result.exit_code == 0
    assert agent.secrets == [("backup_pin", "pìn con spazi ".encode())]


def test_a_descriptor_may_be_asked_several_times_in_one_command(
    agent: FakeAgent, custode: Run
) -> None:
    def activate(_params: Any, talk: Any) -> dict[str, str]:
        talk.ask("backup_pin", why="backup.activate")
        talk.ask("backup_pin", why="backup.collect")
        return {"state": "collected"}

    agent.answers["backup.activate"] = activate
    read_end, write_end = os.pipe()
    os.write(write_end, b"correct horse\n")
    os.close(write_end)
    try:
        result = custode(
            *("backup", "activate", "f", "--reason", "lost"),
            *("--backup-pin-source", f"fd:{read_end}"),
        )
    finally:
        os.close(read_end)
    assert result.exit_code == 0
    assert agent.secrets == [("backup_pin", b"correct horse")] * 2


def test_each_kind_comes_from_its_own_option(
    agent: FakeAgent, custode: Run, pin_file: PinFile
) -> None:
    agent.answers["token.init"] = lambda _p, talk: {
        "label": f"{len(talk.ask('so_pin', TOKEN))}-{len(talk.ask('new_pin', TOKEN))}"
    }
    custode(
        *("token", "init", "--so-pin-source", pin_file(b"administrator")),
        *("--new-pin-source", pin_file(b"1234")),
    )
    assert agent.secrets == [("so_pin", b"administrator"), ("new_pin", b"1234")]


def test_every_kind_has_an_option() -> None:
    assert set(OPTION_OF) == set(Kind)


def test_the_environment_is_never_a_source(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIN", "CUSTODE_PIN", "CUSTODE_PIN_SOURCE", "CUSTODE_BACKUP_OPEN_PIN_SOURCE"):
        monkeypatch.setenv(name, "file:/etc/hostname")
    agent.answers["backup.open"] = lambda _p, talk: {"pin": talk.ask("backup_pin").decode()}
    monkeypatch.setattr("custode.prompts.terminal.TerminalAsker.__init__", _no_terminal)
    result = custode("backup", "open", "f")
    assert result.exit_code == 2
    assert "no terminal to ask on; say where it comes from with --backup-pin-source" in (
        result.stderr
    )
    assert not agent.secrets


def _no_terminal(asker: Any, _timeout_s: float) -> None:
    asker._path, asker._timeout_s = "/dev/null", 1.0


def test_an_empty_secret_is_not_sent(agent: FakeAgent, custode: Run, pin_file: PinFile) -> None:
    agent.answers["backup.open"] = lambda _p, talk: {"pin": talk.ask("backup_pin").decode()}
    result = custode("backup", "open", "f", "--backup-pin-source", pin_file(b"\n"))
    assert (result.exit_code, agent.secrets) == (2, [])


def test_what_is_too_long_is_not_sent(agent: FakeAgent, custode: Run, pin_file: PinFile) -> None:
    agent.answers["backup.open"] = lambda _p, talk: {"pin": talk.ask("backup_pin").decode()}
    result = custode("backup", "open", "f", "--backup-pin-source", pin_file(b"x" * 1025))
    assert (result.exit_code, agent.secrets) == (2, [])


def test_a_stored_pin_that_cost_a_try_is_not_sent_again(
    agent: FakeAgent, custode: Run, pin_file: PinFile
) -> None:
    def csr(_params: Any, talk: Any) -> None:
        talk.ask("token_pin", TOKEN, attempts=3)
        talk.ask("token_pin", TOKEN, attempts=2)

    agent.answers["install"] = csr
    result = custode("install", "--pin-source", pin_file(b"1234"))
    assert result.exit_code == 12
    assert "Attempts left: 2" in result.stderr
    assert agent.secrets == [("token_pin", b"1234")]


def test_secrets_are_wiped_when_the_command_ends(pin_file: PinFile) -> None:
    source: Any = parse(pin_file(b"1234"))
    with Secrets({"pin": source}) as secrets:
        assert from_pipe(secrets.give(Wanted("1", Kind.TOKEN_PIN))) == b"1234"
        buffer = source._secret._buffer
        assert buffer.startswith(b"1234")
    assert not any(buffer)


def test_a_kind_of_secret_nobody_knows_ends_the_command(agent: FakeAgent, custode: Run) -> None:
    agent.answers["install"] = lambda _p, talk: {"x": talk.ask("fingerprint").decode()}
    assert custode("install").exit_code == 40
    assert not agent.secrets


def test_cancelling_at_the_prompt_cancels_the_command(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(*_args: Any) -> None:
        raise CustodeError(ErrorCode.CANCELLED)

    monkeypatch.setattr("custode.prompts.terminal.TerminalAsker.ask", cancel)
    agent.answers["install"] = lambda _p, talk: {"x": talk.ask("token_pin").decode()}
    assert custode("install").exit_code == 15


def test_ctrl_c_at_the_prompt_is_told_to_the_agent(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_args: Any) -> None:
        raise KeyboardInterrupt

    told: queue.Queue[ErrorCode] = queue.Queue()

    def install(_params: Any, talk: Any) -> None:
        try:
            talk.ask("token_pin")
        except CustodeError as error:
            told.put(error.code)
            raise

    monkeypatch.setattr("custode.prompts.terminal.TerminalAsker.ask", interrupt)
    agent.answers["install"] = install
    assert custode("install").exit_code == 15
    assert told.get(timeout=5) is ErrorCode.CANCELLED


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("account_password_new", "password_too_short", 2),
        ("backup_pin_new", "backup_pin_weak", 12),
        ("export_pin_new", "export_pin_weak", 12),
    ],
)
def test_a_new_secret_that_is_too_short_is_not_sent(
    pin_file: PinFile, kind: str, code: str, status: int
) -> None:
    sources = Secrets({OPTION_OF[Kind(kind)]: parse(pin_file(b"1234567"))})
    with sources as secrets, pytest.raises(CustodeError) as caught:
        secrets.give(Wanted("1", Kind(kind)))
    assert (caught.value.code, caught.value.exit) == (code, status)
    assert "8" in caught.value.message
