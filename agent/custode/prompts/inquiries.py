"""What a pinentry asks back while a new secret is typed: how strong, whether it fits, a proposal.

The three inquiries of gpg-agent's own pinentries: QUALITY, CHECKPIN and GENPIN (pinentry.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from custode.prompts.assuan_line import unescape_into
from custode.prompts.generated import generate
from custode.prompts.secret import Secret
from custode.prompts.strength import percent

if TYPE_CHECKING:
    from custode.prompts.asking import Question

_QUALITY: Final = b"INQUIRE QUALITY "
_CHECK: Final = b"INQUIRE CHECKPIN "
_GENERATE: Final = b"INQUIRE GENPIN"


class Inquiry(NamedTuple):
    """About which question is asked back; none: nothing is told."""

    question: Question | None = None


NOTHING: Final = Inquiry()


def answer(inquiry: Inquiry, line: bytearray, length: int, told: Secret) -> bool:
    """Put the answer to the INQUIRE in `line[:length]` into `told`; False: there is none.

    Of a strength: -100 to 100, negative for what will be refused. Of a check: why it will be
    refused, nothing when it will not. A line without a secret asks about an empty one.

    :raises TooLong: when it asks about more than a secret can be
    :raises ValueError: when its escapes are none
    """
    question = inquiry.question
    if question is None:
        return False
    if line.startswith(_QUALITY):
        with Secret() as typed, _typed(typed, line, len(_QUALITY), length) as content:
            strong = percent(content, question.strong_bits)
            refused = question.unfit(len(content)) is not None
        _tell(told, str(-max(strong, 1) if refused else strong))
        return True
    if line.startswith(_CHECK):
        with Secret() as typed, _typed(typed, line, len(_CHECK), length) as content:
            _tell(told, question.unfit(len(content)) or "")
        return True
    if line.startswith(_GENERATE) and question.generates:
        with generate() as made, made.view() as content:
            for byte in content:
                told.append(byte)
        return True
    return False


def _typed(secret: Secret, line: bytearray, start: int, end: int) -> memoryview:
    unescape_into(secret, line, start, end)
    return secret.view()


def _tell(told: Secret, text: str) -> None:
    for byte in text.encode():
        told.append(byte)
