"""Action inputs, `regress.yml` and the thresholds file, made into one frozen `Settings`."""

from regress_action.settings.model import Settings
from regress_action.settings.sources import load

__all__ = ["Settings", "load"]
