"""Every code of the domain has a word, and every word's fields are those the domain gives."""

import ast
from enum import StrEnum
from pathlib import Path

import pytest

import custode_authority as authority
from custode.domain.gate import GateCode, Remedy
from custode.domain.model import TokenState
from custode.domain.need import NeedKind
from custode.locale import backup_words, words
from custode.locale.catalogue import use
from custode_authority.wire.reasons import REASONS
from custode_authority.wire.states import BackupState, CertificateState

PACKAGE = Path(words.__file__).resolve().parents[1]


@pytest.mark.parametrize(
    ("codes", "table"),
    [
        (CertificateState, words.CERTIFICATE),
        (BackupState, words.BACKUP),
        (TokenState, words.TOKEN),
        (GateCode, words.GATE),
        (Remedy, words.REMEDY),
        (NeedKind, words.NEED),
    ],
)
def test_every_code_has_a_word(codes: type[StrEnum], table: dict[str, object]) -> None:
    assert {code.value for code in codes} <= set(table)


def test_the_reasons_are_the_agencys_own_words() -> None:
    use("it")
    told = {reason.value: words.word(words.REASON, reason.value) for reason in REASONS}
    assert told == {reason.value: row.italian for reason, row in REASONS.items()}
    use("en")
    assert {reason.value: row.english for reason, row in REASONS.items()} == words.REASON


def _literals(method: str) -> set[str]:
    """First arguments of `x.method("…")` in procedures and jobs."""
    found = set()
    for folder in ("procedures", "jobs"):
        for path in (PACKAGE / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr == method
                    and node.args
                    and isinstance(node.args[0], ast.Constant)
                ):
                    found.add(str(node.args[0].value))
    return found


def test_every_step_of_progress_has_a_sentence() -> None:
    steps = _literals("progress")
    assert steps
    assert not steps - set(words.STEP)


def _reasons(path: Path) -> set[str]:
    """`why` of each call that asks for a secret: a literal, or a constant of that module."""
    tree = ast.parse(path.read_text())
    constants = {
        target.id: statement.value.value
        for statement in tree.body
        if isinstance(statement, ast.Assign | ast.AnnAssign)
        and isinstance(statement.value, ast.Constant)
        for target in (
            statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        )
        if isinstance(target, ast.Name)
    }
    found = set()
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        name = getattr(call.func, "attr", None) or getattr(call.func, "id", None)
        whys = [word.value for word in call.keywords if word.arg == "why"]
        if name in {"asked", "asked_new"}:
            whys += call.args[-1:]
        elif name not in {"secret", "login"}:
            continue
        for why in whys:
            said = why.value if isinstance(why, ast.Constant) else None
            said = constants.get(why.id) if isinstance(why, ast.Name) else said
            found |= {said} if isinstance(said, str) else set()
    return found


def test_every_reason_to_ask_for_a_secret_has_a_sentence() -> None:
    asked = set().union(*map(_reasons, (PACKAGE / "procedures").glob("*.py")))
    assert {"csr", "token.init", "backup.create", "renew", "token.pin.unblock"} <= asked
    assert not asked - set(words.DOING)


def test_a_reason_of_the_gate_is_told_with_what_would_change_it() -> None:
    use("it")
    fact, remedy = words.gate_reason(
        {
            "code": "original_active",
            "remedy": "report",
            "text_args": {"state": "active", "said_at": "2026-03-14T22:30:00Z"},
        }
    )
    assert fact == "Per l'autorità l'originale è ancora attivo (14/03/2026 23:30)."
    assert remedy.startswith("se è smarrito, rubato o guasto")


def test_unknown_codes_show_as_they_are() -> None:
    assert words.gate_reason({"code": "brand_new", "text_args": {}}) == ("brand_new", "")
    assert words.need({"need": "brand_new"}) == ("brand_new", "")
    assert words.word(words.BACKUP, "brand_new") == "brand_new"
    assert words.word(words.BACKUP, None) == ""


@pytest.mark.parametrize("code", list(GateCode))
def test_no_reason_is_told_with_a_hole(code: GateCode) -> None:
    args = {
        "label": "A",
        "serial": "1",
        "module": "m",
        "state": "active",
        "said_at": "2026-03-14T22:30:00Z",
        "differs": "x",
    }
    assert "?" not in words.gate_reason({"code": code.value, "text_args": args})[0]


def test_a_need_names_its_token() -> None:
    use("it")
    title, action = words.need({"need": "pin_not_set", "label": "FIRMA", "text_args": {}})
    assert title == "Il token “FIRMA” non ha ancora un PIN."
    assert action == "custode token init"


@pytest.mark.parametrize("why", ["replaced", "by its owner", "never heard of", None])
def test_a_retired_backup_says_what_retired_it(why: str | None) -> None:
    use("it")
    args = {"why": why} if why else {}
    fact, _ = words.gate_reason({"code": "backup_retired", "text_args": args})
    assert ("preso il posto" in fact) is (why == "replaced")
    assert ("l'hai annullata tu" in fact) is (why == "by its owner")
    assert fact.startswith("La copia non è più valida")


def test_every_reason_of_the_authority_to_retire_is_told() -> None:
    found = set()
    for path in Path(authority.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "").startswith("retire"):
                args = [*node.args, *(k.value for k in node.keywords)]
                found |= {a.value for a in args if isinstance(a, ast.Constant)}
    assert {"renewed", "stolen"} <= found
    assert not {one for one in found if isinstance(one, str)} - set(backup_words.RETIRED)


def test_what_can_go_on_names_its_command() -> None:
    use("it")
    row = {"need": "operation_can_go_on", "text_args": {"what": "backup.restore", "folder": "/m/F"}}
    assert words.need(row)[1] == "custode backup restore /m/F --token TOKEN"
    row["text_args"] = {"what": "backup.collect", "folder": ""}
    assert words.need(row)[1] == "custode backup activate CARTELLA --reason MOTIVO"
    assert set(words.GO_ON) <= set(words.DOING)
