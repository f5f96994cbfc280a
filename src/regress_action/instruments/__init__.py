"""The instruments: profiler, load tests, leak checks, fixtures, and the storage and detector behind them."""
