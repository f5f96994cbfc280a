"""The pytest plugin: performance tests measured, judged and reported. It does nothing until it is asked."""
