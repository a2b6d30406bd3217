"""Pictures of the PIN dialog: every kind, both languages, light and dark (`make screens`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from PySide6.QtWidgets import QApplication, QCheckBox, QPushButton, QToolButton
from tests.desktop.hands import write

from custode.desktop.colours import Scheme
from custode.desktop.pin_dialog.asked import Asked
from custode.desktop.pin_dialog.dialog import PinDialog
from custode.desktop.pin_dialog.field import SecretField
from custode.desktop.theme import Theme
from custode.locale.catalogue import t, use
from custode.prompts.asking import Kind, Wanted, question
from custode.prompts.generated import generate
from custode.prompts.secret import Secret
from custode.prompts.strength import percent

SERIAL: Final = "0A12 77F3 9B4C"
LABEL: Final = "ROSSI MARIO"
SIGNING: Final = "csr"


class Scene(NamedTuple):
    """What is asked, and what the person does before the picture is taken."""

    wanted: Wanted
    typed: str = ""
    second: str = ""
    short: bool = False
    accepts: bool = False
    proposes: bool = False
    caps: bool = False
    shown: bool = False


def wanted(kind: Kind, why: str = SIGNING, left: int | None = None) -> Wanted:
    return Wanted("1", kind, LABEL, SERIAL, left, why, 6, 8)


BACKUP: Final = Wanted("1", Kind.BACKUP_PIN_NEW, why="backup.create")
SCENES: Final = {
    "token": Scene(wanted(Kind.TOKEN_PIN, left=3), "482913"),
    "two-left": Scene(wanted(Kind.TOKEN_PIN, left=2), "482913", caps=True),
    "last": Scene(wanted(Kind.TOKEN_PIN, left=1), "482913"),
    "last-accepted": Scene(wanted(Kind.TOKEN_PIN, left=1), "482913", accepts=True),
    "so": Scene(wanted(Kind.SO_PIN, "token.pin.unblock"), ""),
    "new": Scene(wanted(Kind.NEW_PIN, "token.pin.change"), "135246", "1352"),
    "backup-weak": Scene(BACKUP, "abc123", shown=True),
    "backup-short": Scene(BACKUP, "abc", short=True),
    "backup-fair": Scene(BACKUP, "Sole-e-mar", "Sole"),
    "backup-proposed": Scene(BACKUP, proposes=True),
    "different": Scene(wanted(Kind.NEW_PIN, "token.pin.change"), "482913", "482914"),
    "password": Scene(Wanted("1", Kind.ACCOUNT_PASSWORD, why="request"), "correct horse"),
    "soon-over": Scene(wanted(Kind.TOKEN_PIN, "backup.activate", 3)._replace(seconds=20), "4829"),
}


class Answers:
    """A client as ours is one, without a pipe between."""

    def __init__(self, descriptor: int, strong_bits: int, least: int) -> None:
        self.descriptor = descriptor
        self._strong_bits = strong_bits
        self._least = least

    def quality(self, secret: Secret) -> int | None:
        with secret.view() as content:
            found = percent(content, self._strong_bits)
            return found if len(content) >= self._least else -found

    def fault(self, secret: Secret) -> str:
        return ""

    def proposal(self) -> Secret | None:
        return generate()


def asked(scene: Scene) -> Asked:
    """The scene as it comes over the pipe."""
    told = question(scene.wanted)
    return Asked(
        title="Custode",
        text="\n".join(told.text),
        prompt=told.prompt,
        error=(told.unfit(0) or "") if scene.short else "",
        repeat=told.repeat_prompt,
        quality=t("Strength") if told.strong_bits else None,
        generate=t("Propose a PIN") if told.generates else None,
        label=told.label,
        serial=told.serial,
        attempts_remaining=told.attempts_remaining,
        timeout_s=int(told.seconds),
    )


def take(app: QApplication, theme: Theme, folder: Path, scale: str) -> Iterator[Path]:
    """Write `pin-SCENE-LANGUAGE-SCHEME-SCALE.png` for each."""
    source, target = os.pipe()
    for scheme in Scheme:
        theme.use(scheme)
        for language in ("it", "en"):
            use(language)
            for name, scene in SCENES.items():
                told = question(scene.wanted)
                client = Answers(source, told.strong_bits or 1, told.min_length)
                dialog = PinDialog(asked(scene), client, theme)
                dialog.show()
                play(dialog, scene)
                app.processEvents()
                path = folder / f"pin-{name}-{language}-{scheme}-{scale}.png"
                assert dialog.grab().save(str(path))
                yield path
                dialog.reject()
                dialog.deleteLater()
    use("en")
    os.close(source)
    os.close(target)


def play(dialog: PinDialog, scene: Scene) -> None:
    """Do what the person does in it."""
    fields = dialog.findChildren(SecretField)
    if scene.proposes:
        next(b for b in dialog.findChildren(QPushButton) if b.text() == t("Propose a PIN")).click()
    for field, text in zip(fields, (scene.typed, scene.second), strict=False):
        if text:
            field.setFocus()
            write(field, text)
    if scene.shown:
        dialog.findChildren(QToolButton)[0].click()
    if scene.accepts:
        dialog.findChildren(QCheckBox)[0].click()
    if scene.caps:
        fields[0].caps_lock.emit(True)
    if scene.second and len(scene.second) == len(scene.typed):
        dialog.accept()
