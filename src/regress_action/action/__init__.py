"""The stages of the GitHub Action: baseline, detect, trend, alert."""
