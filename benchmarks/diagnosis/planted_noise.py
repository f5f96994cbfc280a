"""Programs whose runs differ for one reason, and the remedy that takes it away."""

from __future__ import annotations

from dataclasses import dataclass, field

from diagnosis.planted import program

BENCHER = "{python} program.py {out}"
PYTEST = "{python} -m pytest -q -p no:cacheprovider bench.py --benchmark-json={out}"
# The suites read CPU time, so that a busy machine does not hide what was planted.
_HEAD = """
import json, os, random, sys, time


def save(value):
    with open(sys.argv[1], "w") as file:
        json.dump({"work": {"latency": {"value": value * 1e9}}}, file)


def spin(count):
    total = 0
    for number in range(count):
        total += number * number % 7
    return total

"""


@dataclass(frozen=True, slots=True)
class PlantedNoise:
    """A suite in one or more files, the command that runs it, and how the name of its remedy begins."""

    name: str
    remedy: str
    files: dict[str, str] = field(default_factory=dict)
    command: str = BENCHER
    cause: str = ""


def _bencher(name: str, remedy: str, body: str, **files: str) -> PlantedNoise:
    return PlantedNoise(name, remedy, {"program.py": program(_HEAD) + program(body), **files})


NOISE = (
    _bencher(
        "a search in the order of a set",
        "--hash-seed",
        """
        words = {f"word {number}" for number in range(40)}
        began = time.process_time()
        for word in words:
            spin(20_000)
            if word == "word 7":
                break
        save(time.process_time() - began + 0.001)
        """,
    ),
    _bencher(
        "the largest part of strings divided by hash",
        "--hash-seed",
        """
        parts = [0] * 8
        for number in range(5):
            parts[hash(f"user {number}") % 8] += 1
        began = time.process_time()
        spin(150_000 * max(parts))
        save(time.process_time() - began)
        """,
    ),
    _bencher(
        "a full collection in some of the rounds",
        "garbage collection",
        """
        class Node:
            pass


        def round():
            for _ in range(3_000):
                node = Node()
                node.self = node


        heap = [Node() for _ in range(150_000)]
        started = [Node() for _ in range(random.randrange(60_000))]
        values = []
        for _ in range(3):
            began = time.process_time()
            round()
            values.append(time.process_time() - began)
        save(max(values))
        """,
    ),
    _bencher(
        "reading a document into many containers",
        "garbage collection",
        """
        text = json.dumps([[number] for number in range(2_000)])
        heap = [[number] for number in range(400_000)]
        old = [[number] for number in range(random.randrange(120_000))]
        began = time.process_time()
        kept = [json.loads(text) for _ in range(4)]
        save(time.process_time() - began)
        """,
    ),
    _bencher(
        "a table that the first run builds",
        "a run before",
        """
        if not os.path.exists("table"):
            began = time.process_time()
            spin(2_000_000)
            open("table", "w").close()
        else:
            began = time.process_time()
        spin(600_000)
        save(time.process_time() - began)
        """,
    ),
    _bencher(
        "a module that the first run generates",
        "a run before",
        """
        began = time.process_time()
        try:
            import generated
        except ImportError:
            with open("generated.py", "w") as file:
                for number in range(2_000):
                    file.write(f"VALUE_{number} = {number}\\n")
                    spin(500)
            import generated
        spin(100_000)
        save(time.process_time() - began)
        """,
    ),
    _bencher(
        "temporary files that are written to the disk",
        "files in memory",
        """
        import tempfile

        with tempfile.TemporaryDirectory() as folder:
            began = time.perf_counter()
            for number in range(40):
                with open(os.path.join(folder, str(number)), "wb") as file:
                    file.write(os.urandom(100_000))
                    file.flush()
                    os.fsync(file.fileno())
            save(time.perf_counter() - began)
        """,
    ),
    PlantedNoise(
        "a clock that ticks every millisecond",
        "longer rounds",
        {
            "coarse.py": "import time\n\n\ndef clock():\n    return int(time.process_time() * 1000) / 1000\n",
            "bench.py": "def test_work(benchmark):\n    benchmark(sum, range(20_000))\n",
        },
        f"PYTHONPATH=. {PYTEST} --benchmark-timer=coarse.clock --benchmark-calibration-precision=2",
        "its clock is too coarse",
    ),
    PlantedNoise(
        "a clock that ticks every four milliseconds",
        "longer rounds",
        {
            "coarse.py": "import time\n\n\ndef clock():\n    return int(time.process_time() * 250) / 250\n",
            "bench.py": "def test_work(benchmark):\n    benchmark(sorted, list(range(50_000)))\n",
        },
        f"PYTHONPATH=. {PYTEST} --benchmark-timer=coarse.clock --benchmark-calibration-precision=2",
        "its clock is too coarse",
    ),
    PlantedNoise(
        "three rounds of a microsecond each",
        "longer rounds",
        {"bench.py": "def test_work(benchmark):\n    benchmark(abs, -5)\n"},
        f"{PYTEST} --benchmark-timer=time.process_time --benchmark-max-time=0.00001 --benchmark-min-rounds=3 "
        "--benchmark-calibration-precision=1",
    ),
)
