"""Programs whose runs differ for one reason, and the remedy that takes it away."""

from __future__ import annotations

from dataclasses import dataclass, field

from diagnosis.planted import program

BENCHER = "{python} program.py {out}"
PYTEST = (
    "PYTHONPATH=. PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {python} -m pytest -q -p pytest_benchmark.plugin "
    "bench.py --benchmark-json={out} --benchmark-timer=clock.now --benchmark-calibration-precision=1 "
    "--benchmark-min-rounds=3 --benchmark-max-time=0.0000001"
)
# The suites read CPU time, or the least of several times where they wait, so that a busy machine does not hide what was
# planted.
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
    """A suite in one or more files, the command that runs it, and how the name of its remedy begins.

    `remedy` is empty for a suite whose runs differ for a reason that nothing shows and no remedy takes away.
    """

    name: str
    remedy: str
    files: dict[str, str] = field(default_factory=dict)
    command: str = BENCHER
    cause: str = ""


def _bencher(name: str, remedy: str, body: str, cause: str = "") -> PlantedNoise:
    return PlantedNoise(name, remedy, {"program.py": program(_HEAD) + program(body)}, cause=cause)


def _clock(name: str, remedy: str, clock: str, test: str, cause: str = "") -> PlantedNoise:
    files = {
        "clock.py": f"import time\n\n\ndef now():\n    return {clock}\n",
        "bench.py": program(_BUSY) + program(test),
    }
    return PlantedNoise(name, remedy, files, PYTEST, cause)


_BUSY = """
import random, time


def busy(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass

"""

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
            for _ in range(10_000):
                node = Node()
                node.self = node


        heap = [Node() for _ in range(150_000)]
        started = [Node() for _ in range(random.randrange(80_000))]
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
        heap = [[number] for number in range(200_000)]
        old = [[number] for number in range(random.randrange(100_000))]
        began = time.process_time()
        kept = [json.loads(text) for _ in range(15)]
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
        "temporary files that some runs write through",
        "files in memory",
        """
        import tempfile

        through = random.random() < 0.5
        values = []
        for _ in range(7):
            with tempfile.TemporaryDirectory() as folder:
                began = time.perf_counter()
                for number in range(20):
                    with open(os.path.join(folder, str(number)), "wb") as file:
                        file.write(bytes(20_000))
                        file.flush()
                        if through:
                            os.fsync(file.fileno())
                values.append(time.perf_counter() - began)
        save(min(values))
        """,
    ),
    _bencher(
        "a file that some runs find in the page cache",
        "files in memory",
        """
        import tempfile

        dropped = random.random() < 0.5
        values = []
        with tempfile.NamedTemporaryFile() as file:
            file.write(os.urandom(1_000_000) * 20)
            file.flush()
            os.fsync(file.fileno())
            for _ in range(20):
                if dropped:
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                began = time.perf_counter()
                file.seek(0)
                while file.read(1_000_000):
                    pass
                spin(20_000)
                values.append(time.perf_counter() - began)
        save(min(values))
        """,
    ),
    _clock(
        "a clock that ticks every four milliseconds",
        "longer rounds",
        "int(time.process_time() * 250) / 250",
        """
        def test_work(benchmark):
            benchmark(busy, 0.006)
        """,
        "its clock is too coarse",
    ),
    _clock(
        "a clock that ticks every 15.6 milliseconds",
        "longer rounds",
        "int(time.process_time() * 64) / 64",
        """
        def test_work(benchmark):
            benchmark(busy, 0.024)
        """,
        "its clock is too coarse",
    ),
    _clock(
        "three rounds of one call, whose work is drawn",
        "longer rounds",
        "time.process_time()",
        """
        def test_work(benchmark):
            benchmark(lambda: busy(0.0005 * random.lognormvariate(0, 1)))
        """,
        "its rounds are too short",
    ),
    _bencher(
        "two processors, one of which is slower",
        "--cpus",
        """
        own = random.choice(sorted(os.sched_getaffinity(0)))
        os.sched_setaffinity(0, {own})
        began = time.process_time()
        spin(300_000 * (1 + own % 2))
        save(time.process_time() - began)
        """,
    ),
    _bencher(
        "a server on the network that answers late",
        "CPU time",
        """
        import socket, threading

        server = socket.create_server(("127.0.0.1", 0))


        def answer():
            client, _ = server.accept()
            time.sleep(0.2 + 0.8 * random.random())
            client.close()


        threading.Thread(target=answer, daemon=True).start()
        began = time.perf_counter()
        with socket.create_connection(server.getsockname()) as client:
            client.recv(1)
        spin(100_000)
        save(time.perf_counter() - began)
        """,
        cause="network",
    ),
)

_UNEXPLAINED = """
began = time.process_time()
spin(int(200_000 * {factor}))
save(time.process_time() - began)
"""
CONTROLS = (
    _bencher("work that differs from run to run", "", _UNEXPLAINED.format(factor="random.lognormvariate(0, 0.3)")),
    _bencher("work that is rarely much more", "", _UNEXPLAINED.format(factor="random.paretovariate(3)")),
    _bencher("work that is the same", "", _UNEXPLAINED.format(factor="1")),
)
