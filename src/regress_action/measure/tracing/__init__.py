"""What code a benchmark executes: a plugin for pytest, and the program that runs every benchmark by itself with it."""
