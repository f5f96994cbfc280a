"""Start the command line as `python -m regress_action`."""

from regress_action.cli import main

if __name__ == "__main__":
    main()
