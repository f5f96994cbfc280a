"""Commands and functions on which turns are tried: some that may be stopped in turn, and some that must not be."""

from __future__ import annotations

WORKS = {
    "CPU": "sum(i * i % 7 for i in range({n}))",
    "memory": "b = bytearray(48_000_000)\nfor i in range({n} // 60_000): b[::64] = bytes(750_000)",
    "allocation": "for i in range({n} // 300): x = [object() for _ in range(100)]",
    "regex": "import re\nfor i in range({n} // 12): re.search(r'(a|b)*c\\d+', 'ababab' * 3 + 'c12')",
    "subprocesses": "import subprocess\nfor i in range({n} // 60_000): subprocess.run(['/bin/true'])",
    "two threads": (
        "import hashlib, threading\n"
        "def f(): hashlib.pbkdf2_hmac('sha256', b'x', b'y', {n} // 8)\n"
        "t = [threading.Thread(target=f) for _ in range(2)]\n[x.start() for x in t]; [x.join() for x in t]"
    ),
}
"""Python programs that may be stopped; `{n}` is how much each of them does."""

OTHER_WORKS = {
    "numpy, two threads": (
        "import numpy, threading\na = numpy.ones((200, 200))\n"
        "def f():\n for _ in range({n} // 5_000): a @ a\n"
        "t = [threading.Thread(target=f) for _ in range(2)]\n[x.start() for x in t]; [x.join() for x in t]"
    ),
    "files": (
        "import os, tempfile\nf = tempfile.TemporaryFile()\n"
        "for i in range({n} // 300): os.pwrite(f.fileno(), b'x' * 8192, i % 64 * 8192); os.pread(f.fileno(), 8192, 0)"
    ),
    "sleep": "import time\nfor i in range(20): time.sleep({n} / 5e7)",
}
"""More programs for verdicts; what sleeps is judged by wall time."""

FUNCTIONS = {
    "function of numbers": "sum(range({n} // 60))",
    "function that allocates": "[object() for _ in range({n} // 200)]",
    "function of text": "json.loads(json.dumps(list(range({n} // 800))))",
}
"""Expressions for a benchmark of pytest, about a millisecond each."""

MUST_NOT_BE_STOPPED = {
    "sleep": "import time; time.sleep(0.5)",
    "half of the time asleep": "import time\nfor _ in range(20):\n t = time.process_time() + 0.02\n"
    " while time.process_time() < t: pass\n time.sleep(0.02)",
    "waiting for a child that sleeps": "import subprocess; subprocess.run(['sleep', '0.5'])",
    "children that sleep for a moment": "import subprocess\nfor _ in range(40): subprocess.run(['sleep', '0.01'])",
    "polling a file": "import time, os\nu = time.monotonic() + 0.5\n"
    "while time.monotonic() < u: os.path.exists('/x'); time.sleep(0.005)",
    "waiting for a timer": "import signal\nsignal.signal(14, lambda *_: None)\n"
    "signal.setitimer(signal.ITIMER_REAL, 0.5); signal.pause()",
    "waiting for a pipe": "import subprocess\n"
    "p = subprocess.Popen('for i in 1 2 3 4 5; do sleep 0.1; echo; done', shell=True, stdout=-1); p.stdout.read()",
    "select with a timeout": "import select\nfor _ in range(50): select.select([], [], [], 0.01)",
    "a server that answers late": "import socket, threading, time\ns = socket.create_server(('127.0.0.1', 0))\n"
    "def f():\n c, _ = s.accept()\n while c.recv(1): time.sleep(0.02); c.send(b'x')\n"
    "threading.Thread(target=f, daemon=True).start()\nk = socket.create_connection(s.getsockname())\n"
    "for _ in range(25): k.send(b'x'); k.recv(1)",
    "a lock that both sides want": "import fcntl, time\nf = open('{shared}/lock', 'w'); fcntl.flock(f, 2)\n"
    "while time.process_time() < 0.6: pass",
    "a port that both sides want": "import socket, time\ns = socket.create_server(('127.0.0.1', {port}))\n"
    "while time.process_time() < 0.6: pass",
    "a folder that both sides make": "import os, time\nos.mkdir('{shared}/d')\n"
    "while time.process_time() < 0.6: pass\nos.rmdir('{shared}/d')",
    "the disk (fsync)": "import os, time\nf = os.open('{shared}/f' + str(os.getpid()), 65)\n"
    "u = time.monotonic() + 0.6\n"
    "while time.monotonic() < u: os.write(f, b'x' * 4096); os.fsync(f)",
}
"""Python programs that wait or exclude one another; `{shared}` is a folder of both sides, `{port}` a free port."""
