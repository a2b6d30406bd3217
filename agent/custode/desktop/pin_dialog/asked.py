"""What the line protocol and the window know of each other."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from custode.prompts.secret import Secret


class ClientGone(Exception):
    """The client is not there any more, or does not answer what it is asked back."""


class Ending(Enum):
    """How a question ended."""

    OK = "ok"
    CANCELLED = "cancelled"
    REFUSED = "refused"
    """The third button of CONFIRM."""
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Asked:
    """One question as the client put it, in its own words; empty: it said nothing.

    `repeat`: the prompt for a new secret typed once more. `quality`, `generate`: the names of the
    bar and of the button for a proposal; None: not wanted. `label`, `serial`, `attempts_remaining`
    come from Custode alone.
    """

    title: str = ""
    text: str = ""
    prompt: str = ""
    error: str = ""
    ok: str = ""
    cancel: str = ""
    not_ok: str = ""
    repeat: str | None = None
    repeat_error: str = ""
    quality: str | None = None
    generate: str | None = None
    checked: bool = False
    rule: str = ""
    timeout_s: int = 0
    label: str = ""
    serial: str = ""
    attempts_remaining: int | None = None


class Client(Protocol):
    """The program that asks, while its question is open.

    Whatever it is asked raises ClientGone when it does not answer.
    """

    @property
    def descriptor(self) -> int:
        """Readable when it says something meanwhile, or has gone: then nobody wants the answer."""

    def quality(self, secret: Secret) -> int | None:
        """How strong it finds `secret`: -100 to 100, negative for what it will refuse."""

    def fault(self, secret: Secret) -> str:
        """Why it will refuse `secret`; empty: it will not."""

    def proposal(self) -> Secret | None:
        """A secret that it proposes."""


class Window(Protocol):
    """What shows a question to the person."""

    def ask(self, asked: Asked, client: Client, secret: Secret) -> Ending:
        """Put what is typed into `secret`."""

    def confirm(self, asked: Asked, client: Client, *, one_button: bool) -> Ending:
        """Show a text with buttons."""
