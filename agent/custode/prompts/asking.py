"""What may be asked, and the sentences that ask it.

Values are NamedTuples here: a dataclass takes ten times as long to be made, at every command.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import words
from custode.locale.catalogue import mark, t, tn
from custode.prompts.secret import MAX_BYTES
from custode.prompts.strength import ACCOUNT_BITS, FILE_BITS, TOKEN_BITS
from custode_authority.wire.parameters import PIN_MIN_LENGTH
from custode_authority.wire.pin import PASSWORD_MIN_LENGTH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.prompts.secret import Secret
    from custode.rpc.client import WantedSecret


class Kind(StrEnum):
    """The kinds of secret the agent asks for (`secret.wanted`, design: cli.md)."""

    TOKEN_PIN = "token_pin"  # noqa: S105 - a kind of secret, not one
    SPARE_PIN = "spare_pin"
    NEW_PIN = "new_pin"
    SO_PIN = "so_pin"
    BACKUP_PIN = "backup_pin"
    BACKUP_PIN_NEW = "backup_pin_new"
    EXPORT_PIN = "export_pin"
    EXPORT_PIN_NEW = "export_pin_new"
    ACCOUNT_PASSWORD = "account_password"  # noqa: S105 - as TOKEN_PIN
    ACCOUNT_PASSWORD_NEW = "account_password_new"  # noqa: S105 - as TOKEN_PIN


PATIENCE_S: Final = 300.0
NEW_KINDS: Final = frozenset(
    {Kind.NEW_PIN, Kind.BACKUP_PIN_NEW, Kind.EXPORT_PIN_NEW, Kind.ACCOUNT_PASSWORD_NEW}
)


class Wanted(NamedTuple):
    """One `secret.wanted` of the agent.

    `why` is one of `words.DOING`; `attempts_remaining` is None when the token or the
    authority does not tell; `pinentry` and `seconds` as in `Question`. `min_pin`, `max_pin`: how
    long the token's PINs are, 0 where it does not say.
    """

    id: str
    kind: Kind
    token_label: str = ""
    token_serial: str = ""
    attempts_remaining: int | None = None
    why: str = ""
    min_pin: int = 0
    max_pin: int = 0
    pinentry: str = ""
    seconds: float = PATIENCE_S


class Question(NamedTuple):
    """A secret to be asked: `lines` say which token, who asks, why, and the tries left.

    `text` is the part of them that is about neither the token nor its tries. `strong_bits`: how
    much a strong new secret has, 0 where there is nothing to be chosen; `generates`: one may be
    proposed.

    `option` is what names another source when nobody can be asked. `weak` is the error for a new
    secret shorter than `min_length` or longer than `max_length` (bytes; 0: no limit of its own): it
    is not sent. `pinentry` is the program that the person chose to be asked by (empty or `tty`: the
    terminal; `builtin`: our own dialog), `seconds` how long it waits.
    """

    text: tuple[str, ...]
    prompt: str
    repeat_prompt: str | None = None
    option: str = "--pin-source"
    min_length: int = 0
    max_length: int = 0
    weak: ErrorCode = ErrorCode.SECRET_MISSING
    pinentry: str = ""
    seconds: float = PATIENCE_S
    label: str = ""
    serial: str = ""
    attempts_remaining: int | None = None
    strong_bits: int = 0
    generates: bool = False

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything that is told before the prompt."""
        return (*_token(self.label, self.serial), *self.text, *tries(self.attempts_remaining))

    def length_rule(self) -> str:
        """How long a new secret may be."""
        if self.max_length:
            least, most = self.min_length, self.max_length
            return t("{min} to {max} characters", min=least, max=most)
        return t("at least {n} characters", n=self.min_length)

    def unfit(self, length: int) -> str | None:
        """What to tell of a secret of that length; None when it fits."""
        if length < self.min_length:
            return t("Too short: at least {n} characters are needed.", n=self.min_length)
        if self.max_length and length > self.max_length:
            return t("Too long: at most {n} characters are taken.", n=self.max_length)
        return None


class Asker(Protocol):
    """Asks a person for one secret."""

    def ask(self, question: Question) -> Secret:
        """Ask once (twice when `repeat_prompt` is set, until both are the same).

        :raises CustodeError: CANCELLED when the person gives up, TIMED_OUT when nobody answers in
            time, SECRET_MISSING when there is nobody to ask here
        """


