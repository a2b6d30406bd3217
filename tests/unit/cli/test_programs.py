"""Commands that only start another program of ours, and the process of the command line itself."""

import os
import subprocess
import sys
from typing import Any

import pytest
from tests.unit.cli.conftest import FakeAgent, Run

from custode.cli.face import _drawn
from custode.prompts.secret import Secret, TooLong


class Called:
    """Stands in for a program's `main`, and remembers how it was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, *args: Any, **kwargs: Any) -> int:
        self.calls.append((args, kwargs))
        return 4


def test_the_authority_gets_its_own_arguments_as_they_are(
    custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = Called()
    monkeypatch.setattr("custode_authority.main.program", main)
    assert custode("authority", "init", "--home", "x", "--validity-days", "3").exit_code == 4
    assert custode("authority", "serve", "--home=x").exit_code == 4
    assert [args for args, _ in main.calls] == [
        (["init", "--home", "x", "--validity-days", "3"],),
        (["serve", "--home=x"],),
    ]


def test_the_demo_is_told_how_to_speak(custode: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    main = Called()
    monkeypatch.setattr("custode.demo.run.main", main)
    assert custode("demo", "--keep", "here", "--fast", "--json", "--lang", "it").exit_code == 4
    told = {"card": None, "fast": True, "json_lines": True, "lang": "it"}
    assert main.calls == [(("here",), told)]


def test_the_agent_runs_only_when_it_is_meant(
    agent: FakeAgent, custode: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    main = Called()
    monkeypatch.setattr("custode.daemon.main.main", main)
    agent.answers["agent.stop"] = True
    assert custode("agent", "stop").exit_code == 0
    assert not main.calls
    assert custode("agent").exit_code == 4
    assert main.calls == [((), {})]


def test_a_drawn_table_shows_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    _drawn(("Nome", "Stato"), [("[red]x[/red]", "attivo")])
    shown = capsys.readouterr().out
    assert "[red]x[/red]" in shown
    assert "attivo" in shown


def run(code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env={**os.environ, **environ},
    )


def test_the_process_leaves_no_core_and_ends_on_sigterm_as_on_ctrl_c() -> None:
    ran = run(
        "import os, resource, signal, sys\n"
        "from custode import __main__\n"
        "from custode.cli import status\n"
        "def call(*_):\n"
        "    print(resource.getrlimit(resource.RLIMIT_CORE), end='')\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "status.call = call\n"
        "sys.argv = ['custode', 'status']\n"
        "__main__.main()"
    )
    assert (ran.returncode, ran.stdout[:6]) == (15, "(0, 0)")
    assert ran.stderr.startswith("custode: error: ")


def test_a_terminal_without_the_letters_still_gets_an_answer() -> None:
    ran = run(
        "import sys; from custode import __main__; sys.argv += ['--help']; __main__.main()",
        PYTHONIOENCODING="ascii",
        LC_ALL="it_IT.UTF-8",
    )
    assert ran.returncode == 0
    assert "Opzioni:" in ran.stdout


@pytest.mark.parametrize(("word", "status"), [("--version", 0), ("nonsense", 2)])
def test_who_leaves_early_still_says_everything(word: str, status: int) -> None:
    ran = run(
        "import atexit, gc, sys; from custode import __main__\n"
        "atexit.register(lambda: print('last', gc.isenabled()))\n"
        f"sys.argv += [{word!r}]; __main__.main()"
    )
    assert ran.returncode == status
    assert ran.stdout.splitlines()[-1] == "last True"
    assert (ran.stdout if status == 0 else ran.stderr).startswith("custode")


def test_too_much_to_read_is_refused() -> None:
    read_end, write_end = os.pipe()
    os.write(write_end, b"x" * 1025)
    os.close(write_end)
    with Secret() as secret, pytest.raises(TooLong):
        secret.read_from(read_end)
    os.close(read_end)
