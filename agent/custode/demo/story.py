"""Steps 1 to 8: one certificate's life, from the inserted token to the activated backup."""

from __future__ import annotations

import re
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from custode.container import search
from custode.demo import judges
from custode.demo.stage import der
from custode.demo.telling import AUTHORITY, CUSTODE, OPENSSL, SYSTEM, TOKEN
from custode.locale.catalogue import t

if TYPE_CHECKING:
    from custode.demo.stage import Person, Ran, Stage, Token
    from custode.demo.telling import Step, Teller

EXIT_BLOCKED = 10
EXIT_GENERATING = 23
RED_NOTICE = "Esegui la copia di sicurezza!"  # the client's own words, in every language


@dataclass(slots=True)
class Story:
    """What one step leaves for the next."""

    stage: Stage
    person: Person
    token: Token
    new_token: Token | None = None
    csr: Path = Path()
    certificate: Path = Path()
    id_operazione: str = ""
    folders: list[Path] = field(default_factory=list)

    @property
    def now(self) -> Token:
        """The token that is the primary now."""
        return self.new_token or self.token

    @property
    def files(self) -> Path:
        return self.person.folder


def tell(stage: Stage, teller: Teller) -> Story:
    """Play steps 1 to 8."""
    person = stage.person("anna", "ROSSI01", "RSSNNA80A01H501H")
    story = Story(stage, person, stage.factory_token("Anna"))
    steps = (
        (t("A factory-fresh token is plugged in"), _token),
        (t("A key is made on it, and the request is signed there"), _request_file),
        (t("The authority issues the certificate, and it goes onto the token"), _certificate),
        (t("The backup"), _backup),
        (t("While the original is active the backup stays closed"), _blocked),
        (t("The original is lost: report and activation"), _activation),
        (t("The backup comes to life on a new token"), _restore),
        (t("The old token turns up again"), _old_token),
    )
    for name, play in steps:
        with teller.step(name) as step:
            play(story, step)
    return story


def start_up(stage: Stage, step: Step, person: Person, token: Token) -> None:
    """Plug a factory-fresh token in and give it a PIN of its own."""
    stage.run(step, person, "status")
    seconds = stage.plug(person, token)
    step.say(t("[the token is plugged in]"))
    step.check(
        t("the agent noticed it by itself, after {ms} ms", ms=f"{seconds * 1000:.0f}"),
        CUSTODE,
        ok=True,
    )
    stage.give_pin(step, person, token)


def set_identity(stage: Stage, step: Step, person: Person) -> None:
    """Say who the certificate is for."""
    words = ("--code", person.code, "--codice-fiscale", person.codice_fiscale)
    secret = {"password": person.password}
    stage.run(step, person, "identity", "set", *words, secret=secret)


def _token(story: Story, step: Step) -> None:
    start_up(story.stage, step, story.person, story.token)
    step.data["serial"] = story.token.serial


def _request_file(story: Story, step: Step) -> None:
    set_identity(story.stage, step, story.person)
    story.csr = story.files / "anna.csr"
    words = ("--key", "rsa2048", "--out", story.csr)
    secret = story.token.writing()
    made = story.stage.run(step, story.person, "csr", *words, secret=secret).answer
    judged = judges.request(story.csr)
    step.check(
        t("the request is signed by the key it names"), OPENSSL, ok=judged.ok, why=judged.words
    )
    subject = re.search(r"^subject=CN = (\S+)$", judged.words, re.MULTILINE)
    step.check(
        t("its only name is the codice fiscale"),
        OPENSSL,
        ok=subject is not None and subject[1] == story.person.codice_fiscale,
        why=judged.words,
    )
    step.check(t("the key is RSA with 2048 bits"), OPENSSL, ok="(2048 bit)" in judged.words)
    row = story.stage.token_row(step, story.person, story.token)
    keys = [key["key_id"] for key in row["public_keys"]]
    step.check(t("the key lies on the token"), TOKEN, ok=made["key_id"] in keys)
    step.data.update(file=str(story.csr), key_id=made["key_id"])


