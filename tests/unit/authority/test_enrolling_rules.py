import itertools

import pytest

from custode_authority.domain.enrolling import Decision, Standing, decide

TAKE, ASK, WANT = Decision.TAKE, Decision.ASK_DESK, Decision.WANT_SIGNATURE


@pytest.mark.parametrize(
    ("ever", "active", "suspended", "signed", "renewal", "desk", "expected"),
    [
        (False, False, False, False, False, False, TAKE),  # the very first
        (False, False, False, False, False, True, TAKE),
        (False, False, False, False, True, False, WANT),  # nothing there to renew
        (True, True, False, False, False, False, WANT),
        (True, True, False, True, False, False, TAKE),
        (True, True, False, True, True, True, TAKE),
        (True, True, False, False, True, False, WANT),
        (True, False, True, False, False, False, WANT),
        (True, False, True, False, False, True, WANT),  # fail closed, no desk opens it
        (True, True, True, True, False, False, TAKE),  # by another, active one
        (True, False, False, False, False, False, TAKE),
        (True, False, False, False, False, True, ASK),
    ],
)
def test_rule_five(
    ever: bool,
    active: bool,
    suspended: bool,
    signed: bool,
    renewal: bool,
    desk: bool,
    expected: Decision,
) -> None:
    standing = Standing(
        ever_certified=ever,
        active=active,
        suspended=suspended,
        signed=signed,
        renewal=renewal,
        desk=desk,
    )
    assert decide(standing) is expected


def test_unsigned_is_never_taken_beside_a_living_certificate() -> None:
    for renewal, desk, active, suspended in itertools.product((False, True), repeat=4):
        if not (active or suspended):
            continue
        standing = Standing(
            ever_certified=True,
            active=active,
            suspended=suspended,
            signed=False,
            renewal=renewal,
            desk=desk,
        )
        assert decide(standing) is WANT
