"""Serve until interrupted: the state at `GET /_state`, changes to `POST /_seed`; `--state` keeps it in a file."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from pathlib import Path

from fake_github import FakeGitHub


def main() -> None:
    """Parse, serve, dump."""
    parser = argparse.ArgumentParser(prog="fake_github")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--prefix", default="", help="/api/v3 for an enterprise server")
    parser.add_argument("--state", type=Path, help="write the state here, every half second and at the end")
    parser.add_argument("--seed", type=Path, help="a JSON file as for POST /_seed")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with FakeGitHub(prefix=arguments.prefix, port=arguments.port) as github:
        if arguments.seed:
            github.seed(json.loads(arguments.seed.read_text()))
        sys.stdout.write(f"{github.url}\n")
        sys.stdout.flush()
        seen = -1
        try:
            while True:
                if arguments.state and len(github.log) != seen:
                    seen = len(github.log)
                    _dump(github, arguments.state)
                time.sleep(0.5)
        except KeyboardInterrupt:
            pass
        finally:
            if arguments.state:
                _dump(github, arguments.state)


def _dump(github: FakeGitHub, path: Path) -> None:
    """Replace the file in one step, so that a reader never sees half of it."""
    scratch = path.with_suffix(path.suffix + ".part")
    scratch.write_text(json.dumps(github.state(), indent=1))
    scratch.replace(path)


main()
