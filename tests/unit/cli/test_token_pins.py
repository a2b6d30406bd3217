"""What the command line does about a token's PINs: consent, lengths, sentences."""

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

from custode.cli.main import root
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import catalogue, words
from custode.locale.lines import token_line
from custode.prompts.asking import Kind, Wanted, question
from custode.prompts.secret import Secret

PinFile = Callable[[bytes], str]
TOKEN = {"serial": "0A12", "label": "FIRMA", "min_pin": 6, "max_pin": 8}


def commands(group: Any = root, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    """Every command that can be called."""
    found: dict[tuple[str, ...], Any] = {}
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "list_commands"):
            found |= commands(command, (*path, name))
        else:
            found[(*path, name)] = command
    return found


def test_every_command_that_asks_for_a_tokens_pin_asks_for_consent_to_its_last_attempt() -> None:
    asking, consenting, so = set(), set(), set()
    for path, command in commands().items():
        names = {name for parameter in command.params for name in parameter.opts}
        if names & {"--pin-source", "--so-pin-source"}:
            asking.add(" ".join(path))
        if "--so-pin-source" in names:
            so.add(" ".join(path))
        for parameter in command.params:
            if "--use-last-attempt" in parameter.opts:
                consenting.add(" ".join(path))
                assert parameter.is_flag
                assert parameter.default is not True
    assert asking == consenting >= {"csr", "install", "renew", "cancel", "token pin change"}
    assert so >= {"csr", "install", "renew", "backup restore", "token pin unblock"}


def test_consent_is_sent_only_when_it_was_given(agent: FakeAgent, custode: Run) -> None:
    agent.answers["install"] = {"id_operazione": "OP-7"}
    custode("install")
    custode("install", "--use-last-attempt")
    assert [params for _, params in agent.calls] == [{}, {"use_last_attempt": True}]


def test_the_so_pin_is_asked_for_only_when_the_token_wants_it(
    agent: FakeAgent, custode: Run, pin_file: PinFile
) -> None:
    def install(_params: Any, talk: Any) -> dict[str, str]:
        talk.ask("token_pin", TOKEN)
        talk.progress("pin.so_wanted")
        talk.ask("so_pin", TOKEN)
        return {"id_operazione": "OP-7"}

    agent.answers["install"] = install
    result = custode(
        *("install", "--pin-source", pin_file(b"123456")),
        *("--so-pin-source", pin_file(b"administrator")),
    )
    assert result.exit_code == 0
    assert agent.secrets == [("token_pin", b"123456"), ("so_pin", b"administrator")]
    assert "the token lets only its administrator PIN (SO PIN) do this" in result.stderr


@pytest.mark.parametrize("new", [b"98765", b"876543210"])
def test_a_new_pin_of_the_wrong_length_is_not_sent(
    agent: FakeAgent, custode: Run, pin_file: PinFile, new: bytes
) -> None:
    def change(_params: Any, talk: Any) -> dict[str, str]:
        talk.ask("token_pin", TOKEN)
        talk.ask("new_pin", TOKEN)
        return {}

    agent.answers["token.pin.change"] = change
    source = ("--pin-source", pin_file(b"123456"), "--new-pin-source", pin_file(new))
    result = custode("token", "pin", "change", *source, "--json")
    error = json.loads(result.stdout)["error"]
    assert (result.exit_code, error["code"]) == (12, "pin_length")
    assert (error["data"]["min"], error["data"]["max"]) == (6, 8)
    assert agent.secrets == [("token_pin", b"123456")]


def test_the_person_is_told_how_long_a_new_pin_may_be() -> None:
    asked = question(Wanted("1", Kind.NEW_PIN, "FIRMA", "0A12", min_pin=6, max_pin=8))
    assert asked.lines[-1] == "The token takes PINs of 6 to 8 characters."
    assert asked.unfit(5) == "Too short: at least 6 characters are needed."
    assert asked.unfit(9) == "Too long: at most 8 characters are taken."
    assert asked.unfit(6) is asked.unfit(8) is None
    unknown = question(Wanted("1", Kind.NEW_PIN, "FIRMA", "0A12"))
    assert unknown.unfit(1) is None
    assert len(unknown.lines) == 1
    old = question(Wanted("1", Kind.TOKEN_PIN, "FIRMA", "0A12", min_pin=6, max_pin=8))
    assert old.unfit(1) is None, "the worker says of the old one that it was not sent"


