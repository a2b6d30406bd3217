"""The whole life of a certificate, told once through tray, notifications and windows only.

The demo's own steps (custode.demo.story), on a software token and on a virtual PIV card, read and
worked as an assistive program does it; nobody types a command.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.desktop.session.desktop import Desktop
from tests.desktop.session.node import Node
from tests.desktop.shop import Shop

from custode.demo import judges
from custode.demo.card_stage import KINDS, CardStage
from custode.demo.soft_stage import SoftStage
from custode.demo.stage import Stage, Token
from custode.desktop.opening import tell
from custode.desktop.windows.registry import WINDOWS
from custode.errors import CustodeError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]

RED_NOTICE = "Esegui la copia di sicurezza!"
DO_NOW = "Esegui ora…"


@dataclass
class Story:
    """What one step leaves for the next."""

    shop: Shop
    token: Token
    original: Path = Path()


@pytest.fixture(params=["softhsm", "piv"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="custode-story-"))  # a socket's path is short
    made: Stage | None = None
    try:
        if request.param == "softhsm":
            made = SoftStage(folder, fast=True, lang="it")
        else:
            try:
                made = CardStage(folder, KINDS[request.param], fast=True, lang="it")
            except CustodeError as error:
                pytest.skip(str(error))
        yield made
        assert made.close() == [], "a process is left"
        made = None
    finally:
        if made is not None:
            made.close()
        shutil.rmtree(folder, ignore_errors=True)


def test_told_through_tray_and_windows(desktop: Desktop, stage: Stage) -> None:
    person = stage.person("anna", "ROSSI01", "RSSNNA80A01H501H")
    with Shop(desktop, stage, person) as shop:
        story = Story(shop, stage.factory_token("Anna"))
        for step in STEPS:
            step(story)
        shop.click("Esci")
        shop.host.until_empty()


def _plugged(story: Story) -> None:
    """A token as it is sold: Custode notices it by itself, and says what it lacks."""
    shop = story.shop
    shop.tray_says("○ Nessun token inserito")
    shop.plug(story.token)
    shop.tray_says("Token inserito")
    prepare(shop, story.token)


def prepare(shop: Shop, token: Token) -> None:
    """Give a token a PIN of its own: one without any is told of, one has its maker's."""
    if isinstance(shop.stage, CardStage):
        shop.click("Utilità", "Cambia PIN…")
        window = shop.window("Cambia PIN")
        window.press("Cambia il PIN…")
        shop.says(window, "Quello vecchio non vale più", pin=KINDS["piv"].pin, new_pin=token.pin)
    else:
        bubble = shop.bubble("non ha ancora un PIN")
        shop.bubbles.press(bubble, DO_NOW)
        window = shop.window("Prepara un token nuovo")
        window.press("Prepara il token")
        shop.says(window, "ora ha il suo PIN", so_pin=token.so_pin, new_pin=token.pin)
    window.press("Chiudi")
    window.until_closed()


def _who(story: Story) -> None:
    shop = story.shop
    shop.bubbles.press(shop.bubble("non sa ancora di chi è"), DO_NOW)
    window = shop.window("Per chi è il certificato")
    window.write("Codice", "ROSSI01")
    window.write("Codice fiscale", shop.person.codice_fiscale)
    window.write("Nome", "Anna Rossi")
    window.press("Apri l'account…")
    shop.says(window, "Qual è il tuo token?", new_password=shop.person.password)
    window.press("Avanti")
    window.press("Richiedi un certificato…")
    window.until_closed()


def _certificate(story: Story) -> None:
    """Key, request, portal, installation: one window."""
    shop, token = story.shop, story.token
    window = shop.window("Richiedi un certificato")
    window.press("Crea la chiave e invia la richiesta")
    secrets = {name.replace("-", "_"): secret for name, secret in token.writing().items()}
    shop.says(window, "Il tuo certificato è arrivato", **secrets)
    window.press("Installa il certificato")
    shop.says(window, "Il tuo certificato è sul suo token", **secrets)
    shop.says(window, RED_NOTICE)
    window.press("Più tardi")
    window.until_closed()
    shop.tray_says("Originale inserito")
    shop.tray_says(RED_NOTICE)
    story.original = shop.certificate(token, "original.pem")
    assert judges.chain(story.original, shop.person.ca).ok


def _backup(story: Story) -> None:
    """The client's own story: the red notice, where, PINs, saved."""
    shop = story.shop
    bubble = shop.bubble(RED_NOTICE)
    assert bubble.urgency == "critical"
    shop.bubbles.press(bubble, DO_NOW)
    stick = shop.person.folder / "stick"
    stick.mkdir()
    window = shop.window("Copia di sicurezza del tuo certificato")
    shop.choose_folder(window, stick)
    shop.says(window, str(stick))
    window.press("Continua")
    shop.says(window, "Leggimi.rtf")
    window.press("Continua")
    window.press("Salva la copia")
    saved = shop.says(
        window, "Apri cartella", pin=story.token.pin, new_backup_pin=shop.person.backup_pin
    )
    (folder,) = stick.iterdir()
    assert saved.says(str(folder))
    assert re.fullmatch(r"ROSSI01_\d{4}-\d\d-\d\d", folder.name)
    assert sorted(file.name for file in folder.iterdir()) == ["Leggimi.rtf", "iw.iwk"]
    assert judges.outside(folder / "iw.iwk", story.original, shop.person.ca).ok
    window.press("Chiudi")
    window.until_closed()
    assert "backup_missing" not in shop.needs()
    shop.host.item().until_menu(
        lambda labels: not any(RED_NOTICE in label for label in labels), "the end of the notice"
    )