def _certificate(story: Story, step: Step) -> None:
    stage, person = story.stage, story.person
    sent = stage.run(step, person, "request", "--csr", story.csr, expect=EXIT_GENERATING).answer
    story.id_operazione = sent["id_operazione"]
    step.check(
        t(
            "IdOperazione {id}: in generazione, ask again in {s} s",
            id=story.id_operazione,
            s=sent["retry_after_s"],
        ),
        AUTHORITY,
        ok=sent["state"] == "generating" and sent["retry_after_s"] >= 1,
    )
    ready = stage.run(step, person, "request", "--csr", story.csr, "--wait").answer
    step.check(
        t("the same IdOperazione, now: attivo"),
        AUTHORITY,
        ok=(ready["id_operazione"], ready["state"]) == (story.id_operazione, "active"),
    )
    done = stage.run(step, person, "install", secret=story.token.writing()).answer
    story.certificate = judges.pem(der(done, "certificate"), story.files / "anna.pem")
    judged = judges.chain(story.certificate, person.ca)
    step.check(t("the certificate is the authority's"), OPENSSL, ok=judged.ok, why=judged.words)
    check_signature(story, step, story.certificate, done)
    row = stage.token_row(step, person, story.token)
    step.check(
        t("the certificate lies on the token"),
        TOKEN,
        ok=done["fingerprint_sha256"] in [c["fingerprint_sha256"] for c in row["certificates"]],
    )
    step.data.update(
        id_operazione=story.id_operazione, fingerprint_sha256=done["fingerprint_sha256"]
    )


def check_signature(story: Story, step: Step, certificate: Path, done: dict[str, Any]) -> None:
    """A fresh challenge, signed on the token, verifies with the certificate."""
    judged = judges.signature(
        certificate, der(done, "challenge"), der(done, "signature"), story.files
    )
    step.check(
        t("a fresh challenge signed by the token verifies"), OPENSSL, ok=judged.ok, why=judged.words
    )


def _backup(story: Story, step: Step) -> None:
    stage, person = story.stage, story.person
    step.check(
        t("the red notice is there: “{words}”", words=RED_NOTICE),
        CUSTODE,
        ok="backup_missing" in stage.needs(step, person),
    )
    sticks = [story.files / "stick-1", story.files / "stick-2"]
    access = story.files / "access.txt"
    access.write_text("https://portal.example/\n", "utf-8")
    secret = {**story.token.secrets(), "backup-pin": person.backup_pin}
    for stick in sticks:
        stick.mkdir()
        words = ("--to", stick, "--include", access)
        made = stage.run(step, person, "backup", "create", *words, secret=secret).answer
        story.folders.append(Path(made["path"]))
    folder = story.folders[-1]
    step.say(t("Folder saved: {name}, in {path}", name=folder.name, path=folder.parent))
    step.check(
        t("the folder is named with code and date"),
        SYSTEM,
        ok=re.fullmatch(rf"{person.code}_\d{{4}}-\d\d-\d\d", folder.name) is not None,
    )
    files = sorted(file.name for file in folder.iterdir())
    step.check(", ".join(files), SYSTEM, ok=files == ["Leggimi.rtf", "access.txt", "iw.iwk"])
    judged = judges.outside(folder / "iw.iwk", story.certificate, person.ca)
    step.check(t("the outside is signed by the original"), OPENSSL, ok=judged.ok, why=judged.words)
    found = search.scan(folder, [person.codice_fiscale])
    step.check(t("the codice fiscale is nowhere in the folder"), SYSTEM, ok=not found)
    step.check(
        t("the red notice is gone"), CUSTODE, ok="backup_missing" not in stage.needs(step, person)
    )
    step.data["folder"] = str(folder)


def try_open(story: Story, step: Step, folder: Path | None = None) -> Ran:
    """`custode backup open`, however it ends."""
    secret = {"backup-pin": story.person.backup_pin}
    target = folder or story.folders[-1]
    return story.stage.run(step, story.person, "backup", "open", target, secret=secret, expect=None)


def check_blocked(step: Step, ran: Ran, *reasons: str, judge: str = CUSTODE) -> None:
    """Blocked, exit status 10, and these reasons are among those named."""
    step.check(
        t("blocked, exit status {exit}: {reasons}", exit=ran.exit, reasons=", ".join(ran.reasons)),
        judge,
        ok=ran.exit == EXIT_BLOCKED and set(reasons) <= set(ran.reasons),
        why=str(ran.error),
    )


def _blocked(story: Story, step: Step) -> None:
    stage, person = story.stage, story.person
    ran = try_open(story, step)
    check_blocked(step, ran, "original_present", "original_active", "no_grant")
    stage.pull(person, story.token)
    step.say(t("[the token is pulled out]"))
    ran = try_open(story, step)
    check_blocked(step, ran, "original_active", judge=AUTHORITY)
    step.check(t("the token is out"), CUSTODE, ok="original_present" not in ran.reasons)
    person.configure(autostart=False)
    step.say(t("[the authority is stopped]"))
    ran = try_open(story, step)
    check_blocked(step, ran, "status_unknown")
    running = stage.run(step, person, "status").answer["authority"]["running"]
    step.check(t("no authority runs"), SYSTEM, ok=not running)
    person.configure(autostart=True)


