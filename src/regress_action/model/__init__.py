"""The values that every package exchanges: measurements, comparisons, errors, escaping, records."""
