"""The `--…-source` options: which source answers which kind of secret."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from custode.cli.command import option
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import mark
from custode.prompts.asking import Kind, question
from custode.prompts.sources import AskedSource, StoredSource, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from custode.prompts.asking import Wanted
    from custode.prompts.sources import Source

F = TypeVar("F", bound="Callable[..., Any]")

OPTION_OF: Final[Mapping[Kind, str]] = {
    Kind.TOKEN_PIN: "pin",
    Kind.SPARE_PIN: "spare-pin",
    Kind.NEW_PIN: "new-pin",
    Kind.SO_PIN: "so-pin",
    Kind.BACKUP_PIN: "backup-pin",
    Kind.BACKUP_PIN_NEW: "backup-pin",
    Kind.EXPORT_PIN: "export-pin",
    Kind.EXPORT_PIN_NEW: "export-pin",
    Kind.ACCOUNT_PASSWORD: "password",
    Kind.ACCOUNT_PASSWORD_NEW: "password",
}
_HELP: Final[Mapping[str, str]] = {
    "pin": mark("Where the token's PIN comes from: prompt, fd:N, file:PATH, pinentry:PROGRAM."),
    "spare-pin": mark("Where the spare token's own PIN comes from (as above)."),
    "new-pin": mark("Where the token's new PIN comes from (as above)."),
    "so-pin": mark("Where the administrator PIN (SO PIN, PUK) comes from (as above)."),
    "backup-pin": mark(
        "Where the backup's PIN comes from: prompt, fd:N, file:PATH, pinentry:PROGRAM."
    ),
    "export-pin": mark(
        "Where the PIN of the recovery export comes from: prompt, fd:N, file:PATH,"
        " pinentry:PROGRAM."
    ),
    "password": mark(
        "Where the account's password comes from: prompt, fd:N, file:PATH, pinentry:PROGRAM."
    ),
}
_OF_TOKENS: Final = frozenset({"pin", "spare-pin", "so-pin"})
_LAST_ATTEMPT: Final = mark(
    "Send a token's PIN even if only one attempt is left: a wrong one locks it."
)


class Secrets:
    """The sources of one command; wiped when it ends.

    `use_last_attempt`: the person accepts that a token's PIN is sent although one try is left.
    """

    def __init__(
        self, sources: Mapping[str, Source] | None = None, *, use_last_attempt: bool = False
    ) -> None:
        self._sources = dict(sources or {})
        self._answered: dict[tuple[Kind, str], int | None] = {}
        self.use_last_attempt = use_last_attempt

    def __enter__(self) -> Self:
        for source in self._sources.values():
            source.check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for source in self._sources.values():
            source.close()

    def give(self, wanted: Wanted) -> int:
        """Read end of a pipe with the secret, closed by the caller.

        :raises CustodeError: CANCELLED, TIMED_OUT or SECRET_MISSING from the source; PIN_INCORRECT
            instead of sending once more a stored PIN that has just cost a try
        """
        name = OPTION_OF[wanted.kind]
        source = self._sources.get(name) or AskedSource()
        if isinstance(source, StoredSource) and self._cost_a_try(wanted):
            raise CustodeError(
                ErrorCode.PIN_INCORRECT,
                attempts_remaining=wanted.attempts_remaining,
                token=wanted.token_label or wanted.token_serial or None,
            )
        return source.give(question(wanted)._replace(option=f"--{name}-source"))

    def _cost_a_try(self, wanted: Wanted) -> bool:
        """Whether fewer tries are left than when the same secret was given before."""
        key = (wanted.kind, wanted.token_serial)
        seen, before = key in self._answered, self._answered.get(key)
        self._answered[key] = now = wanted.attempts_remaining
        return seen and before is not None and now is not None and now < before


def secret_options(*names: str) -> Callable[[F], F]:
    """Add `--NAME-source` for each name; the command gets one `secrets: Secrets`.

    One that asks for a token's PIN also gets `--use-last-attempt`, which is off unless given.
    """
    of_token = not _OF_TOKENS.isdisjoint(names)

    def decorate(function: F) -> F:
        @wraps(function)
        def run(*args: Any, **kwargs: Any) -> Any:
            given = {name: kwargs.pop(f"{name.replace('-', '_')}_source") for name in names}
            last = kwargs.pop("use_last_attempt", False)
            sources = {name: parse(text) for name, text in given.items()}
            with Secrets(sources, use_last_attempt=last) as secrets:
                return function(*args, secrets=secrets, **kwargs)

        decorated: Any = run
        if of_token:
            decorated = option("--use-last-attempt", is_flag=True, text=_LAST_ATTEMPT)(decorated)
        for name in reversed(names):
            decorated = option(
                f"--{name}-source", text=_HELP[name], metavar=mark("SOURCE"), default="prompt"
            )(decorated)
        return decorated  # type: ignore[no-any-return] # click keeps the function's own type

    return decorate