def _every_window(story: Story) -> None:
    """Each of them opens on what is so by now, and whoever listens can tell all of it apart."""
    shop = story.shop
    if isinstance(shop.stage, CardStage):
        return  # they show the same
    shop.click("Informazioni")
    about = shop.window("Informazioni su Custode")
    for name in sorted(set(WINDOWS) - {"about"}):
        open_before = {window.place for window in shop.reader.windows()}
        assert tell(shop.person.paths(), name, {})
        window = shop.another(open_before, name)
        tree = window.until(_has_buttons, f"something to press in {name}")
        assert (name, tree.unnamed()) == (name, [])
        shop.close(window)
    shop.close(about)


def _has_buttons(tree: Node) -> bool:
    return any(node.role == "push button" and node.showing for node in tree.walk())


def _blocked(story: Story) -> None:
    """While the original is active the backup stays closed; the window follows what changes."""
    shop = story.shop
    shop.click("Apri Custode…")
    panel = shop.window("Custode")
    panel.press("Perché…")
    window = shop.window("Perché la copia è chiusa")
    shop.says(window, "L'originale è inserito")
    shop.says(window, "Per l'autorità l'originale è ancora attivo")
    shop.pull(story.token)
    window.until(lambda tree: not tree.says("L'originale è inserito"), "the token's removal")
    shop.says(window, "Per l'autorità l'originale è ancora attivo")
    shop.close(window)
    shop.close(panel)


def _lost(story: Story) -> None:
    """Report and activation, each window leading to the next."""
    shop = story.shop
    shop.click("Utilità", "Segnala smarrimento, furto o guasto…")
    window = shop.window("Segnala smarrimento, furto o guasto")
    window.press("Non lo trovo più – Chiave primaria smarrita")
    window.press("Avanti")
    shop.says(window, "Ricordo l'ultimo giorno in cui l'avevo")
    window.press("Avanti")
    shop.says(window, "Ecco che cosa accadrà")
    window.press("Segnala…")
    shop.says(window, "Attiva la copia di sicurezza…", password=shop.person.password)
    window.press("Attiva la copia di sicurezza…")
    window = shop.window("Attiva una copia di sicurezza")
    window.press("Sì: annulla l'originale per sempre")
    window.press("Chiedi l'attivazione…")
    # The demo's desk approves at once.
    shop.says(window, "La copia è attivata", backup_pin=shop.person.backup_pin)
    states = sorted(row["state"] for row in shop.ask("certificates.list")["certificates"])
    assert states == ["active", "cancelled"]
    window.press("Ripristina su un token…")
    window.until_closed()


def _restored(story: Story) -> None:
    """The backup comes to life on a new token, which the window waits for."""
    shop = story.shop
    new = shop.stage.factory_token("Anna 2")
    window = shop.window("Ripristina una copia di sicurezza")
    shop.says(window, "Inserisci il nuovo token.")
    shop.plug(new)
    prepare(shop, new)
    window.press("Ripristina…")
    secrets = {name.replace("-", "_"): secret for name, secret in new.writing().items()}
    backup_pin = shop.person.backup_pin
    shop.says(window, "Il tuo certificato è tornato", backup_pin=backup_pin, **secrets)
    shop.close(window)
    shop.tray_says("Originale inserito")
    shop.tray_says(RED_NOTICE)
    (row,) = (row for row in shop.ask("status")["tokens"] if row["present"])
    assert (row["serial"], row["state"]) == (new.serial, "primary")
    successor = shop.certificate(new, "successor.pem")
    assert judges.chain(successor, shop.person.ca).ok
    assert successor.read_text() != story.original.read_text()


def _old_token(story: Story) -> None:
    """It turns up again, and the person is told to keep it out of use."""
    shop = story.shop
    shop.plug(story.token)
    bubble = shop.bubble("contiene un originale annullato")
    assert bubble.urgency == "normal"
    shop.bubbles.press(bubble, "Mostra…")
    panel = shop.window("Custode")
    shop.says(panel, "contiene un originale annullato")
    shop.pull(story.token)
    panel.until(
        lambda tree: not tree.says("contiene un originale annullato"), "the token's removal"
    )
    shop.close(panel)


def _language(story: Story) -> None:
    """Everything that is open speaks the other language at once, and what is opened later."""
    shop = story.shop
    shop.click("Apri Custode…")
    panel = shop.window("Custode")
    shop.click("Utilità", "Verifica una copia…")
    verify = shop.window("Verifica di una copia")
    shop.click("Lingua", "English")
    shop.tray_says("Open Custode…")
    shop.says(panel, "Utilities")
    verify.until(lambda tree: tree.name == "Verify a backup", "its English title")
    shop.click("About")
    about = shop.window("About Custode")
    shop.click("Language", "Italiano")
    shop.tray_says("Apri Custode…")
    about.until(lambda tree: tree.name == "Informazioni su Custode", "its Italian title")
    for window in (about, verify, panel):
        shop.close(window)


STEPS: list[Callable[[Story], None]] = [
    _plugged,
    _who,
    _certificate,
    _backup,
    _every_window,
    _blocked,
    _lost,
    _restored,
    _old_token,
    _language,
]
