"""Which release of Custode this is. The package's metadata takes its version from here."""

from typing import Final

VERSION: Final = "0.1.0"
