"""What attacks are played on: the counter with its clock, whole programs, one container."""

from tests.e2e.conftest import player, stage
from tests.integration.authority.backups.conftest import counter, made, person
from tests.unit.container.conftest import backup, pin

__all__ = ["backup", "counter", "made", "person", "pin", "player", "stage"]
