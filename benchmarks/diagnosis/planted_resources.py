"""Programs that do more of one thing than before: they compute, wait for something, or are stopped by a limit."""

from __future__ import annotations

from dataclasses import dataclass

from diagnosis.planted import program


@dataclass(frozen=True, slots=True)
class Planted:
    """A program at base and head; `kinds` would all be right, empty where nothing is to be said.

    `limit` is that of a control group in which the head runs: CPUs, or bytes of memory with swap space beyond it.
    """

    name: str
    base: str
    head: str
    kinds: tuple[str, ...] = ()
    cpus: float | None = None
    memory: int | None = None
    profile: bool = False


PLANTED = (
    Planted(
        "computes more",
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(3_000_000)
        """
        ),
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(9_000_000)
        """
        ),
        kinds=("computing",),
    ),
    Planted(
        "sleeps longer",
        program(
            """
        import time
        def compute(n):
            return sum(i * i for i in range(n))
        compute(2_000_000)
        time.sleep(0.1)
        """
        ),
        program(
            """
        import time
        def compute(n):
            return sum(i * i for i in range(n))
        compute(2_000_000)
        for _ in range(8):
            time.sleep(0.1)
        """
        ),
        kinds=("sleep",),
    ),
    Planted(
        "waits for a slow server",
        program(
            """
        import socket, threading, time
        def compute(n):
            return sum(i * i for i in range(n))
        compute(2_000_000)
        a, b = socket.socketpair()
        def serve():
            for _ in range(10):
                b.recv(9)
                time.sleep(0.005)
                b.send(b'x')
        threading.Thread(target=serve, daemon=True).start()
        for _ in range(10):
            a.send(b'q')
            a.recv(9)
        """
        ),
        program(
            """
        import socket, threading, time
        def compute(n):
            return sum(i * i for i in range(n))
        compute(2_000_000)
        a, b = socket.socketpair()
        def serve():
            for _ in range(10):
                b.recv(9)
                time.sleep(0.08)
                b.send(b'x')
        threading.Thread(target=serve, daemon=True).start()
        for _ in range(10):
            a.send(b'q')
            a.recv(9)
        """
        ),
        kinds=("network",),
    ),
    Planted(
        "writes through to the disk",
        program(
            """
        import os
        def compute(n):
            return sum(i * i for i in range(n))
        compute(2_000_000)
        with open('out.bin', 'wb') as f:
            for _ in range(400):
                f.write(bytes(65536))
        """
        ),
        program(
            """
        import os
        def compute(n):
            return sum(i * i for i in range(n))
        compute(2_000_000)
        with open('out.bin', 'wb') as f:
            for _ in range(400):
                f.write(bytes(65536))
                f.flush()
                os.fsync(f.fileno())
        """
        ),
        kinds=("disk",),
    ),
    Planted(
        "writes byte by byte",
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(1_000_000)
        with open('out.bin', 'wb') as f:
            for _ in range(1_000_000):
                f.write(b'x')
        """
        ),
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(1_000_000)
        with open('out.bin', 'wb', buffering=0) as f:
            for _ in range(1_000_000):
                f.write(b'x')
        """
        ),
        kinds=("system calls",),
    ),
    Planted(
        "makes large buffers anew",
        program(
            """
        b = bytearray(64 << 20)
        for _ in range(20):
            b[::4096] = bytes(len(b) // 4096)
        """
        ),
        program(
            """
        for _ in range(20):
            b = bytearray(64 << 20)
            b[::4096] = bytes(len(b) // 4096)
        """
        ),
        kinds=("page faults",),
    ),
    Planted(
        "holds a lock while it waits",
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        import time
        lock = threading.Lock()
        def work():
            for _ in range(5):
                time.sleep(0.04)
                with lock:
                    pass
        together(work)
        """
        ),
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        import time
        lock = threading.Lock()
        def work():
            for _ in range(5):
                with lock:
                    time.sleep(0.04)
        together(work)
        """
        ),
        kinds=("lock",),
    ),
    Planted(
        "holds a lock while it computes",
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        import hashlib
        data = bytes(8 << 20)
        lock = threading.Lock()
        def work():
            for _ in range(20):
                hashlib.sha256(data)
                with lock:
                    pass
        together(work, 3)
        """
        ),
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        import hashlib
        data = bytes(8 << 20)
        lock = threading.Lock()
        def work():
            for _ in range(20):
                with lock:
                    hashlib.sha256(data)
        together(work, 3)
        """
        ),
        kinds=("lock",),
    ),
    Planted(
        "threads need the interpreter",
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        import zlib
        data = bytes(range(256)) * 40_000
        def work():
            for _ in range(8):
                zlib.crc32(zlib.compress(data, 6))
        together(work, 3)
        """
        ),
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        def work():
            return sum(i * i for i in range(6_000_000))
        together(work, 3)
        """
        ),
        kinds=("interpreter lock",),
    ),
    Planted(
        "waits for a locked database",
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        import sqlite3, time
        sqlite3.connect('d.db').executescript('drop table if exists t; create table t(a)')
        def work():
            db = sqlite3.connect('d.db', timeout=60, isolation_level=None)
            for _ in range(4):
                time.sleep(0.05)
                db.execute('begin immediate')
                db.execute('insert into t values (1)')
                db.execute('commit')
        together(work)
        """
        ),
        program(
            """
        import threading
        def together(work, n=4):
            all = [threading.Thread(target=work) for _ in range(n)]
            [t.start() for t in all]
            [t.join() for t in all]
        import sqlite3, time
        sqlite3.connect('d.db').executescript('drop table if exists t; create table t(a)')
        def work():
            db = sqlite3.connect('d.db', timeout=60, isolation_level=None)
            for _ in range(4):
                db.execute('begin immediate')
                time.sleep(0.05)
                db.execute('insert into t values (1)')
                db.execute('commit')
        together(work)
        """
        ),
        kinds=("file lock", "lock"),
    ),
    Planted(
        "collects garbage",
        program(
            """
        def work(n):
            keep = []
            for i in range(n):
                keep.append([i, {'k': i}])
            return keep
        work(200_000)
        """
        ),
        program(
            """
        import gc
        def work(n):
            keep = []
            for i in range(n):
                keep.append([i, {'k': i}])
                if i % 2000 == 0: gc.collect()
            return keep
        work(200_000)
        """
        ),
        kinds=("garbage collection",),
        profile=True,
    ),
    Planted(
        "is stopped by a CPU limit",
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(8_000_000)
        """
        ),
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(8_000_000)
        """
        ),
        kinds=("throttled",),
        cpus=0.08,
    ),
    Planted(
        "is swapped out",
        program(
            """
        b = bytearray(120 << 20)
        for _ in range(4):
            for i in range(0, len(b), 4096):
                b[i] = 1
        """
        ),
        program(
            """
        b = bytearray(120 << 20)
        for _ in range(4):
            for i in range(0, len(b), 4096):
                b[i] = 1
        """
        ),
        kinds=("swap",),
        memory=60 << 20,
    ),
)
HEALTHY = (
    Planted(
        "computes as before",
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(5_000_000)
        """
        ),
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(5_000_000)
        """
        ),
    ),
    Planted(
        "sleeps as before",
        program(
            """
        import time
        time.sleep(0.5)
        """
        ),
        program(
            """
        import time
        time.sleep(0.5)
        """
        ),
    ),
    Planted(
        "keeps a pool of idle threads",
        program(
            """
        from concurrent.futures import ThreadPoolExecutor
        def compute(n):
            return sum(i * i for i in range(n))
        pool = ThreadPoolExecutor(4)
        for _ in range(8):
            pool.submit(compute, 400_000).result()
        """
        ),
        program(
            """
        from concurrent.futures import ThreadPoolExecutor
        def compute(n):
            return sum(i * i for i in range(n))
        pool = ThreadPoolExecutor(4)
        for _ in range(8):
            pool.submit(compute, 400_000).result()
        """
        ),
    ),
    Planted(
        "writes as before",
        program(
            """
        import os
        with open('out.bin', 'wb') as f:
            for _ in range(100):
                f.write(bytes(65536))
                f.flush()
                os.fsync(f.fileno())
        """
        ),
        program(
            """
        import os
        with open('out.bin', 'wb') as f:
            for _ in range(100):
                f.write(bytes(65536))
                f.flush()
                os.fsync(f.fileno())
        """
        ),
    ),
    Planted(
        "is faster",
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(6_000_000)
        """
        ),
        program(
            """
        def compute(n):
            return sum(i * i for i in range(n))
        compute(3_000_000)
        """
        ),
    ),
)
