"""Results of any known tool, as reports: one small reader per tool, found by looking at the file.

    reading ─► registry ─► readers/<tool> ─► builder ─► Report
       │                                               ▲
       └─► measurement (runs of head and base) ─► stacking

A reader is one module of `readers` named in `registry.READERS`; it is imported when a file first needs it.
"""

from regress_action.formats.measured_run import Execution
from regress_action.formats.measurement import Measurement, read_measurement
from regress_action.formats.reading import gather, read
from regress_action.formats.sides import matched
from regress_action.formats.stacking import merge, stack
from regress_action.formats.units import base_unit

__all__ = [
    "Execution",
    "Measurement",
    "base_unit",
    "gather",
    "matched",
    "merge",
    "read",
    "read_measurement",
    "stack",
]
