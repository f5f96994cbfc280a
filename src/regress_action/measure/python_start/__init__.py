"""The folder that is put on PYTHONPATH of a suite: what its Python processes do first, and their profiler."""
