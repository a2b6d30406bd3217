"""`[prompts] pinentry = "builtin"`: the agent wants a PIN, our dialog asks, a person types."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.e2e.conftest import Player

ROOT = Path(__file__).parents[2]
MASK = 0x55  # as in tests/desktop/driven.py

# Read by the dialog's interpreter when it starts (site, "sitecustomize").
HANDS = """
import sys
if "custode.desktop.pin_dialog" in sys.orig_argv:
    sys.path.append({root!r})
    from tests.desktop.driven import put_hands_on
    put_hands_on({dialogs!r})
"""

pytestmark = pytest.mark.e2e


def test_a_pin_is_typed_into_our_own_dialog(
    player: Player, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    player.initialised()
    config = player.person.paths().config
    config.write_text(config.read_text() + '\n[prompts]\npinentry = "builtin"\n')
    typed = [byte ^ MASK for byte in player.token.pin]
    dialogs = [[["type", "PIN of the token", typed], ["press", "OK"]]]
    (tmp_path / "sitecustomize.py").write_text(HANDS.format(root=str(ROOT), dialogs=dialogs))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    csr = tmp_path / "request.csr"

    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for source in ((), ("--pin-source", "pinentry:builtin")):
        refused = player.run("csr", "--out", csr, *source, expect=2)
        assert "cannot be shown here" in json.dumps(refused.error)
        assert not csr.exists()

    monkeypatch.setenv("QT_QPA_PLATFORM", "offscreen")
    assert player.run("csr", "--out", csr).answer["key_id"]
    assert csr.read_bytes()
