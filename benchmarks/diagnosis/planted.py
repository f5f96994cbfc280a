"""Programs with a planted slowdown: the files of the base, what the head changes, and where the cause lies."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class PlantedCause:
    """A program at base and head; `functions` would all be right, `lines` are right lines as (path, text)."""

    name: str
    base: dict[str, str]
    changes: dict[str, list[tuple[str, str]]]
    functions: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    setup: str | None = None
    wall: bool = False
    head_files: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> dict[str, str]:
        """The files of the head."""
        files = dict(self.base)
        for path, replacements in self.changes.items():
            for before, after in replacements:
                if before not in files[path]:
                    raise ValueError(f"{self.name}: {before!r} is not in {path}")
                files[path] = files[path].replace(before, after)
        return files | self.head_files


def program(text: str) -> str:
    """Return the text of a program without the indentation that it has here."""
    return textwrap.dedent(text).lstrip("\n")


_SHOP = program(
    """
    # A small shop: orders are read, checked, priced and written.
    import json


    def read_orders(count):
        return [{"id": number, "items": [number % 7, number % 11, number % 13]} for number in range(count)]


    def check(orders):
        seen = set()
        for order in orders:
            key = order["id"]
            if key in seen:
                raise ValueError(key)
            seen.add(key)
        return len(seen)


    def price(orders):
        total = 0.0
        for order in orders:
            for item in order["items"]:
                total += item * 1.19
        return round(total, 2)


    def write(orders):
        return sum(len(json.dumps(order)) for order in orders)


    def main():
        for _ in range(4):
            orders = read_orders(1500)
            check(orders)
            price(orders)
            write(orders)


    if __name__ == "__main__":
        main()
    """
)

# An edit that changes nothing, in a function that takes time: a line that is hot and not guilty.
_INERT = ("total = 0.0\n", "total = float(0)\n")

_CACHE = program(
    """
    from functools import lru_cache

    RATES = {"EUR": 1.0, "USD": 1.1, "GBP": 0.9}


    @lru_cache(maxsize=None)
    def tax(country):
        value = 0
        for step in range(3000):
            value = (value * 31 + step * len(country)) % 10007
        return value / 10007


    def convert(amount, currency):
        return amount * RATES[currency]


    def checkout(orders):
        total = 0
        for country, amount, currency in orders:
            total += convert(amount, currency) * (1 + tax(country))
        return total


    def other(count):
        value = 0
        for number in range(count):
            value += number * number % 7
        return value


    def main():
        orders = [(f"C{number % 30}", number, "EUR") for number in range(700)]
        checkout(orders)
        other(1_000_000)


    main()
    """
)

_FILES = program(
    """
    import os


    def work(count):
        value = 0
        for number in range(count):
            value = (value * 33 + number) % 65537
        return value


    def audit(path, value):
        return f"{path}:{value}"


    def handle(request, folder):
        value = work(6000)
        line = audit(request, value)
        return line


    def main():
        os.makedirs("data", exist_ok=True)
        for number in range(200):
            handle(f"request-{number}", "data")


    main()
    """
)

_REGEX = program(
    """
    import re

    NAME = re.compile(r"[a-z]+\\d*$")
    VALUE = re.compile(r"^\\s*(\\w+)\\s*=\\s*(.+)$")


    def valid_name(text):
        return NAME.match(text) is not None


    def parse(line):
        match = VALUE.match(line)
        return match.groups() if match else None


    def read(lines):
        accepted = []
        for line in lines:
            pair = parse(line)
            if pair and valid_name(pair[1]):
                accepted.append(pair)
        return accepted


    def main():
        lines = [f"key{number} = {'a' * 9}!" for number in range(200)]
        for _ in range(40):
            read(lines)


    main()
    """
)

_LOCK = program(
    """
    import threading
    import time
    from concurrent.futures import ThreadPoolExecutor

    LOCK = threading.Lock()
    RESULTS = []


    def fetch(number):
        time.sleep(0.01)
        return number * 2


    def handle(number):
        value = fetch(number)
        with LOCK:
            RESULTS.append(value)
        return value


    def prepare(count):
        return [sum(range(number % 50)) for number in range(count)]


    def main():
        prepare(20000)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(handle, range(60)))


    main()
    """
)

_TREE = program(
    """
    class Node:
        def __init__(self, value):
            self.value = value
            self.children = []


    def build(count):
        root = Node(0)
        for number in range(count):
            child = Node(number)
            root.children.append(child)
        return root


    def total(root):
        return sum(child.value for child in root.children)


    def main():
        kept = []
        for _ in range(15):
            root = build(5000)
            total(root)
            kept.append(root.children[:10])


    main()
    """
)

_SQL = program(
    """
    import sqlite3


    def connect():
        db = sqlite3.connect(":memory:")
        db.execute("create table author (id integer primary key, name text)")
        db.execute("create table book (id integer primary key, author integer, title text)")
        db.executemany("insert into author values (?, ?)", [(n, f"name {n}") for n in range(200)])
        db.executemany("insert into book values (?, ?, ?)", [(n, n % 200, f"title {n}") for n in range(2000)])
        return db


    def query(db, text, values=()):
        return db.execute(text, values).fetchall()


    def titles(db):
        rows = query(db, "select title, name from book join author on author.id = author")
        return [f"{title} by {name}" for title, name in rows]


    def statistics(db):
        return query(db, "select author, count(*) from book group by author")


    def main():
        db = connect()
        for _ in range(15):
            titles(db)
            statistics(db)


    main()
    """
)

_IMPORT = program(
    """
    import json


    def render(rows):
        return json.dumps(rows)


    def summarise(rows):
        total = sum(row["value"] for row in rows)
        return {"total": total, "rows": len(rows)}


    def main():
        rows = [{"value": number, "name": str(number)} for number in range(2000)]
        for _ in range(100):
            render(rows)
            summarise(rows)


    main()
    """
)

_HEAVY = program(
    """
    def _table():
        rows = []
        for first in range(700):
            for second in range(700):
                rows.append((first * second) % 97)
        return rows


    TABLE = _table()


    def look_up(number):
        return TABLE[number % len(TABLE)]
    """
)

_LOG = program(
    """
    import logging
    import os

    logging.basicConfig(stream=open(os.devnull, "w"), level=logging.INFO)
    log = logging.getLogger("shop")


    def step(number, state):
        value = (number * 7919 + state) % 104729
        return value


    def simulate(count):
        state = 0
        for number in range(count):
            state = step(number, state)
        log.info("done %s", state)
        return state


    def finish(values):
        return sorted(values)[:10]


    def main():
        for _ in range(12):
            simulate(5000)
            finish(list(range(50000, 0, -1)))


    main()
    """
)

_COPY = program(
    """
    import copy

    DEFAULTS = {f"option{number}": [number, {"nested": number}] for number in range(60)}


    def options_for(request):
        options = DEFAULTS
        return options


    def score(request):
        value = 0
        for number in range(600):
            value += (request * number) % 31
        return value


    def handle(request):
        options = options_for(request)
        return score(request) + len(options)


    def main():
        for request in range(500):
            handle(request)


    main()
    """
)

_SERIAL = program(
    """
    import json


    class Store:
        def __init__(self):
            self.items = {}

        def put(self, key, value):
            self.items[key] = value

        def get(self, key):
            return self.items[key]


    def fill(store, count):
        for number in range(count):
            store.put(number, {"number": number, "tags": ["a", "b", "c"], "size": number * 2})


    def read(store, count):
        total = 0
        for number in range(count):
            total += store.get(number)["size"]
        return total


    def main():
        for _ in range(6):
            store = Store()
            fill(store, 8000)
            read(store, 8000)


    main()
    """
)

_CONFIG = program(
    """
    import configparser
    import io

    TEXT = "[limits]\\n" + "\\n".join(f"key{number} = {number}" for number in range(80))


    def load():
        parser = configparser.ConfigParser()
        parser.read_file(io.StringIO(TEXT))
        return parser


    CONFIG = load()


    def limit(name):
        config = CONFIG
        return config.getint("limits", name)


    def work(number):
        value = 0
        for step in range(1500):
            value = (value + number * step) % 1009
        return value


    def main():
        for number in range(250):
            if work(number) > limit("key70"):
                work(3)


    main()
    """
)

_DEPENDENCY = program(
    """
    import os
    import sys

    sys.path.insert(0, os.path.join("deps", "lib", "site-packages"))

    import textkit


    def normalise(lines):
        return [textkit.clean(line) for line in lines]


    def count(lines):
        counts = {}
        for line in lines:
            for word in line.split():
                counts[word] = counts.get(word, 0) + 1
        return counts


    def main():
        lines = ["The Quick  brown Fox " * 4] * 800
        for _ in range(10):
            count(normalise(lines))


    main()
    """
)
_INSTALL = program(
    """
    import pathlib
    import shutil

    for line in pathlib.Path("requirements.txt").read_text().split():
        name, version = line.split("==")
        target = pathlib.Path("deps/lib/site-packages")
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(f"wheels/{name}-{version}.py", target / f"{name}.py")
    """
)
_FAST_CLEAN = 'def clean(line):\n    return " ".join(line.lower().split())\n'
_SLOW_CLEAN = program(
    """
    def clean(line):
        text = ""
        for character in line.lower():
            if character != " " or not text.endswith(" "):
                text = text + character
        return text.strip()
    """
)

_VECTORS = program(
    """
    import numpy as np


    def distances(points, centre):
        return np.sqrt(((points - centre) ** 2).sum(axis=1))


    def nearest(points, centre):
        return int(np.argmin(distances(points, centre)))


    def shuffle(points, seed):
        order = np.random.default_rng(seed).permutation(len(points))
        return points[order]


    def main():
        points = np.random.default_rng(1).random((20000, 3))
        for seed in range(25):
            points = shuffle(points, seed)
            nearest(points, points[seed])


    main()
    """
)

_RETRY = program(
    """
    import time


    def call(number):
        time.sleep(0.002)
        return number % 9


    def parse(answer):
        return {"answer": answer, "square": answer * answer}


    def fetch(number):
        answer = call(number)
        return parse(answer)


    def main():
        for number in range(80):
            fetch(number)


    main()
    """
)

_SETTINGS = program(
    """
    import hashlib
    import json

    with open("settings.json") as file:
        SETTINGS = json.load(file)


    def hash_password(text):
        digest = text.encode()
        for _ in range(SETTINGS["hash_rounds"]):
            digest = hashlib.sha256(digest).digest()
        return digest.hex()


    def page(size):
        return "".join(f"<li>{number}</li>" for number in range(size))


    def main():
        for number in range(40):
            hash_password(f"secret{number}")
            page(SETTINGS["page_size"])


    main()
    """
)

_CALLS = program(
    """
    def smooth(values):
        return [(a + b) / 2 for a, b in zip(values, values[1:])]


    def refine(values, passes=3):
        for _ in range(passes):
            values = smooth(values)
        return values


    def load(count):
        return [number * 0.5 % 17 for number in range(count)]


    def main():
        for _ in range(40):
            values = load(4000)
            refine(values, passes=3)


    main()
    """
)


def _shop(name: str, changes: list[tuple[str, str]], function: str, line: str) -> PlantedCause:
    return PlantedCause(name, {"shop.py": _SHOP}, {"shop.py": [*changes, _INERT]}, (function,), (("shop.py", line),))


CAUSES = (
    _shop(
        "loop became quadratic",
        [("seen = set()", "seen = []"), ("seen.add(key)", "seen.append(key)")],
        "check",
        "seen = []",
    ),
    PlantedCause(
        "lost cache",
        {"main.py": _CACHE},
        {
            "main.py": [
                ("@lru_cache(maxsize=None)\n", ""),
                ("value += number * number % 7", "value += (number * number) % 7"),
            ]
        },
        ("tax",),
        (("main.py", "def tax(country):"),),
    ),
    PlantedCause(
        "added I/O",
        {"main.py": _FILES},
        {
            "main.py": [
                (
                    "    line = audit(request, value)\n",
                    (
                        "    line = audit(request, value)\n"
                        '    with open(os.path.join(folder, "audit.log"), "a") as file:\n'
                        "        file.write(line)\n"
                        "        file.flush()\n"
                        "        os.fsync(file.fileno())\n"
                    ),
                )
            ]
        },
        ("handle",),
        (
            ("main.py", "os.fsync(file.fileno())"),
            ("main.py", 'with open(os.path.join(folder, "audit.log"), "a") as file:'),
        ),
    ),
    PlantedCause(
        "regex backtracking",
        {"main.py": _REGEX},
        {"main.py": [('r"[a-z]+\\d*$"', 'r"([a-z]+)*\\d*$"'), ("accepted = []", "accepted = list()")]},
        ("valid_name",),
        (("main.py", 'NAME = re.compile(r"([a-z]+)*\\d*$")'),),
    ),
    PlantedCause(
        "lock contention",
        {"main.py": _LOCK},
        {
            "main.py": [
                (
                    "    value = fetch(number)\n    with LOCK:\n        RESULTS.append(value)\n",
                    "    with LOCK:\n        value = fetch(number)\n        RESULTS.append(value)\n",
                )
            ]
        },
        ("handle",),
        (("main.py", "with LOCK:"), ("main.py", "value = fetch(number)")),
        wall=True,
    ),
    PlantedCause(
        "garbage collection",
        {"main.py": _TREE},
        {
            "main.py": [
                (
                    "            child = Node(number)\n".replace("            ", "        "),
                    '        child = Node(number)\n        child.parent = [root, child, {"self": child}]\n',
                )
            ]
        },
        ("build",),
        (("main.py", 'child.parent = [root, child, {"self": child}]'),),
    ),
    PlantedCause(
        "N+1 queries",
        {"main.py": _SQL},
        {
            "main.py": [
                (
                    (
                        '    rows = query(db, "select title, name from book join author on author.id = author")\n'
                        '    return [f"{title} by {name}" for title, name in rows]\n'
                    ),
                    (
                        '    lines = []\n    for title, author in query(db, "select title, author from book"):\n'
                        '        name = query(db, "select name from author where id = ?", (author,))[0][0]\n'
                        '        lines.append(f"{title} by {name}")\n    return lines\n'
                    ),
                )
            ]
        },
        ("titles",),
        (("main.py", 'name = query(db, "select name from author where id = ?", (author,))[0][0]'),),
    ),
    PlantedCause(
        "import at run time",
        {"main.py": _IMPORT, "heavy.py": _HEAVY},
        {
            "main.py": [
                (
                    '    return {"total": total, "rows": len(rows)}\n',
                    '    import heavy\n\n    return {"total": total, "rows": heavy.look_up(len(rows))}\n',
                )
            ]
        },
        ("summarise",),
        (("main.py", "import heavy"),),
    ),
    PlantedCause(
        "logging",
        {"main.py": _LOG},
        {
            "main.py": [
                (
                    "        state = step(number, state)\n",
                    '        state = step(number, state)\n        log.info("step %s: %s", number, state)\n',
                )
            ]
        },
        ("simulate",),
        (("main.py", 'log.info("step %s: %s", number, state)'),),
    ),
    PlantedCause(
        "copying",
        {"main.py": _COPY},
        {
            "main.py": [
                ("options = DEFAULTS\n", "options = copy.deepcopy(DEFAULTS)\n"),
                ("value = 0\n", "value = int()\n"),
            ]
        },
        ("options_for",),
        (("main.py", "options = copy.deepcopy(DEFAULTS)"),),
    ),
    PlantedCause(
        "serialization",
        {"main.py": _SERIAL},
        {
            "main.py": [
                ("self.items[key] = value", "self.items[key] = json.dumps(value)"),
                ("return self.items[key]", "return json.loads(self.items[key])"),
            ]
        },
        ("Store.put", "Store.get"),
        (("main.py", "self.items[key] = json.dumps(value)"), ("main.py", "return json.loads(self.items[key])")),
    ),
    PlantedCause(
        "configuration parsed per call",
        {"main.py": _CONFIG},
        {"main.py": [("config = CONFIG\n", "config = load()\n")]},
        ("limit",),
        (("main.py", "config = load()"),),
    ),
    PlantedCause(
        "changed dependency",
        {
            "main.py": _DEPENDENCY,
            "install.py": _INSTALL,
            "requirements.txt": "textkit==1.0\n",
            "wheels/textkit-1.0.py": _FAST_CLEAN,
            "wheels/textkit-1.1.py": _SLOW_CLEAN,
            ".gitignore": "deps/\n",
        },
        {"requirements.txt": [("textkit==1.0", "textkit==1.1")], "main.py": [("counts = {}", "counts = dict()")]},
        ("normalise", "clean"),
        (("requirements.txt", "textkit==1.1"),),
        setup="python3 install.py",
    ),
    PlantedCause(
        "lost vectorisation",
        {"main.py": _VECTORS},
        {
            "main.py": [
                (
                    "    return np.sqrt(((points - centre) ** 2).sum(axis=1))\n",
                    "    return np.array([sum((a - b) ** 2 for a, b in zip(p, centre)) for p in points[:800]])\n",
                )
            ]
        },
        ("distances",),
        (
            (
                "main.py",
                "return np.array([sum((a - b) ** 2 for a, b in zip(p, centre)) for p in points[:800]])",
            ),
        ),
    ),
    PlantedCause(
        "waiting before a call",
        {"main.py": _RETRY},
        {"main.py": [("    answer = call(number)\n", "    time.sleep(0.003)\n    answer = call(number)\n")]},
        ("fetch",),
        (("main.py", "time.sleep(0.003)"),),
        wall=True,
    ),
    PlantedCause(
        "setting in a file",
        {"main.py": _SETTINGS, "settings.json": '{\n  "page_size": 9000,\n  "hash_rounds": 1000\n}\n'},
        {"settings.json": [('"hash_rounds": 1000', '"hash_rounds": 10000')]},
        ("hash_password",),
        (("settings.json", '"hash_rounds": 10000'),),
    ),
    PlantedCause(
        "called more often",
        {"main.py": _CALLS},
        {
            "main.py": [
                ("    refine(values, passes=3)", "    refine(values, passes=9)"),
                ("return [(a + b) / 2 for", "return [0.5 * (a + b) for"),
            ]
        },
        ("main", "refine"),
        (("main.py", "refine(values, passes=9)"),),
    ),
    PlantedCause(
        "called more often by default",
        {"main.py": _CALLS.replace("        refine(values, passes=3)", "        refine(values)")},
        {"main.py": [("def refine(values, passes=3)", "def refine(values, passes=9)")]},
        ("refine",),
        (("main.py", "def refine(values, passes=9):"),),
    ),
)
