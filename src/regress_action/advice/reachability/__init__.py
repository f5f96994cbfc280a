"""Which benchmarks a change can reach: by the code they execute before and after it; what is unknown can be reached."""
