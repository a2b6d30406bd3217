"""Sets the stage, tells the story, leaves nothing behind: also after Ctrl-C at any step."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from custode.demo import cancellation, story
from custode.demo.stage import Stage, processes_of
from custode.demo.telling import CUSTODE, SYSTEM, CheckFailed, Teller
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_FAILED = 1


def main(keep: str | None, *, fast: bool, json_lines: bool, lang: str) -> int:
    """Run the demo; 0 only when every step was verified.

    :raises CustodeError: FILE_EXISTS when `keep` names something that is already there, CANCELLED
        after Ctrl-C
    """
    teller = Teller(json_lines=json_lines)
    began = time.monotonic()
    teller.intro(
        t("A certificate's life with Custode, on real parts: SoftHSM's token through its PKCS#11"),
        t("module, the authority over HTTPS on this computer, openssl as the judge."),
    )
    try:
        with _stage(keep, fast=fast, lang=lang) as stage:
            told = story.tell(stage, teller)
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
def _stage(keep: str | None, *, fast: bool, lang: str) -> Iterator[Stage]:
    """A folder with all that is played; ended and removed however the block is left."""
    folder = _folder(keep)
    stage = Stage(folder, fast=fast, lang=lang)
    try:
        yield stage
    finally:
        # A second Ctrl-C must not interrupt the clearing up.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            if any(processes_of(person.home) for person in stage.people):
                stage.close()
            if keep is None:
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            signal.signal(signal.SIGINT, before)


def _folder(keep: str | None) -> Path:
    if keep is None:
        return Path(tempfile.mkdtemp(prefix="custode-demo-"))
    folder = Path(keep).absolute()
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise CustodeError(ErrorCode.FILE_EXISTS, path=str(folder)) from None
    return folder
