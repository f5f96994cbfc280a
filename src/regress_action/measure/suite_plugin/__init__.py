"""A folder for the suite's PYTHONPATH: a pytest plugin that needs nothing of this package."""
