"""`python -m regress_action.dashboard --metrics=performance_report.json`: the same as `regress-action dashboard`."""

import sys

from regress_action.cli import main

sys.argv[1:1] = ["dashboard"]
main()
