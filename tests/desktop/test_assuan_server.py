"""The line protocol of our pinentry: what each line is answered, whatever comes (Assuan manual)."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from custode.desktop.pin_dialog.asked import Asked, Client, Ending
from custode.desktop.pin_dialog.server import Server
from custode.locale import catalogue
from custode.prompts.secret import MAX_BYTES, Secret
from custode.release import VERSION

Reaction = Callable[[Client, Secret], Ending]


class Window:
    """Answers each question with the next of `reactions`, and keeps what it was told."""

    def __init__(self, *reactions: Reaction) -> None:
        self.reactions = list(reactions)
        self.told: list[Asked] = []
        self.buttons: list[bool] = []

    def ask(self, asked: Asked, client: Client, secret: Secret) -> Ending:
        self.told.append(asked)
        return self.reactions.pop(0)(client, secret) if self.reactions else Ending.CANCELLED

    def confirm(self, asked: Asked, client: Client, *, one_button: bool) -> Ending:
        self.told.append(asked)
        self.buttons.append(one_button)
        return self.reactions.pop(0)(client, Secret()) if self.reactions else Ending.OK


def typing(pin: bytes) -> Reaction:
    def react(client: Client, secret: Secret) -> Ending:
        secret.replace(0, 0, pin)
        return Ending.OK

    return react


def ending(how: Ending) -> Reaction:
    return lambda client, secret: how


def talk(said: bytes, window: Window | None = None) -> list[bytes]:
    """Everything it says to `said`, after its greeting; the stream ends behind."""
    ours, theirs = os.pipe(), os.pipe()
    shown = window or Window()
    heard: list[bytes] = []

    def listen() -> None:
        with open(theirs[0], "rb") as stream:  # noqa: PTH123 - a descriptor
            heard.append(stream.read())

    def speak() -> None:
        with open(ours[1], "wb") as stream:  # noqa: PTH123 - as above
            stream.write(said)

    threads = [threading.Thread(target=work) for work in (listen, speak)]
    for thread in threads:
        thread.start()
    try:
        Server(ours[0], theirs[1], lambda: shown).run()
    finally:
        os.close(theirs[1])
        os.close(ours[0])
        for thread in threads:
            thread.join(10)
        catalogue.use("en")
    greeting, *lines = heard[0].splitlines()
    assert greeting.startswith(b"OK")
    return lines


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"NOP", [b"OK"]),
        (b"nop\r", [b"OK"]),
        (b"", []),
        (b"# a comment", []),
        (b"SETDESC a%0Ab%25", [b"OK"]),
        (b"OPTION grab", [b"OK"]),
        (b"OPTION ttyname=/dev/tty", [b"OK"]),
        (b"OPTION --lc-messages it_IT.UTF-8", [b"OK"]),
        (b"OPTION of-no-use=1", [b"ERR 83886254 Unknown option <Pinentry>"]),
        (b"OPTION custode-attempts=x", [b"ERR 83886360 IPC parameter error <Pinentry>"]),
        (b"SETTIMEOUT 12", [b"OK"]),
        (b"SETTIMEOUT -1", [b"ERR 83886360 IPC parameter error <Pinentry>"]),
        (b"GETINFO flavor", [b"D custode", b"OK"]),
        (b"GETINFO version", [b"D " + VERSION.encode(), b"OK"]),
        (b"GETINFO pid", [b"D " + str(os.getpid()).encode(), b"OK"]),
        (b"GETINFO secrets", [b"ERR 83886360 IPC parameter error <Pinentry>"]),
        (b"DANCE", [b"ERR 83886355 Unknown IPC command <Pinentry>"]),
        (b"x" * 5000, [b"ERR 83886343 Line too long <Pinentry>"]),
        (b"SETDESC \xff\xfe", [b"OK"]),
        (b"BYE\nNOP", [b"OK closing connection"]),
        (b"GETPIN", [b"ERR 83886179 Operation cancelled <Pinentry>"]),
        (b"CONFIRM", [b"OK"]),
    ],
)
def test_each_line_has_its_answer(said: bytes, answer: list[bytes]) -> None:
    assert talk(said + b"\n") == answer


@pytest.mark.parametrize(
    ("how", "code"),
    [(Ending.CANCELLED, 99), (Ending.TIMED_OUT, 62), (Ending.REFUSED, 114)],
)
def test_how_a_question_ends(how: Ending, code: int) -> None:
    lines = talk(b"GETPIN\nCONFIRM\n", Window(ending(how), ending(how)))
    assert [int(line.split()[1]) & 0xFFFF for line in lines] == [code, code]


@pytest.mark.parametrize(
    ("pin", "lines"),
    [
        (b"1234", [b"D 1234"]),
        (b"50%\r\n", [b"D 50%25%0D%0A"]),
        ("pìn".encode(), ["D pìn".encode()]),
        (b"x" * 1000, [b"D " + b"x" * 996, b"D " + b"x" * 4]),
        (b"%" * MAX_BYTES, None),
    ],
)
def test_a_pin_on_its_lines(pin: bytes, lines: list[bytes] | None) -> None:
    *data, last = talk(b"GETPIN\n", Window(typing(pin)))
    assert last == b"OK"
    assert all(line.startswith(b"D ") and len(line) <= 1000 for line in data)
    assert lines is None or data == lines
    joined = b"".join(line[2:] for line in data)
    assert joined.replace(b"%0D", b"\r").replace(b"%0A", b"\n").replace(b"%25", b"%") == pin


def test_the_window_is_told_what_was_said() -> None:
    window = Window(typing(b"1"), typing(b"2"))
    said = [
        *(b"SETTITLE T", b"SETDESC a%0A\x1b[31mb", b"SETPROMPT P:", b"SETOK _Go", b"SETCANCEL No"),
        *(b"SETERROR E", b"SETREPEAT R", b"SETREPEATERROR RE", b"SETQUALITYBAR Q", b"SETGENPIN G"),
        *(b"OPTION constraints-enforce", b"OPTION constraints-hint-short=6 to 8", b"SETTIMEOUT 9"),
        *(b"OPTION custode-label=A = B", b"OPTION custode-serial=", b"OPTION custode-attempts=2"),
        *(b"GETPIN", b"GETPIN"),
    ]
    lines = talk(b"\n".join(said) + b"\n", window)
    assert lines[-5:] == [b"S PIN_REPEATED", b"D 1", b"OK", b"D 2", b"OK"]
    first, second = window.told
    assert first == Asked(
        title="T",
        text="a\n\N{REPLACEMENT CHARACTER}[31mb",
        prompt="P:",
        error="E",
        ok="_Go",
        cancel="No",
        repeat="R",
        repeat_error="RE",
        quality="Q",
        generate="G",
        checked=True,
        rule="6 to 8",
        timeout_s=9,
        label="A = B",
        serial="",
        attempts_remaining=2,
    )
    assert (second.error, second.repeat, second.quality, second.checked) == ("", None, None, False)
    assert (second.title, second.label, second.attempts_remaining) == ("T", "A = B", 2)


def test_confirm_and_message_differ_in_their_buttons() -> None:
    window = Window()
    assert talk(b"CONFIRM\nCONFIRM --one-button\nMESSAGE\n", window) == [b"OK"] * 3
    assert window.buttons == [False, True, True]


def test_the_client_is_asked_back() -> None:
    heard: list[object] = []

    def react(client: Client, secret: Secret) -> Ending:
        secret.replace(0, 0, b"1%2")
        heard.extend((client.quality(secret), client.fault(secret), client.quality(secret)))
        made = client.proposal()
        assert made is not None
        with made, made.view() as content:
            heard.append(content.tobytes())
        heard.append(client.proposal())
        return Ending.OK

    answers = b"D -42\nEND\nD Too%0Ashort\nEND\nD many\nEND\nD ab%25\nEND\nCAN\n"
    lines = talk(b"GETPIN\n" + answers, Window(react))
    assert heard == [-42, "Too\nshort", None, b"ab%", None]
    assert lines[:3] == [
        b"INQUIRE QUALITY 1%252",
        b"INQUIRE CHECKPIN 1%252",
        b"INQUIRE QUALITY 1%252",
    ]
    assert lines[3:] == [b"INQUIRE GENPIN", b"INQUIRE GENPIN", b"D 1%252", b"OK"]


@pytest.mark.parametrize("answer", [b"", b"D %zz\nEND\n", b"D " + b"x" * 3000 + b"\n"])
def test_a_client_that_does_not_answer_ends_it(answer: bytes) -> None:
    def react(client: Client, secret: Secret) -> Ending:
        secret.append(1)
        client.quality(secret)
        return Ending.OK

    assert talk(b"GETPIN\n" + answer, Window(react)) == [b"INQUIRE QUALITY \x01"]


_WORDS = st.sampled_from(
    [
        *(
            b"GETPIN",
            b"CONFIRM",
            b"OPTION ",
            b"OPTION custode-attempts=",
            b"SETDESC ",
            b"SETREPEAT ",
        ),
        *(
            b"SETTIMEOUT ",
            b"GETINFO ",
            b"RESET",
            b"D ",
            b"END",
            b"CAN",
            b"\n",
            b"\r\n",
            b"%",
            b"%0",
        ),
        *(b"SETQUALITYBAR", b"OPTION lc-messages=", b"=", b" ", b"\0", b"it", b"1" * 400),
    ]
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.one_of(_WORDS, st.binary(max_size=30)), max_size=30).map(b"".join))
def test_whatever_comes_has_lines_for_an_answer(said: bytes) -> None:
    lines = talk(said, Window(*[typing(b"1234")] * 3))
    assert all(line.split(b" ")[0] in {b"OK", b"ERR", b"D", b"S"} for line in lines)
    assert all(len(line) <= 1000 for line in lines)
