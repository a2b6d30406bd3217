"""`custode agent`: the daemon in the foreground, and how to stop the one that runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from custode.cli.command import make_group, pass_face
from custode.cli.session import call
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale.catalogue import mark, t

if TYPE_CHECKING:
    from custode.cli.face import Face


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
        if error.code is not ErrorCode.AGENT_UNAVAILABLE:
            raise
        face.show({"running": False}, _tell_stopped)
        return
    face.show(answer, _tell_stop)


def _tell_stop(face: Face, _done: Any) -> None:
    face.say(t("The agent stops. What was begun goes on when it starts again."))


def _tell_stopped(face: Face, _done: Any) -> None:
    face.say(t("No agent is running."))
