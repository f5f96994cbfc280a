"""The folder that is put on PYTHONPATH of a suite whose Python processes are to be profiled."""
