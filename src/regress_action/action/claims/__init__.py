"""Claims about two commits: how they are read, measured, and written down so that others can check them."""
