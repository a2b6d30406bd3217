"""Keys that may leave their token, wrapped, and come back into another one."""

from __future__ import annotations

import secrets

import pytest

from custode_drivers.testing.conformance.desk import Desk, Row
from custode_drivers.testing.conformance.stack import Mean, Story

NAME = "c5" * 20


def copyable(desk: Desk, spec: str) -> Row:
    """Return a new key that may leave, of a session that is open now."""
    row = desk.row()
    if not row["can_wrap"]:
        desk.not_offered("a mechanism that wraps keys (RFC 5649)")
    if spec not in row["key_specs"]:
        desk.not_offered(f"making {spec}")
    desk.login()
    with desk.offered():
        key: Row = desk.work("generate_key", spec=spec, label="copiabile", copyable=True)
    desk.made(key)
    return key


def elsewhere(desk: Desk, key: Row) -> None:
    """Log in to where the copy goes: another token, or this one without the original."""
    if Mean.SECOND in desk.stack.lacks:
        desk.work("destroy_key", key_id=key["key_id"])
        return
    desk.logout()
    desk.take(desk.bench.token("seconda"))
    desk.login()


@pytest.mark.story(Story.WRAP)
@pytest.mark.parametrize("spec", [pytest.param("rsa2048", marks=pytest.mark.whole), "p256"])
@pytest.mark.needs(Mean.CHANGE)
def test_a_wrapped_key_comes_back_and_stays(plugged: Desk, spec: str) -> None:
    key, kek = copyable(plugged, spec), secrets.token_bytes(32)
    wrapped = plugged.work("wrap_key", kek, key_id=key["key_id"])["wrapped"]
    elsewhere(plugged, key)
    told = {
        "wrapped": wrapped,
        "public_key": key["public_key"],
        "key_id": NAME,
        "label": "copia",
    }
    other = plugged.refused(lambda: plugged.work("unwrap_key", secrets.token_bytes(32), **told))
    assert (other.code, other.data) == ("integrity", {"what": "wrapped_key"})
    copy = plugged.work("unwrap_key", kek, **told)
    plugged.made(copy)
    assert copy == {"key_id": NAME, "public_key": key["public_key"]}
    plugged.check(copy)
    again = plugged.refused(lambda: plugged.work("wrap_key", kek, key_id=NAME))
    assert (again.code, again.data["capability"]) == ("not_supported", "copyable_key")


@pytest.mark.story(Story.WRAP)
@pytest.mark.whole
@pytest.mark.needs(Mean.CHANGE)
def test_a_key_that_was_made_to_stay_stays(plugged: Desk) -> None:
    if not plugged.row()["can_wrap"]:
        plugged.not_offered("a mechanism that wraps keys (RFC 5649)")
    plugged.login()
    key = plugged.key(plugged.easiest)
    kek = secrets.token_bytes(32)
    refused = plugged.refused(lambda: plugged.work("wrap_key", kek, key_id=key["key_id"]))
    assert (refused.code, refused.data["capability"]) == ("not_supported", "copyable_key")
