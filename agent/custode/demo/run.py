"""Sets the stage, tells the story, leaves nothing behind: also after Ctrl-C at any step."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from custode.demo import cancellation, pin_counter, story
from custode.demo.soft_stage import SoftStage
from custode.demo.telling import CUSTODE, SYSTEM, CheckFailed, Teller
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Iterator

    from custode.demo.stage import Stage

EXIT_FAILED = 1


def main(
    keep: str | None, *, card: str | None = None, fast: bool, json_lines: bool, lang: str
) -> int:
    """Run the demo, on a software token or a `card`; 0 only when every step was verified.

    :raises CustodeError: FILE_EXISTS when `keep` names something that is already there,
        PART_MISSING where there can be no such card, CANCELLED after Ctrl-C
    """
    teller = Teller(json_lines=json_lines)
    began = time.monotonic()
    teller.intro(
        *_introduction(card),
    )
    try:
        with staged(keep, card, fast=fast, lang=lang) as stage:
            told = story.tell(stage, teller)
            if stage.tokens_lock:
                pin_counter.tell(stage, teller, told.person, told.now)
            cancellation.tell(stage, teller)
            _close(stage, teller, told, kept=keep is not None)
    except (CheckFailed, RuntimeError, TimeoutError) as error:
        teller.failed(str(error))
        return EXIT_FAILED
    except KeyboardInterrupt:
        raise CustodeError(ErrorCode.CANCELLED) from None
    teller.done(round(time.monotonic() - began, 1))
    return 0


def _close(stage: Stage, teller: Teller, told: story.Story, *, kept: bool) -> None:
    """Step 10: the log verifies, every process ends, every file goes."""
    with teller.step(t("The audit log verifies, and nothing remains")) as step:
        for person in stage.people:
            verdict = stage.run(step, person, "audit", "verify").answer
            step.check(t("the audit log verifies"), CUSTODE, ok=verdict["ok"], why=str(verdict))
        left = stage.close()
        step.check(t("no process is left"), SYSTEM, ok=not left, why=str(left))
        if kept:
            step.say(t("Everything is kept in {path}", path=stage.folder))
        else:
            shutil.rmtree(stage.folder)
            step.check(t("no file is left"), SYSTEM, ok=not stage.folder.exists())
        del told


@contextlib.contextmanager
def staged(keep: str | None, card: str | None, *, fast: bool, lang: str) -> Iterator[Stage]:
    """A folder with all that is played; ended and removed however the block is left."""
    folder = _folder(keep)
    stage: Stage | None = None
    try:
        stage = _made(folder, card, fast=fast, lang=lang)
        yield stage
    finally:
        # A second Ctrl-C must not interrupt the clearing up.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if stage is not None:
                stage.close()
            if keep is None:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            signal.signal(signal.SIGINT, before)


def _made(folder: Path, card: str | None, *, fast: bool, lang: str) -> Stage:
    if card is None:
        return SoftStage(folder, fast=fast, lang=lang)
    from custode.demo.card_stage import KINDS, CardStage

    return CardStage(folder, KINDS[card], fast=fast, lang=lang)


def _introduction(card: str | None) -> tuple[str, str]:
    first = {
        None: t(
            "A certificate's life with Custode, on real parts: SoftHSM's token through its PKCS#11"
        ),
        "piv": t(
            "A certificate's life with Custode, on a PIV card: a real pcscd, ykcs11 as its PKCS#11"
        ),
        "openpgp": t(
            "A certificate's life with Custode, on OpenPGP cards: a real pcscd, OpenSC's PKCS#11"
        ),
    }
    return first[card], t(
        "module, the authority over HTTPS on this computer, openssl as the judge."
    )


def _folder(keep: str | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="custode-demo-"))
    folder = Path(keep).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise CustodeError(ErrorCode.FILE_EXISTS, path=str(folder)) from None
    return folder
