"""The verdict: what the values of two sides, or of a history, say. Pure computation, no I/O."""
