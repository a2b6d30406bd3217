import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from custode_authority.ca import keys
from custode_authority.ca.home import Home
from custode_authority.ca.keys import SealBroken, Sealer
from custode_authority.ca.setup import initialise
from custode_authority.errors import HomeUnusable
from custode_authority.main import main
from custode_authority.wire import cms


def _init(folder: Path, **more: Any) -> Any:
    return initialise(Home(folder), **{"generation_s": 2, "validity_days": 10, **more})


def test_init_makes_one_authority_and_then_only_describes_it(tmp_path: Path) -> None:
    made = _init(tmp_path / "new" / "home")
    assert _init(tmp_path / "new" / "home", generation_s=9) == made
    assert Home(tmp_path / "new" / "home").settings().generation_s == 2
    assert "Test" in made.name
    assert made.crl_url.startswith("http://127.0.0.1:")
    assert _init(tmp_path / "other").ca_fingerprint_sha256 != made.ca_fingerprint_sha256


def test_an_interrupted_init_starts_again(tmp_path: Path) -> None:
    first = _init(tmp_path)
    (tmp_path / "authority.json").unlink()
    second = _init(tmp_path)
    assert second.ca_fingerprint_sha256 != first.ca_fingerprint_sha256
    keys.unlock(Home(tmp_path))


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    assert main(["init", "--home", str(tmp_path / "home")]) == 0
    modes = {
        path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "home").rglob("*")
    }
    assert {mode for name, mode in modes.items() if name != "keys"} == {0o600}
    assert modes["keys"] == 0o700


def test_keys_are_encrypted_at_rest(tmp_path: Path) -> None:
    _init(tmp_path)
    for name in ("ca", "statements", "tls"):
        pem = (tmp_path / "keys" / f"{name}.key").read_bytes()
        with pytest.raises(TypeError):
            load_pem_private_key(pem, None)
    unlocked = keys.unlock(Home(tmp_path))
    assert (tmp_path / "keys" / "unlock").read_text() not in repr(unlocked)


def test_a_folder_without_its_passphrase_or_authority_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(HomeUnusable):
        Home(tmp_path / "nothing").settings()
    _init(tmp_path)
    (tmp_path / "keys" / "unlock").write_text("0" * 64)
    with pytest.raises(HomeUnusable):
        keys.unlock(Home(tmp_path))
    (tmp_path / "authority.json").write_text('{"https_port": 80}')
    with pytest.raises(HomeUnusable):
        Home(tmp_path).settings()


def test_seals_fit_one_authority_and_one_thing() -> None:
    sealer = Sealer(b"passphrase")
    sealed = sealer.seal(b"secret", "backup 1")
    assert b"secret" not in sealed
    assert sealer.seal(b"secret", "backup 1") != sealed
    assert sealer.unseal(sealed, "backup 1") == b"secret"
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for broken, about in [(sealed, "backup 2"), (changed, "backup 1"), (b"", "backup 1")]:
        with pytest.raises(SealBroken):
            sealer.unseal(broken, about)
    with pytest.raises(SealBroken):
        Sealer(b"another").unseal(sealed, "backup 1")


def test_the_servers_certificate_is_renewed_in_time_only(authority: Any, clock: Any) -> None:
    home = authority.home

    def current() -> x509.Certificate:
        return x509.load_pem_x509_certificate((home.keys / "tls.pem").read_bytes())

    first = current()
    keys.renew_tls(home, authority.keys, now=clock.now())
    assert current() == first
    clock.forward(days=370)
    keys.renew_tls(home, authority.keys, now=clock.now())
    renewed = current()
    assert renewed != first
    assert renewed.not_valid_after_utc - clock.now() > timedelta(days=300)
    (home.keys / "tls.key").unlink()
    keys.renew_tls(home, authority.keys, now=clock.now())
    assert current() != renewed


def test_a_persons_certificate_signs_no_statement(anna: Any, clock: Any) -> None:
    key, der = anna.certified()
    own = x509.load_der_x509_certificate(der)
    forged = cms.sign_with_key(b"{}", key, detached=False, certificates=[own])
    with pytest.raises(cms.SignatureInvalid):
        cms.verify_chained(forged, anna.authority.keys.ca_certificate, clock.now())


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["init"],
        ["init", "--home", "x", "--generation-s", "-1"],
        ["init", "--home", "x", "--validity-days", "0"],
        ["serve", "--home", "x", "--idle-s", "soon"],
    ],
)
def test_usage(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


def test_serving_nothing_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--home", str(tmp_path)]) == 1
    assert "run init" in capsys.readouterr().err
