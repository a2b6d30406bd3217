"""Every command of the README runs here, at real prompts, as a new user would type it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pexpect
import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ROOT: Final = Path(__file__).parents[2]
README: Final = (ROOT / "README.md").read_text("utf-8")
PROMPT: Final = "custode-test> "
DEADLINE_S: Final = 60

# What is typed at which prompt; the first pattern that fits decides.
ANSWERS: Final = {
    r"PIN for the new backup[^:]*: ": "a long enough PIN",
    r"PIN of the backup[^:]*: ": "a long enough PIN",
    r"PIN (?:for|of) the (?:recovery )?export[^:]*: ": "another long PIN",
    r"[Pp]assword[^:]*: ": "correct horse battery",
    r"enter SO PIN: ": "12345678",
    r"enter user PIN: ": "4711471",
    r"PIN of the token: ": "4711471",
}


@dataclass(frozen=True)
class Command:
    """One command of the README and how it ends."""

    text: str
    exit: int


def session(text: str) -> list[Command]:
    """The commands of the console blocks, in order; `<!-- exit N -->` says how a block ends."""
    commands: list[Command] = []
    blocks = re.finditer(r"(?:<!-- exit (\d+) -->\n)?```console\n(.*?)```", text, re.DOTALL)
    for block in blocks:
        status = int(block[1] or 0)
        texts = re.split(r"^\$ ", block[2], flags=re.MULTILINE)[1:]
        commands += [Command(text.rstrip("\n"), status) for text in texts]
    return commands


@pytest.fixture
def shell() -> Iterator[pexpect.spawn[str]]:
    """A new user's shell in the checkout: an empty home, no settings, English."""
    home = Path(tempfile.mkdtemp(prefix="custode-home-"))
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "PS1": PROMPT,
        "TMPDIR": str(home),
        "TERM": "dumb",
        "PCSCLITE_CSOCK_NAME": str(home / "no-pcscd"),  # the readers of this computer are not ours
    }
    bash = pexpect.spawn(
        "bash --norc --noprofile",
        env=environment,
        cwd=str(ROOT),
        encoding="utf-8",
        timeout=DEADLINE_S,
        dimensions=(50, 1000),  # no line is broken
    )
    bash.expect_exact(PROMPT)
    try:
        yield bash
    finally:
        bash.sendline("custode agent stop")
        bash.expect_exact(PROMPT)
        bash.close(force=True)
        shutil.rmtree(home)


def run(shell: pexpect.spawn[str], command: str) -> tuple[int, str]:
    """Type one command, answer what it asks; its exit status and all it said."""
    said = ""
    shell.sendline(command)
    patterns = [re.escape(PROMPT), *ANSWERS]
    while True:
        found = shell.expect([*patterns, "\r\n> "])
        said += (shell.before or "") + str(shell.after)
        if found == 0:
            break
        if found < len(patterns):
            shell.sendline(list(ANSWERS.values())[found - 1])
    shell.sendline("echo status=$?")
    shell.expect(r"status=(\d+)\r\n")
    assert isinstance(shell.match, re.Match)
    status = int(shell.match[1])
    shell.expect_exact(PROMPT)
    return status, said


def test_the_session_of_the_readme(shell: pexpect.spawn[str]) -> None:
    commands = session(README)
    assert len(commands) > 20
    for command in commands:
        status, said = run(shell, command.text)
        assert status == command.exit, f"{command.text}\n{said}"
        assert "4711471" not in said.replace(command.text, "")


def stable(text: str) -> list[str]:
    """A demo's lines without what differs from run to run."""
    text = re.sub(r"custode-demo-\w+", "custode-demo-…", text)
    text = re.sub(r"\b\d{16}\b|\b[0-9a-f]{16}\b", "ID", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "DAY", text)
    text = re.sub(r"after \d+ ms|in \d+ s|in [\d.]+ s", "in TIME", text)
    return [line.rstrip() for line in text.strip().splitlines()]


def test_make_run_says_what_the_readme_shows() -> None:
    done = subprocess.run(
        ["make", "-s", "run"],
        cwd=ROOT,
        env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    shown = re.search(r"<!-- demo -->\n```text\n(.*?)```", README, re.DOTALL)
    assert shown
    said = done.stdout.decode()
    assert stable(said[said.index("A certificate's life") :]) == stable(shown[1])


def test_every_indented_command_of_the_readme_is_a_target() -> None:
    """`make run` and `make test` stand indented; both are targets, and CI calls the second."""
    targets = set(re.findall(r"^    make (\w+)$", README, re.MULTILINE))
    assert targets == {"run", "test"}
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")
