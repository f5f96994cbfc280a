"""Histories of other tools: what they keep as series becomes one report per commit."""

from regress_action.formats.importers.bencher_perf import is_perf, read_perf
from regress_action.formats.importers.data_js import is_data, read_data_js
from regress_action.formats.readers.csv_series import read_csv

__all__ = ["is_data", "is_perf", "read_csv", "read_data_js", "read_perf"]
