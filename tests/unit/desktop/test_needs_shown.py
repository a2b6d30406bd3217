"""Every need has a title, a reason, a button and a window that it leads to; no CLI words."""

from collections.abc import Iterator
from typing import Any

import pytest

from custode.desktop.view.action import Action, Do, window
from custode.desktop.view.needs import all_shown, expiry, shown
from custode.domain.need import NeedKind
from custode.locale.catalogue import use

TOKEN = {"manufacturer": "M", "model": "X", "serial": "0042"}
PIN = {"role": "user", "serial": "0042"}


def row(need: str, **text_args: Any) -> dict[str, Any]:
    return {
        "need": need,
        "key": f"{need}:s",
        "critical": need == "backup_missing",
        "token": TOKEN,
        "label": "ROSSI",
        "text_args": text_args,
    }


LEADS_TO = [
    (row("last_pin_attempt", **PIN), window("pin_unblock", token="0042")),
    (row("last_pin_attempt", role="so", serial="0042"), window("panel")),
    (row("pin_locked", **PIN), window("pin_unblock", token="0042")),
    (row("pin_to_be_changed", **PIN), window("pin_change", token="0042", role="user")),
    (row("cancelled_original_back", file_name="a.cer"), window("panel")),
    (row("pin_not_set"), window("token_init", token="0042")),
    (row("identity_missing"), window("first_run")),
    (row("install_certificate", id_operazione="77"), window("install", id_operazione="77")),
    (row("backup_missing", id_operazione="77"), window("backup")),
    (row("backup_missing", spare="0099"), window("backup", spare="0099")),
    (row("recovery_export_missing"), window("authority_copy")),
    (row("expiry", days_left=14), window("renew")),
    (row("expiry", days_left=-1), window("request")),
    (row("spare_key_dead", serial="0042", backup_id="b"), window("free_spare", token="0042")),
    (row("unknown_token"), window("request", token="0042")),
    (row("operation_can_go_on", what="csr"), window("request")),
    (row("operation_can_go_on", what="spare.create"), window("backup", spare="0042")),
    (
        row("operation_can_go_on", what="backup.collect", folder="/m/F", folder_name="F"),
        window("activate", folder="/m/F"),
    ),
    (
        row("operation_can_go_on", what="spare.activate", backup_id="b1"),
        window("activate", backup_id="b1", spare="0042"),
    ),
    (row("operation_can_go_on", what="backup.restore", folder="F"), window("restore", folder="F")),
    (row("operation_can_go_on", what="brand.new"), window("panel")),
]


@pytest.mark.parametrize("language", ["it", "en"])
@pytest.mark.parametrize(("need", "action"), LEADS_TO)
def test_a_need_leads_to_its_window(need: dict[str, Any], action: Action, language: str) -> None:
    use(language)
    told = shown(need)
    assert told.action == action
    assert told.key == need["key"]
    assert told.title
    assert told.text
    assert told.button.endswith("…")
    said = told.title + told.text + told.button
    assert "custode " not in said
    assert "{" not in said
    assert "?" not in said
    assert told.snooze == Action(Do.SNOOZE, need["key"])


def test_every_kind_of_need_is_told() -> None:
    assert {need["need"] for need, _ in LEADS_TO} == {kind.value for kind in NeedKind}


def test_the_red_notice_is_in_the_clients_own_words() -> None:
    use("it")
    told = shown(row("backup_missing"))
    assert told.title == "Esegui la copia di sicurezza!"
    assert told.critical


@pytest.mark.parametrize(
    ("left", "english", "italian"),
    [
        (14, "expires in 14 days", "scade fra 14 giorni"),
        (1, "expires in 1 day.", "scade fra 1 giorno."),
        (0, "expires today", "scade oggi"),
        (-3, "has expired", "è scaduto"),
    ],
)
def test_expiry_counts_in_words(left: int, english: str, italian: str) -> None:
    use("en")
    assert english in expiry(left)
    use("it")
    assert italian in expiry(left)


def test_a_need_that_nobody_knows_leads_to_the_panel() -> None:
    use("en")
    told = shown({"need": "brand_new"})
    assert (told.key, told.title, told.action) == ("brand_new", "brand_new", window("panel"))
    assert all_shown({}) == ()
    assert [told.kind for told in all_shown({"needs": [row("pin_not_set")]})] == ["pin_not_set"]


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    yield
    use("en")
