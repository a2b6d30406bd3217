import pkcs11.exceptions as p11
import pytest

from custode_drivers.api import errors
from custode_drivers.pkcs11.ckr import (
    Ckr,
    CkrError,
    Gone,
    ckr_of,
    may_mean_gone,
    name_of,
    translate,
)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (CkrError(0xA0, "C_Login"), "pin_incorrect"),
        (CkrError(0xA4, "C_Login"), "pin_locked"),
        (CkrError(0xA2, "C_InitPIN"), "pin_length"),
        (CkrError(0xA1, "C_InitPIN"), "pin_length"),
        (CkrError(0x102, "C_Login"), "pin_not_set"),
        (CkrError(0x31, "C_CreateObject"), "token_full"),
        (CkrError(0x32, "C_Sign"), "token_gone"),
        (CkrError(0xE0, "C_Sign"), "token_gone"),
        (CkrError(0xB3, "C_Sign"), "session_unknown"),
        (CkrError(0x101, "C_Sign"), "session_unknown"),
        (CkrError(0x190, "C_GetSlotList"), "module_failed"),
        (CkrError(0x54, "C_InitPIN"), "not_supported"),
        (CkrError(0xE2, "C_CreateObject"), "not_supported"),
        (CkrError(0x80000001, "C_Sign"), "unknown"),
        (p11.MechanismInvalid(), "not_supported"),
        (p11.DeviceMemory(), "token_full"),
        (p11.DeviceRemoved(), "token_gone"),
        (p11.PinLocked(), "pin_locked"),
        (p11.GeneralError(), "unknown"),
        (p11.PKCS11Error("Buffer was too small. Should never see this."), "unknown"),
    ],
)
def test_each_return_value_means_one_of_our_errors(
    failure: CkrError | p11.PKCS11Error, code: str
) -> None:
    assert translate(failure).code == code


def test_an_unknown_number_is_kept() -> None:
    assert translate(CkrError(0x80000001, "C_Sign")).data == {"ckr": "0x80000001"}
    assert translate(p11.GeneralError()).data == {"ckr": "CKR_GENERAL_ERROR"}
    assert name_of(0xA0) == "CKR_PIN_INCORRECT"


@pytest.mark.parametrize(
    ("module", "failure", "gone"),
    [
        ("OpenSC, signing", p11.DeviceRemoved(), Gone.ALWAYS),
        ("OpenSC, closing", p11.SessionHandleInvalid(), Gone.IF_ABSENT),
        ("ykcs11, signing", p11.DeviceError(), Gone.IF_ABSENT),
        ("ykcs11, after it", p11.UserNotLoggedIn(), Gone.IF_ABSENT),
        ("SoftHSM, signing", p11.ObjectHandleInvalid(), Gone.IF_ABSENT),
        ("SoftHSM, key generation", p11.GeneralError(), Gone.IF_ABSENT),
        ("p11-kit", CkrError(Ckr.DEVICE_ERROR, "C_Sign"), Gone.IF_ABSENT),
        ("a number that was lost", p11.PKCS11Error("?"), Gone.IF_ABSENT),
        ("wrong PIN", CkrError(Ckr.PIN_INCORRECT, "C_Login"), Gone.NO),
        ("full", p11.DeviceMemory(), Gone.NO),
    ],
)
def test_what_a_removed_token_looks_like(
    module: str, failure: CkrError | p11.PKCS11Error, gone: Gone
) -> None:
    assert may_mean_gone(failure) is gone


def test_python_pkcs11_loses_no_number_we_know() -> None:
    """Each of our names that python-pkcs11 has a class for comes back as that number."""
    for ckr in Ckr:
        name = "".join(part.capitalize() for part in ckr.name.split("_"))
        kind = getattr(p11, name, None)
        if kind is not None:
            assert ckr_of(kind()) == ckr


def test_every_error_is_rebuilt_from_its_code() -> None:
    for code, kind in errors.BY_CODE.items():
        rebuilt = errors.from_code(code, {"why": "x"})
        assert type(rebuilt) is kind
        assert (rebuilt.code, rebuilt.data) == (code, {"why": "x"})
    assert errors.from_code("new", {"a": 1}).data == {"code": "new", "a": 1}
    assert str(errors.PinLength(min=4, max=None)) == "pin_length (min=4, max=None)"
    assert str(errors.PinEqual()) == "pin_equal"


def test_the_tree_holds_every_error() -> None:
    drawn = errors.__doc__ or ""
    for code, kind in errors.BY_CODE.items():
        assert f" {kind.__name__} " in drawn
        assert code in drawn
