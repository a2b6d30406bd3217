"""An authority loads what it needs, and nothing because it happens to be installed."""

import importlib.util
import subprocess
import sys

PROGRAM = """
import sys
from custode_authority.web.app import counter_app
from custode_authority.web import serving
counter_app(None)
print(*{name.partition(".")[0] for name in sys.modules})
"""


def test_nothing_is_loaded_for_being_installed() -> None:
    assert importlib.util.find_spec("pydantic"), "installed for the tests of the OpenAPI document"
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=True
    )
    loaded = set(ran.stdout.split())
    assert "litestar" in loaded
    assert not {"alembic", "attr", "httpx", "pydantic", "rich"} & loaded
