"""Find the first commit with a change: the commits of a range, what is measured of them, and what is kept on disk."""
