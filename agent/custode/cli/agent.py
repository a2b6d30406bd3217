"""`custode agent`: the daemon in the foreground, and how to stop the one that runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from custode.cli.command import make_group, pass_face
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import mark, t
from custode.paths import Paths
from custode.rpc.lock import is_locked

if TYPE_CHECKING:
    from custode.cli.face import Face

STOP_S: Final = 20.0
AGAIN_S: Final = 0.05


@make_group(
    "agent",
    mark(
        "Run the agent here, in the foreground.\n\n"
        "Every other command starts it in the background when it is needed."
    ),
    invoke_without_command=True,
)
@click.pass_context
def command(ctx: click.Context) -> int | None:
    """Run it, unless a subcommand was named."""
    if ctx.invoked_subcommand is not None:
        return None
    from custode.daemon.main import main

    return main()


@command.subcommand("stop", mark("Stop the agent. What was begun goes on when it starts again."))
@pass_face
def stop(face: Face) -> None:
    """Stop it; one that does not run is stopped already."""
    try:
        answer = call(face, "agent.stop", start=False)
    except CustodeError as error:
        if error.code is ErrorCode.AGENT_UNAVAILABLE:
            face.show({"running": False}, _tell_stopped)
            return
        if error.code is not ErrorCode.AGENT_DIED:
            raise
        answer = {}
    face.show(answer, _tell_ended if _ended() else _tell_stop)


def _ended() -> bool:
    """Wait until its lock is free; what it still puts away may take a while."""
    paths, until = Paths.find(), time.monotonic() + STOP_S
    while is_locked(paths):
        if time.monotonic() >= until:
            return False
        time.sleep(AGAIN_S)
    return True


def _tell_ended(face: Face, _done: Any) -> None:
    face.say(t("The agent has stopped. What was begun goes on when it starts again."))


def _tell_stop(face: Face, _done: Any) -> None:
    face.say(t("The agent stops. What was begun goes on when it starts again."))


def _tell_stopped(face: Face, _done: Any) -> None:
    face.say(t("No agent is running."))