_PROMPTS: Final[Mapping[Kind, tuple[str, str]]] = {
    Kind.TOKEN_PIN: (mark("PIN of the token"), ""),
    Kind.SPARE_PIN: (mark("PIN of the spare token"), ""),
    Kind.NEW_PIN: (mark("New PIN for the token"), mark("The new PIN once more")),
    Kind.SO_PIN: (mark("Administrator PIN (SO PIN) of the token"), ""),
    Kind.BACKUP_PIN: (mark("PIN of the backup"), ""),
    Kind.BACKUP_PIN_NEW: (
        mark("PIN for the new backup (at least 8 characters)"),
        mark("The PIN of the backup once more"),
    ),
    Kind.EXPORT_PIN: (mark("PIN of the recovery export"), ""),
    Kind.EXPORT_PIN_NEW: (
        mark("PIN for the recovery export (at least 8 characters)"),
        mark("The PIN of the export once more"),
    ),
    Kind.ACCOUNT_PASSWORD: (mark("Password of your account"), ""),
    Kind.ACCOUNT_PASSWORD_NEW: (
        mark("New password for your account (at least 8 characters)"),
        mark("The new password once more"),
    ),
}


_LEAST: Final[Mapping[Kind, tuple[int, ErrorCode]]] = {
    Kind.BACKUP_PIN_NEW: (PIN_MIN_LENGTH, ErrorCode.BACKUP_PIN_WEAK),
    Kind.EXPORT_PIN_NEW: (PIN_MIN_LENGTH, ErrorCode.EXPORT_PIN_WEAK),
    Kind.ACCOUNT_PASSWORD_NEW: (PASSWORD_MIN_LENGTH, ErrorCode.PASSWORD_TOO_SHORT),
}


_STRONG_BITS: Final[Mapping[Kind, int]] = {
    Kind.NEW_PIN: TOKEN_BITS,
    Kind.BACKUP_PIN_NEW: FILE_BITS,
    Kind.EXPORT_PIN_NEW: FILE_BITS,
    Kind.ACCOUNT_PASSWORD_NEW: ACCOUNT_BITS,
}
_GENERATED: Final = frozenset({Kind.BACKUP_PIN_NEW, Kind.EXPORT_PIN_NEW})


def read_wanted(secret: WantedSecret) -> Wanted:
    """Read what the agent wants.

    :raises CustodeError: PROTOCOL_MISMATCH for a kind of secret this program does not know
    """
    try:
        kind = Kind(secret.kind)
    except ValueError as error:
        raise CustodeError(ErrorCode.PROTOCOL_MISMATCH) from error
    token = secret.token or {}
    return Wanted(
        id=secret.id,
        kind=kind,
        token_label=str(token.get("label") or ""),
        token_serial=str(token.get("serial") or ""),
        attempts_remaining=secret.attempts_remaining,
        why=secret.why,
        min_pin=int(token.get("min_pin") or 0),
        max_pin=int(token.get("max_pin") or 0),
        pinentry=secret.pinentry,
        seconds=secret.seconds,
    )


def question(wanted: Wanted) -> Question:
    """Put the agent's wish into sentences for the person."""
    text = []
    if wanted.why:
        text.append(t("Custode needs it to {what}.", what=words.word(words.DOING, wanted.why)))
    if wanted.kind is Kind.BACKUP_PIN_NEW:
        text.append(t("Choose a PIN that is not the token's. Without it the backup is useless."))
    if wanted.kind is Kind.EXPORT_PIN_NEW:
        text.append(t("Without this PIN the export is useless; with it anybody can be you."))
    prompt, repeat = _PROMPTS[wanted.kind]
    asked = Question(
        tuple(text),
        t(prompt),
        t(repeat) if repeat else None,
        pinentry=wanted.pinentry,
        seconds=wanted.seconds,
        label=wanted.token_label,
        serial=wanted.token_serial,
        attempts_remaining=wanted.attempts_remaining,
        strong_bits=_STRONG_BITS.get(wanted.kind, 0),
        generates=wanted.kind in _GENERATED,
    )
    if wanted.kind is Kind.NEW_PIN:
        return _new_pin(asked, wanted)
    if wanted.kind not in _LEAST:
        return asked
    least, weak = _LEAST[wanted.kind]
    return asked._replace(min_length=least, weak=weak)


def _new_pin(asked: Question, wanted: Wanted) -> Question:
    """The token's own rule for a new PIN, told and checked before anything is sent."""
    if not wanted.min_pin and not wanted.max_pin:
        return asked  # the token says nothing: its worker tells what it took
    least, most = wanted.min_pin or 1, wanted.max_pin or MAX_BYTES
    rule = t("The token takes PINs of {min} to {max} characters.", min=least, max=most)
    return asked._replace(
        text=(*asked.text, rule),
        min_length=least,
        max_length=most,
        weak=ErrorCode.PIN_LENGTH,
    )


def _token(label: str, serial: str) -> list[str]:
    """Say which token, when it is about one."""
    if not label and not serial:
        return []
    return [t("Token “{label}” (serial {serial})", label=label or "–", serial=serial or "–")]


def tries(attempts_remaining: int | None) -> list[str]:
    """Say how many tries are left, when that is known."""
    if attempts_remaining is None:
        return []
    if attempts_remaining == 1:
        return [t("This is the LAST try: a wrong PIN locks it.")]
    return [tn("{n} try left.", "{n} tries left.", attempts_remaining)]
