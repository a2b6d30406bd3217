"""Tokens named by people; the examples are those of RFC 7512 §3."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from custode.domain.model import HeldCertificate, HeldKey, KnownToken, TokenId, TokenSeen
from custode.domain.token_uri import TokenUri, UriInvalid, named, parse, uri_of, uri_of_object

EXAMPLES: list[tuple[str, dict[str, Any] | str]] = [
    ("pkcs11:", {}),
    ("pkcs11:object=my-pubkey;type=public", {"object": "my-pubkey", "type": "public"}),
    ("pkcs11:object=my-key;type=private?pin-source=file:/etc/token", "pin"),
    (
        (
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;"
            "model=1.0;object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial="
            "?pin-source=file:/etc/token_pin"
        ),
        "pin",
    ),
    (
        (
            "pkcs11:token=The%20Software%20PKCS%2311%20Softtoken;manufacturer=Snake%20Oil,%20Inc.;"
            "model=1.0;object=my-certificate;type=cert;id=%69%95%3E%5C%F4%BD%EC%91;serial="
        ),
        {
            "token": "The Software PKCS#11 Softtoken",
            "manufacturer": "Snake Oil, Inc.",
            "model": "1.0",
            "object": "my-certificate",
            "type": "cert",
            "id": bytes.fromhex("69953e5cf4bdec91"),
            "serial": "",
        },
    ),
    (
        "pkcs11:object=my-sign-key;type=private?module-name=mypkcs11",
        {"object": "my-sign-key", "type": "private", "module_name": "mypkcs11"},
    ),
    (
        "pkcs11:object=my-sign-key;type=private?module-path=/mnt/libmypkcs11.so.1",
        {
            "object": "my-sign-key",
            "type": "private",
            "module_path": "/mnt/libmypkcs11.so.1",
        },
    ),
    (
        (
            "pkcs11:token=Software%20PKCS%2311%20softtoken;manufacturer=Snake%20Oil,%20Inc."
            "?pin-value=the-pin"
        ),
        "pin",
    ),
    ("pkcs11:slot-description=Sun%20Metaslot", "place"),
    (
        (
            "pkcs11:library-manufacturer=Snake%20Oil,%20Inc.;"
            "library-description=Soft%20Token%20Library;library-version=1.23"
        ),
        "place",
    ),
    ("pkcs11:token=My%20token%25%20created%20by%20Joe;library-version=3;id=%01%02%03", "place"),
    (
        "pkcs11:token=My%20token%25%20created%20by%20Joe;id=%01%02%03%Ba%dd%Ca%fe%04%05%06",
        {"token": "My token% created by Joe", "id": bytes.fromhex("010203baddcafe040506")},
    ),
    (
        "pkcs11:token=A%20name%20with%20a%20substring%20%25%3B;object=my-certificate;type=cert",
        {"token": "A name with a substring %;", "object": "my-certificate", "type": "cert"},
    ),
    (
        (
            "pkcs11:token=Name%20with%20a%20small%20A%20with%20acute:%20%C3%A1;"
            "object=my-certificate;type=cert"
        ),
        {
            "token": "Name with a small A with acute: á",
            "object": "my-certificate",
            "type": "cert",
        },
    ),
    ("pkcs11:token=my-token;object=my-certificate;type=cert;vendor-aaa=value-a", "unknown"),
    ("pkcs11:token=my-token;type=cert?vendor-bbb=value-b", {"token": "my-token", "type": "cert"}),
    ("PKCS11:token=x", {"token": "x"}),
]


@pytest.mark.parametrize(("text", "expected"), EXAMPLES)
def test_the_rfcs_examples(text: str, expected: dict[str, Any] | str) -> None:
    if isinstance(expected, str):
        with pytest.raises(UriInvalid) as caught:
            parse(text)
        assert caught.value.why == expected
    else:
        assert parse(text) == TokenUri(**expected)


@pytest.mark.parametrize(
    "text",
    [
        "http://x",
        "pkcs11:token",
        "pkcs11:=x",
        "pkcs11:token=a;token=a",
        "pkcs11:token=a;",
        "pkcs11:token=a b",
        "pkcs11:token=%4",
        "pkcs11:token=%zz",
        "pkcs11:token=%FF",
        "pkcs11:token=caffè",
        "pkcs11:type=key",
        "pkcs11:token=a?pin-value",
    ],
)
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(UriInvalid) as caught:
        parse(text)
    assert caught.value.why == "syntax"
    assert text not in str(caught.value)


TOKEN = TokenSeen(
    TokenId("Snake Oil, Inc.", "1.0", "0A"),
    "Mine",
    "m",
    certificates=(HeldCertificate("01", "my-certificate", "f" * 64),),
    public_keys=(HeldKey("01", "rsa", 2048), HeldKey("02", "ec", 256)),
)

MATCHES = [
    ("", True),
    ("token=Mine;serial=0A;model=1.0;manufacturer=Snake%20Oil,%20Inc.", True),
    ("token=mine", False),
    ("serial=", False),
    ("model=2.0", False),
    ("manufacturer=X", False),
    ("object=my-certificate", True),
    ("object=my-certificate;type=cert", True),
    ("object=my-certificate;type=private", True),
    ("object=another", False),
    ("id=%01", True),
    ("id=%02", True),
    ("id=%02;type=cert", False),
    ("id=%02;type=public", True),
    ("id=%02;object=my-certificate", False),
    ("id=%03", False),
    ("type=cert", True),
    ("type=secret-key", False),
    ("type=data", False),
]


@pytest.mark.parametrize(("path", "expected"), MATCHES)
def test_what_a_uri_matches(path: str, expected: bool) -> None:
    assert parse(f"pkcs11:{path}").matches(TOKEN) is expected


def test_nobody_knows_what_an_absent_token_carries() -> None:
    known = KnownToken(TOKEN.id, TOKEN.label)
    assert parse("pkcs11:serial=0A").matches(known)
    assert not parse("pkcs11:id=%01").matches(known)


texts = st.text(max_size=20)


@example("x", "", "", "x")
@given(texts, texts, texts, texts)
def test_a_tokens_own_uri_names_it_and_no_other(
    label: str, manufacturer: str, model: str, serial: str
) -> None:
    assume(serial.strip("0 ") or not label)  # else it went by its label (TokenId)
    token = KnownToken(TokenId(manufacturer, model, serial), label)
    uri = uri_of(token)
    assert uri.isascii()
    told = "0" * 16 if label and serial == label else serial
    assert parse(uri) == TokenUri(token=label, manufacturer=manufacturer, model=model, serial=told)
    other = replace(token, id=replace(token.id, serial=serial + "x"))
    assert named(uri, [token, other]) == [token]


def test_a_token_that_goes_by_its_label_has_the_number_other_programs_see() -> None:
    token = KnownToken(TokenId("IBM", "SW   TPM", "Il mio TPM"), "Il mio TPM")
    numbered = KnownToken(TokenId("IBM", "SW   TPM", "0815"), "Il mio TPM")
    empty = KnownToken(TokenId("IBM", "SW   TPM", "0000000000000000"), "")
    here = [token, numbered, empty]
    uri = "pkcs11:model=SW%20%20%20TPM;manufacturer=IBM;serial=0000000000000000;token="
    assert uri_of(token) == f"{uri}Il%20mio%20TPM"
    assert named(uri_of(token), here) == [token]
    assert named("pkcs11:serial=0000000000000000", here) == [token, empty]
    assert named("pkcs11:serial=0815", here) == [numbered]
    assert uri_of(empty) == uri
    assert named(uri, here) == [empty]


def test_names_by_serial_go_before_labels() -> None:
    first, second = TOKEN, replace(TOKEN, id=replace(TOKEN.id, serial="Mine"), label="0A")
    third = replace(TOKEN, id=replace(TOKEN.id, serial="0B"))
    here = [first, second, third]
    assert named("0A", here) == [first]
    assert named("Mine", here) == [second]
    assert named("0B", here) == [third]
    assert named("Mine", [first, third]) == [first, third]
    assert named(None, here) == here
    assert named("nobody", here) == []
    assert named("pkcs11:token=Mine;serial=0B", here) == [third]


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", True),
        ("?module-name=mypkcs11", True),
        ("?module-name=MyPKCS11", True),
        ("?module-name=libmypkcs11", True),
        ("?module-name=libmypkcs11.so.1", True),
        ("?module-name=other", False),
        ("?module-path=/mnt/libmypkcs11.so.1", True),
        ("?module-path=/mnt", True),
        ("?module-path=/mnt/other.so", False),
        ("?module-name=mypkcs11&module-path=/mnt/other.so", False),
        ("?vendor-x=1", True),
    ],
)
def test_a_query_names_the_module_through_which_a_token_is_seen(query: str, fits: bool) -> None:
    token = TokenSeen(
        TokenId("A", "B", "C"), "L", "libmypkcs11.so.1#2", module_path="/mnt/libmypkcs11.so.1"
    )
    assert named(f"pkcs11:token=L{query}", [token]) == ([token] if fits else [])
    away = KnownToken(token.id, "L")  # which module would show it, nobody knows
    assert named(f"pkcs11:token=L{query}", [away]) == [away]


def test_what_lies_on_a_token_has_a_uri_that_names_the_token_too() -> None:
    token = TokenSeen(
        TokenId("A", "B", "C"),
        "L",
        "m",
        certificates=(HeldCertificate("01fe", "x", "a" * 64),),
        public_keys=(HeldKey("02", "rsa", 2048),),
    )
    certificate, key = (uri_of_object(token, *one) for one in (("01fe", "cert"), ("02", "public")))
    assert certificate.endswith(";id=%01%FE;type=cert")
    assert named(certificate, [token]) == named(key, [token]) == [token]
    assert named(uri_of_object(token, "01fe", "public"), [token]) == []