def secret_of(content: bytes) -> Secret:
    read, write = os.pipe()
    os.write(write, content)
    os.close(write)
    secret = Secret()
    secret.read_from(read)
    os.close(read)
    return secret


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (b"123456", b"123456", True),
        (b"123456", b"123457", False),
        (b"123456", b"1234567", False),
        (b"123456", b"123456\x00", False),
        (b"", b"", True),
    ],
)
def test_two_entries_are_compared(first: bytes, second: bytes, same: bool) -> None:
    with secret_of(first) as one, secret_of(second) as other:
        assert one.equals(other) is same


LINES = [
    ({}, ""),
    ({"pin_attempts_remaining": 0}, ", PIN LOCKED"),
    ({"pin_attempts_remaining": 1}, ", PIN: only ONE attempt left"),
    ({"pin_to_be_changed": True}, ", PIN to be changed"),
    ({"pin_failures": 1}, ", PIN: 1 attempt spent"),
    ({"pin_failures": 2, "pin_count_low": True}, ", PIN: 2 attempts spent"),
    ({"pin_count_low": True}, ", PIN: attempts were spent"),
    ({"so_pin_attempts_remaining": 0}, ", SO PIN (PUK) LOCKED"),
    (
        {"pin_attempts_remaining": 1, "so_pin_failures": 1},
        ", PIN: only ONE attempt left, SO PIN (PUK): 1 attempt spent",
    ),
]


@pytest.mark.parametrize(("row", "told"), LINES)
def test_how_a_tokens_pins_stand(row: dict[str, Any], told: str) -> None:
    catalogue.use("en")
    named = {"label": "FIRMA", "serial": "0A12", "state": "primary", "present": True}
    assert token_line({**named, **row}).removeprefix(token_line(named)) == told


def test_what_needs_a_pin_names_the_token_and_the_command() -> None:
    catalogue.use("it")
    try:
        args = {"role": "user", "serial": "0A12"}
        row = {"need": "last_pin_attempt", "label": "FIRMA", "text_args": args}
        title, action = words.need(row)
        assert title == (
            "Resta UN SOLO tentativo per il PIN del token “FIRMA” (numero di serie 0A12)."
        )
        assert "--use-last-attempt" in action
        row = {"need": "pin_to_be_changed", "label": "FIRMA", "text_args": args}
        assert words.need(row)[1] == "custode token pin change --token 0A12"
        args = {"role": "so", "serial": "0A12"}
        title, action = words.need({**row, "text_args": args})
        assert "PIN dell'amministratore (SO PIN)" in title
        assert action == "custode token pin change --so --token 0A12"
        row = {"need": "pin_locked", "label": "FIRMA", "text_args": args}
        assert words.need(row)[1].endswith("custode token pin unblock --token 0A12")
    finally:
        catalogue.use("en")


def test_a_wrong_pin_is_told_with_token_and_attempts(agent: FakeAgent, custode: Run) -> None:
    data = {"token": "FIRMA", "serial": "0A12", "pin": "SO PIN (PUK)", "role": "so"}
    agent.answers["install"] = CustodeError(
        ErrorCode.PIN_INCORRECT, attempts_remaining=1, option="--use-last-attempt", **data
    )
    result = custode("install", "--lang", "it")
    assert result.exit_code == 12
    assert (
        "Il SO PIN (PUK) del token “FIRMA” (numero di serie 0A12) è errato. Tentativi rimasti: 1."
    ) in result.stderr
    assert "--use-last-attempt" in result.stderr
    agent.answers["install"] = CustodeError(
        ErrorCode.PIN_LENGTH, min=6, max=8, **{**data, "pin": "new PIN"}
    )
    assert "Il nuovo PIN non è stato inviato" in custode("install", "--lang", "it").stderr


def test_forgetting_says_that_the_count_is_forgotten_too(agent: FakeAgent, custode: Run) -> None:
    agent.answers["token.forget"] = {"serial": "1", "label": "L", "pin_failures": 2}
    assert "had counted wrong PINs" in custode("token", "forget", "1", "--yes").stdout
    agent.answers["token.forget"] = {"serial": "1", "label": "L", "pin_failures": 0}
    assert "wrong PINs" not in custode("token", "forget", "1", "--yes").stdout


@pytest.mark.parametrize(
    ("why", "told"),
    [
        ("uri_syntax", "it is not written as RFC 7512 says"),
        ("uri_pin", "a URI is no place for a PIN"),
    ],
)
def test_a_uri_that_names_no_token(agent: FakeAgent, custode: Run, why: str, told: str) -> None:
    agent.answers["install"] = CustodeError(ErrorCode.TOKEN_URI_INVALID, why=why)
    result = custode("install", "--token", "pkcs11:x")
    assert (result.exit_code, told in result.stderr) == (2, True)
