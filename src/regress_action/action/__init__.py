"""The stages wired together: baseline, detect, trend, alert. Rooms compute; this package performs."""
