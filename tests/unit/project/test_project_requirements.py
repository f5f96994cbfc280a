"""What the code imports is what the image has, and no more than the measurer may have."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "src/regress_action"
ON_REQUEST = {
    "pyarrow",  # for `history export` to columns, on a laptop; it says how to install it
    "aiohttp",  # for `load` on an address; it says how to install it
    "aspectlib",  # for `benchmark.weave`; it says how to install it
    "httpx",  # for `load`, like aiohttp
    "gevent",  # with Locust
    "memray",  # for native allocations in the leak check, where it is installed
    "locust",  # for `load --engine locust`; it says how to install it
    "hdrh",  # for the histograms of `load` in the form of other tools
    "_pytest",  # as `pytest`
    "pytest",  # imports the plugin, never the other way round
}


def imported(folder: Path) -> set[str]:
    """Return the top-level modules from elsewhere that the sources in a folder import, anywhere in them."""
    imported: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    return imported - sys.stdlib_module_names - {"regress_action"}


def test_the_image_has_every_package_that_is_imported() -> None:
    """A module that only the tests' environment has would fail in the container, on a user's machine."""
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    packages = packages_distributions()
    lacking = {
        module
        for module in imported(SOURCES) - ON_REQUEST
        if not {name.lower().replace("_", "-") for name in packages.get(module, [])} & locked
    }
    assert lacking == set()


def test_the_measurer_needs_psutil_alone() -> None:
    """It runs on the user's machine, where nothing of ours is installed."""
    assert imported(SOURCES / "measure") == {"psutil"}
