"""Find performance regressions, prove them, and stay silent when nothing happened."""

__version__ = "0.1.0"
