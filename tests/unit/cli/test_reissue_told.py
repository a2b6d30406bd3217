"""`custode reissue`: what is lost is shown first, and only what was shown is sent."""

from tests.unit.cli.conftest import FakeAgent, Run

ROW = {
    "id_operazione": "OP-7",
    "file_name": "ABC_2026-03-14.csr",
    "state": "active",
    "requested_at": "2026-03-14T09:00:00Z",
    "expires_at": "2028-03-14T09:00:00Z",
    "outcome": None,
    "serial_number": "9",
}


def test_a_reissue_shows_what_is_lost_and_sends_what_was_shown(
    agent: FakeAgent, custode: Run
) -> None:
    agent.answers["reissue.preview"] = {
        "token": "0A12",
        "label": "FIRMA",
        "resets": True,
        "goes_on": False,
        "keys": 1,
        "certificates": [ROW],
        "given_up": ["ab"],
        "backups": [{"folder_name": "ABC123_2026-03-14", "state": "registered"}],
    }
    agent.answers["reissue.run"] = {"id_operazione": "OP-8", "retired_backups": ["b1"]}
    refused = custode("reissue")  # nobody to ask
    assert refused.exit_code == 2
    for line in (
        "Token “FIRMA” (serial 0A12) is erased.",
        "1 key on it is lost.",
        "  – ABC123_2026-03-14, ready, closed",
    ):
        assert line in refused.stderr
    assert [method for method, _ in agent.calls] == ["reissue.preview"]
    done = custode("reissue", "--yes", "--key", "p256")
    assert "Make your backup now!" in done.stdout
    assert agent.params("reissue.run") == {"token": "0A12", "given_up": ["ab"], "key": "p256"}