def _activation(story: Story, step: Step) -> None:
    stage, person = story.stage, story.person
    secret = {"password": person.password}
    told = stage.run(step, person, "report", "lost", secret=secret).answer
    step.check(t("suspended at once"), AUTHORITY, ok=told["state"] == "suspended")
    check_crl(story, step, story.certificate, revoked=True)
    rows = stage.run(step, person, "certificates").answer["certificates"]
    step.check(t("no certificate exists for the backup's key yet"), AUTHORITY, ok=len(rows) == 1)
    words = ("backup", "activate", story.folders[-1], "--reason", "lost", "--wait")
    pin = {"backup-pin": person.backup_pin}
    done = stage.run(step, person, *words, secret=pin).answer
    step.check(
        t("requested, approved, collected"),
        AUTHORITY,
        ok=done["state"] == "collected",
        why=str(done),
    )
    successor = judges.pem(der(done, "certificate"), story.files / "successor.pem")
    check_crl(story, step, successor, revoked=False)
    check_crl(story, step, story.certificate, revoked=True)
    rows = stage.run(step, person, "certificates").answer["certificates"]
    states = {row["id_operazione"]: row["state"] for row in rows}
    step.check(
        t("the original is annullato, its successor attivo"),
        AUTHORITY,
        ok=states[story.id_operazione] == "cancelled"
        and sorted(states.values()) == ["active", "cancelled"],
        why=str(states),
    )
    ran = try_open(story, step, story.folders[0])
    check_blocked(step, ran, "backup_retired", judge=AUTHORITY)
    step.data["grant"] = done["grant"]


def check_crl(story: Story, step: Step, certificate: Path, *, revoked: bool) -> None:
    """Fetch the list that the certificate itself names, and have openssl judge by it."""
    named = judges.openssl("x509", "-in", certificate, "-noout", "-ext", "crlDistributionPoints")
    url = re.search(r"URI:(http://127\.0\.0\.1:\S+)", named.words)
    if url is None:
        step.check(t("the certificate names its CRL"), OPENSSL, ok=False, why=named.words)
        return
    with urllib.request.urlopen(url[1], timeout=10) as answer:  # noqa: S310 - http on loopback only
        crl = judges.crl_pem(answer.read(), story.files / "ca.crl.pem")
    judged = judges.revocation(certificate, story.person.ca, crl)
    if revoked:
        name = t("the original is on the CRL")
        step.check(name, OPENSSL, ok=not judged.ok and "revoked" in judged.words, why=judged.words)
    else:
        step.check(
            t("the successor verifies and is not on the CRL"),
            OPENSSL,
            ok=judged.ok,
            why=judged.words,
        )


def _restore(story: Story, step: Step) -> None:
    stage, person = story.stage, story.person
    ran = try_open(story, step)
    step.check(
        t("the gate is open now: the backup opens, in memory"),
        CUSTODE,
        ok=ran.exit == 0 and ran.answer["proved"],
        why=str(ran.error),
    )
    story.new_token = new = stage.factory_token("Anna 2")
    start_up(stage, step, person, new)
    secret = {"backup-pin": person.backup_pin, **new.writing()}
    words = ("backup", "restore", story.folders[-1], "--token", new.serial)
    done = stage.run(step, person, *words, secret=secret).answer
    successor = judges.pem(der(done, "certificate"), story.files / "successor.pem")
    check_signature(story, step, successor, done)
    rows = stage.run(step, person, "backup", "list").answer["backups"]
    state = next(r["state"] for r in rows if r["backup_id"] == done["backup_id"])
    step.check(t("the authority has the confirmation"), AUTHORITY, ok=state == "restored")
    row = stage.token_row(step, person, new)
    step.check(t("the new token is the primary"), CUSTODE, ok=row["state"] == "primary")
    step.check(
        t("the red notice is back: make a backup of the new one"),
        CUSTODE,
        ok="backup_missing" in stage.needs(step, person),
    )
    ran = try_open(story, step)
    check_blocked(step, ran, "backup_restored", judge=AUTHORITY)
    step.data["token"] = new.serial


def _old_token(story: Story, step: Step) -> None:
    stage, person = story.stage, story.person
    stage.plug(person, story.token)
    step.say(t("[the old token is plugged in]"))
    row = stage.token_row(step, person, story.token)
    step.check(
        t("it is recognised as retired"), CUSTODE, ok=row["state"] == "retired", why=str(row)
    )
    needs = stage.needs(step, person)
    step.check(
        t("the person is told"), CUSTODE, ok="cancelled_original_back" in needs, why=str(needs)
    )
    words = ("csr", "--token", story.token.serial, "--out", story.files / "old.csr")
    ran = stage.run(step, person, *words, secret=story.token.writing(), expect=None)
    step.check(
        t("it is refused, exit status {exit}", exit=ran.exit),
        CUSTODE,
        ok=ran.error.get("code") == "token_retired" and not (story.files / "old.csr").exists(),
        why=str(ran.error),
    )
    stage.pull(person, story.token)
