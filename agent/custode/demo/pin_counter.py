"""What a token that counts wrong PINs shows: down to the last attempt, which is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from custode.demo.stage import new_pin
from custode.demo.telling import CUSTODE, TOKEN
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.demo.stage import Person, Ran, Stage, Token
    from custode.demo.telling import Step, Teller

EXIT_WRONG_PIN: Final = 12
EXIT_LAST_ATTEMPT: Final = 14


def tell(stage: Stage, teller: Teller, person: Person, token: Token) -> None:
    """Play it on a token that is plugged in."""
    with teller.step(t("Wrong PINs: the last attempt is refused")) as step:
        for _ in range(2):
            ran = _change(stage, step, person, token, (new_pin(), new_pin()))
            step.check(
                t("wrong, exit status {exit}", exit=ran.exit),
                TOKEN,
                ok=ran.exit == EXIT_WRONG_PIN,
                why=str(ran.error),
            )
        new = new_pin()
        ran = _change(stage, step, person, token, (token.pin, new))
        step.check(
            t("not even the right one is sent, exit status {exit}", exit=ran.exit),
            CUSTODE,
            ok=ran.exit == EXIT_LAST_ATTEMPT,
            why=str(ran.error),
        )
        row = stage.token_row(step, person, token)
        step.check(t("one attempt is left still"), TOKEN, ok=row["pin_final_try"], why=str(row))
        step.check(
            t("the person is told"),
            CUSTODE,
            ok="last_pin_attempt" in stage.needs(step, person),
        )
        ran = _change(stage, step, person, token, (token.pin, new), "--use-last-attempt")
        row = stage.token_row(step, person, token)
        step.check(
            t("accepted by the person's own decision, and all attempts are back"),
            TOKEN,
            ok=ran.exit == 0 and not row["pin_count_low"],
            why=str(ran.error or row),
        )
        token.pin = new
        stage.pull(person, token)


def _change(
    stage: Stage,
    step: Step,
    person: Person,
    token: Token,
    pins: tuple[bytes, bytes],
    *options: str,
) -> Ran:
    """`custode token pin change` from one PIN to another, however it ends."""
    words = ("token", "pin", "change", "--token", token.serial, *options)
    secret = dict(zip(("pin", "new-pin"), pins, strict=True))
    return stage.run(step, person, *words, secret=secret, expect=None)
