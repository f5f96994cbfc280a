"""A benchmark along time: histories, trends, change points, creep, learned noise."""
