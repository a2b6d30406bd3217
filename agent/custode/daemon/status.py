"""What the agent knows, as the rows that faces show. Keys are the command line's contract."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from custode.domain.certificates import may_cancel, original, state_at
from custode.domain.model import PinRole
from custode.domain.need import NeedKind
from custode.domain.needs import needs as all_needs
from custode.domain.pin import attempts_left, must_be_changed, tries_of
from custode.domain.prompting import snoozed_until
from custode.domain.spares import label_of
from custode.domain.standing import standing
from custode.domain.token_uri import uri_of, uri_of_object
from custode.domain.tokens import recognise, remembered

if TYPE_CHECKING:
    from collections.abc import Iterable

    from custode.domain.model import (
        HeldCertificate,
        HeldKey,
        KnownToken,
        State,
        TokenId,
        TokenSeen,
    )
    from custode.domain.need import Need


def identity(state: State) -> dict[str, Any] | None:
    """Who the certificate is for; None before `identity set`."""
    who = state.identity
    if who is None:
        return None
    return {
        "code": who.code,
        "codice_fiscale": who.codice_fiscale,
        "name": who.name,
        "mail": who.mail,
        "ceased": who.ceased,
        "primary": None if who.primary is None else _named(who.primary),
    }


def tokens(state: State) -> list[dict[str, Any]]:
    """Tokens that are here, then those that are remembered."""
    here = [_present(insertion.token, state) for insertion in state.insertions]
    present = {insertion.token.id for insertion in state.insertions}
    return here + [
        _absent(known, state) for key, known in state.known.items() if key not in present
    ]


def readers(state: State) -> dict[str, Any] | None:
    """How the reader service does and which readers it sees; None where none is needed.

    It is none too before the service has answered, or has been found missing, for the first time.
    """
    told = state.readers
    if told is None:
        return None
    return {
        "ok": told.why is None,
        "why": told.why,
        "since": told.since,
        "modules": list(told.modules),
        "readers": [{"name": one.name, "card": one.card} for one in told.readers],
    }


def certificates(state: State, now: datetime) -> list[dict[str, Any]]:
    """Certificates and requests, oldest first; the state as it is by the clock.

    `original`: it is the one in use; `cancellable`: it is what a cancellation can be asked for.
    """
    rows, in_use = [], original(state)
    for record in sorted(state.certificates.values(), key=lambda c: c.requested_at):
        row = msgspec.to_builtins(record)
        del row["certificate"]  # its bytes are for programs that ask for them
        row["state"] = state_at(record, now).value
        row["original"] = record is in_use
        row["cancellable"] = may_cancel(record, now)
        rows.append(row)
    return rows


def backups(state: State) -> list[dict[str, Any]]:
    """Backups, oldest first."""
    records = sorted(state.backups.values(), key=lambda b: (b.created_at, b.backup_id))
    return [
        {**msgspec.to_builtins(record), "label": label_of(state, record.token)}
        for record in records
    ]


def gate(state: State) -> dict[str, Any]:
    """How the gate stands by what is known here; every use asks the authority afresh."""
    verdict = standing(state)
    return {"allowed": verdict.allowed, "reasons": msgspec.to_builtins(verdict.reasons)}


def needs(state: State, now: datetime) -> list[dict[str, Any]]:
    """What needs the person, most urgent first."""
    return [
        {
            **need_row(need),
            "snoozed_until": snoozed_until(need, state, now),
            "prompted": need.key in state.prompts_up,
        }
        for need in all_needs(state, now)
    ]


def not_under_way(
    rows: Iterable[dict[str, Any]], running: Iterable[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Without what waits to go on and goes on just now: nobody has to see to it."""
    doing = {row["what"] for row in running}
    return [
        row
        for row in rows
        if row["need"] != NeedKind.OPERATION_CAN_GO_ON or row["text_args"].get("what") not in doing
    ]


def need_row(need: Need) -> dict[str, Any]:
    """One need."""
    return {
        "need": need.kind.value,
        "key": need.key,
        "critical": need.critical,
        "token": None if need.token is None else _named(need.token),
        "label": need.label,
        "text_args": dict(need.text_args),
    }


def _named(token: TokenId) -> dict[str, str]:
    return {"manufacturer": token.manufacturer, "model": token.model, "serial": token.serial}


def _pin(
    token: TokenSeen, known: KnownToken | None, role: PinRole, name: str
) -> dict[str, int | bool | None]:
    """How a PIN stands: tries left (null: nobody knows), tries that were spent here, its change."""
    return {
        f"{name}_attempts_remaining": attempts_left(token, known, role),
        f"{name}_failures": tries_of(known, role).failures,
        f"{name}_to_be_changed": must_be_changed(token, role),
    }


def _present(token: TokenSeen, state: State) -> dict[str, Any]:
    known = state.known.get(token.id)
    return {
        **_named(token.id),
        "label": token.label,
        "state": recognise(token, state).value,
        "present": True,
        "module": token.module,
        "uri": uri_of(token),
        "user_pin_initialized": token.user_pin_initialized,
        "pin_count_low": token.user_pin.count_low,
        "pin_final_try": token.user_pin.final_try,
        "pin_locked": token.user_pin.locked,
        "so_pin_count_low": token.so_pin.count_low,
        "so_pin_final_try": token.so_pin.final_try,
        "so_pin_locked": token.so_pin.locked,
        **_pin(token, known, PinRole.USER, "pin"),
        **_pin(token, known, PinRole.SO, "so_pin"),
        "min_pin": token.min_pin,
        "max_pin": token.max_pin,
        "protected_path": token.protected_path,
        "removable": token.removable,
        "can_wrap": token.can_wrap,
        "certificates": [_on(token, held, "cert") for held in token.certificates],
        "public_keys": [_on(token, held, "public") for held in token.public_keys],
    }


def _on(token: TokenSeen, held: HeldCertificate | HeldKey, kind: str) -> dict[str, Any]:
    return {**msgspec.to_builtins(held), "uri": uri_of_object(token, held.key_id, kind)}


def _absent(known: KnownToken, state: State) -> dict[str, Any]:
    name = remembered(known, state).value
    return {
        **_named(known.id),
        "label": known.label,
        "state": name,
        "present": False,
        "uri": uri_of(known),
        "pin_failures": known.user_pin_failures,
        "so_pin_failures": known.so_pin_failures,
    }
