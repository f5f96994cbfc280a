"""The runs of both sides as arrays, on which scale they are compared, and how far they can be trusted."""
