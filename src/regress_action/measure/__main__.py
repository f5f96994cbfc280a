"""Entry point of `python -m regress_action.measure`."""

import sys

from regress_action.measure.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
