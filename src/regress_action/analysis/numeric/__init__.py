"""Statistics on whole arrays; nothing here knows what a benchmark is."""
