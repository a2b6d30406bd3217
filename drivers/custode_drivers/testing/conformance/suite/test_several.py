"""More than one token, odd names, and no room."""

from __future__ import annotations

import pytest

from custode_drivers.testing.conformance.desk import Desk
from custode_drivers.testing.conformance.stack import Mean, Story

# 32 bytes of UTF-8 are what CK_TOKEN_INFO has room for (PKCS #11 v3.1 §3.2).
ODD_LABEL = "Né «;/%&?=\\'\" 印鑑"
ODD_NAME = "Società «Rossi & C.»; 100% = ok/印鑑 \U0001f511"
MOST_KEYS = 3


@pytest.mark.story(Story.TWO)
@pytest.mark.whole
@pytest.mark.needs(Mean.SECOND)
def test_two_tokens_at_once_are_two(plugged: Desk) -> None:
    first, first_token = plugged.who, plugged.token
    plugged.take(plugged.bench.token("seconda"))
    second, second_token = plugged.who, plugged.token
    assert first != second
    rows = plugged.rows()
    listed = [{name: row[name] for name in first} for row in rows]
    assert [listed.count(who) for who in (first, second)] == [1, 1]

    opened = []
    for who, token in ((first, first_token), (second, second_token)):
        plugged.who, plugged.token = who, token
        key = plugged.key()
        opened.append({"session": plugged.session, "key_id": key["key_id"], "data": b"x"})
    call = plugged.worker.call
    for _ in range(2):
        for asked in opened:
            assert call("sign", asked)["signature"]
    # a session is of the token that is meant
    mixed = plugged.refused(lambda: call("sign", {**opened[0], "token": second}))
    assert mixed.code == "session_unknown"
    call("logout", {"session": opened[0]["session"]})
    assert call("sign", opened[1])["signature"]
    if Mean.REMOVAL not in plugged.stack.lacks:
        first_token.remove()
        assert call("sign", opened[1])["signature"]
        call("logout", {"session": opened[1]["session"]})
        assert [row["serial"] for row in plugged.rows()] == [second["serial"]]


@pytest.mark.story(Story.NAMES)
@pytest.mark.needs(Mean.CHANGE)
@pytest.mark.whole
def test_odd_labels_of_keys_and_certificates_are_kept(plugged: Desk) -> None:
    plugged.login()
    if not plugged.row()["key_specs"]:
        plugged.not_offered("making keys")
    spec = "p256" if "p256" in plugged.row()["key_specs"] else "rsa2048"
    key = plugged.key(spec, label=ODD_NAME)
    plugged.certify(key, label=ODD_NAME)
    plugged.check(key)
    plugged.logout()
    labels = [k["label"] for k in plugged.login() if k["key_id"] == key["key_id"]]
    assert len(labels) == 1
    certificates = [c for c in plugged.row()["certificates"] if c["key_id"] == key["key_id"]]
    with plugged.unless("names_are_fixed"):
        assert [*labels, *(c["label"] for c in certificates)] == [ODD_NAME] * 2


@pytest.mark.story(Story.NAMES)
@pytest.mark.whole
@pytest.mark.needs(Mean.NAMES)
def test_a_token_with_an_odd_label_is_a_token_like_others(desk: Desk) -> None:
    row = desk.take(desk.bench.token(ODD_LABEL))
    assert row["label"] == ODD_LABEL
    desk.check(desk.key())


@pytest.mark.story(Story.NAMES)
@pytest.mark.whole
@pytest.mark.needs(Mean.NAMES)
def test_a_token_with_an_odd_serial_number_is_a_token_like_others(desk: Desk) -> None:
    odd = desk.bench.odd_token()
    row = desk.take(odd)
    assert row["serial"] == odd.serial
    assert not str(row["serial"]).isalnum()
    desk.check(desk.key())


@pytest.mark.story(Story.FULL)
@pytest.mark.whole
@pytest.mark.needs(Mean.CHANGE, Mean.FULL)
def test_a_token_without_room_says_so_and_stays_as_it_is(plugged: Desk) -> None:
    offers = plugged.row()["key_specs"]
    if not offers:
        plugged.not_offered("making keys")
    plugged.token.fill()
    plugged.login()
    spec = "p256" if "p256" in offers else offers[0]
    made: list[dict[str, str]] = []

    def too_many() -> None:
        told = {"spec": spec, "label": "chiave"}
        made.extend(plugged.work("generate_key", **told) for _ in range(MOST_KEYS))

    refused = plugged.refused(too_many)
    assert refused.code == "token_full"
    plugged.logout()
    left = plugged.login()
    for key in left:
        if key["public_key"]:
            plugged.worker.call(
                "challenge",
                {
                    "session": plugged.session,
                    "key_id": key["key_id"],
                    "public_key": key["public_key"],
                },
            )
    assert {key["key_id"] for key in made} <= {key["key_id"] for key in left}
