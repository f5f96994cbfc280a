"""No secret input is ever seen: not in the log, a text on GitHub, a file or an error, whatever fails."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regress_action import notifications
from regress_action.action.job import read_masked_settings
from regress_action.github.runner import StepLog
from regress_action.model.errors import SettingsError
from regress_action.settings import secrets

if TYPE_CHECKING:
    from integration.action.action_workspace import Workspace

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # Apprise's, on Python 3.11 and 3.12

TOKEN = "ghs_5ecretTokenOfTheJob"  # noqa: S105 - opens nothing
HOOK = "T5ecretHookPath"
PASSWORD = "p5ecret-Word"  # noqa: S105 - opens nothing
PORT_OF_NOBODY = 9
ADDRESSES = (
    f"json://someone:{PASSWORD}@127.0.0.1:{PORT_OF_NOBODY}/{HOOK}",
    f"slack://{HOOK}/B5ecretHookPath/{'C5ecret' * 4}/#alerts",
    f"nonsense://{HOOK}",
    f"jsn:{HOOK}",
)
SECRET = (TOKEN, HOOK, PASSWORD)
tokens = st.from_regex(r"[A-Za-z0-9_-]{7,29}[0-9]", fullmatch=True)


def unmasked(log: str) -> str:
    """Return what people see of a log: everything but the orders to mask."""
    return "\n".join(line for line in log.splitlines() if not line.startswith("::add-mask::"))


def seen(workspace: Workspace, log: str, outputs: dict[str, str]) -> str:
    """Return everything that a job left behind, for people and for other jobs."""
    files = [path for path in workspace.folder.parent.rglob("*") if path.is_file() and ".git" not in path.parts]
    texts = [path.read_bytes().decode(errors="replace") for path in files if "vendored" not in path.parts]
    return "\n".join([unmasked(log), str(outputs), json.dumps(workspace.github.data.as_json(), default=str), *texts])


def test_a_job_whose_notifiers_fail_shows_no_secret(workspace: Workspace) -> None:
    """A slow pull request notifies everybody, nobody answers, and each of them is a warning without an address."""
    base, head = workspace.commit(0.01), workspace.commit(0.025)
    inputs = {"notify-urls": "\n".join(ADDRESSES), "github-token": TOKEN}

    _, outputs, log = workspace.step("pull_request", workspace.pull_request(head, base), **inputs)

    left = seen(workspace, log, outputs)
    assert "notify-urls: entry 1 (json) did not take the message." in log
    assert "notify-urls: entry 4 is no address" in log
    assert [secret for secret in SECRET if secret in left] == []
    assert log.splitlines()[0].startswith("::add-mask::")
    assert all(f"::add-mask::{secret}" in log.splitlines() for secret in SECRET)


def test_a_setting_that_is_wrong_is_named_without_its_secret(workspace: Workspace) -> None:
    """The inputs are masked before they are read, and the error repeats none of them."""
    commit = workspace.commit(0.01)
    inputs = {"notify-urls": ADDRESSES[0], "github-token": TOKEN, "runs": "many", "fail-on": f"{TOKEN}"}

    status, outputs, log = workspace.step("push", workspace.pushed(commit), **inputs)

    assert status == 2
    assert "runs: Input should be a valid integer" in log
    assert [secret for secret in SECRET if secret in seen(workspace, log, outputs)] == []


def test_a_fault_of_ours_is_shown_without_a_secret(workspace: Workspace) -> None:
    """A traceback quotes whatever it likes, here the name of a file that is the token."""
    workspace.commit(0.01)
    workspace.environ["GITHUB_OUTPUT"] = f"/dev/null/{TOKEN}"

    status, _, log = workspace.step("push", {}, **{"github-token": TOKEN})

    assert status == 4
    assert "This is a fault in regress-action." in log
    assert TOKEN not in unmasked(log)


def test_secrets_of_the_settings_file_are_masked_as_well(tmp_path: Path) -> None:
    """They are in the repository, but not everybody who reads a log can read it."""
    (tmp_path / "regress.yml").write_text(f"notify-urls: ['{ADDRESSES[0]}']\n")
    out = io.StringIO()

    read_masked_settings({}, {"GITHUB_ACTIONS": "true"}, tmp_path, StepLog(out))

    assert f"::add-mask::{ADDRESSES[0]}\n" in out.getvalue()


def test_nothing_is_printed_where_no_runner_takes_it(tmp_path: Path) -> None:
    """On a laptop an order to mask would itself show the secret."""
    out = io.StringIO()

    read_masked_settings({}, {"REGRESS_INPUTS": json.dumps({"github-token": TOKEN})}, tmp_path, StepLog(out))

    assert out.getvalue() == ""


@given(
    tokens, tokens, st.sampled_from(["slack://{0}/{1}", "json://a:{0}@h/{1}", "mailto://{0}:{1}@h?to=x", "x?{0}={1}"])
)
def test_every_part_of_an_address_is_masked(first: str, second: str, shape: str) -> None:
    """A library that fails prints another spelling of an address: each of its parts is a secret."""
    address = shape.format(first, second)
    inputs = json.dumps({"notify-urls": f"json://harmless\n{address}", "github-token": second, "command": "make"})

    secret_values = secrets.in_inputs({"REGRESS_INPUTS": inputs})

    assert {address, second} <= set(secret_values)
    assert "make" not in secret_values
    assert list(secret_values) == sorted(secret_values, key=lambda value: (-len(value), value))
    assert not {first, second} & set(secrets.redacted(f"lost {address} and {second}", secret_values).split())


def test_words_of_an_address_stay_readable() -> None:
    """Hosts and channels are no secrets, and a job output that holds a masked word would be dropped; a login is one."""
    address = "mailto://newsletter:correcthorse@hooks.example.org/team-performance?to=alerts@example.org"

    secret_values = secrets.in_inputs({"REGRESS_INPUTS": json.dumps({"notify-urls": address})})

    assert set(secret_values) == {address, "newsletter", "correcthorse"}


@pytest.mark.parametrize("inputs", ["", "[]", "{", '{"github-token": 5}', '{"notify-urls": null}', '"text"'])
def test_inputs_that_are_no_inputs_hold_no_secret(inputs: str) -> None:
    """Whatever is wrong with them is said later."""
    assert secrets.in_inputs({"REGRESS_INPUTS": inputs}) == ()


@settings(max_examples=30)
@given(tokens, st.sampled_from([ValueError, TypeError, OSError, RuntimeError]), st.booleans())
def test_a_notifier_that_raises_with_its_address_is_a_warning_without_it(
    token: str, kind: type[Exception], while_adding: bool
) -> None:
    """Apprise has a hundred services; what one of them raises is told by its kind alone."""
    address = f"slack://{token}/{token}"

    class Apprise:
        def add(self, url: str) -> bool:
            if while_adding:
                raise kind(url)
            return True

        def notify(self, **_: object) -> bool:
            raise kind(f"https://hooks.example/{token}")

    stub = ModuleType("apprise")
    stub.Apprise, stub.NotifyFormat = Apprise, type("NotifyFormat", (), {"TEXT": "text"})  # type: ignore[attr-defined]
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(sys.modules, "apprise", stub)
        (warning,) = notifications.send([address], "title", [("line", "")])

    assert token not in warning
    assert warning == f"notify-urls: entry 1 (slack) failed with {kind.__name__}."


@given(tokens)
def test_a_wrong_secret_setting_is_named_without_its_value(token: str) -> None:
    """Not even where a list was given for a token."""
    with pytest.raises(SettingsError) as caught:
        read_masked_settings(
            {}, {"REGRESS_INPUTS": json.dumps({"github-token": [token]})}, Path("absent"), StepLog(io.StringIO())
        )

    assert token not in str(caught.value)
