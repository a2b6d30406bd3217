"""One call to the agent, with everything it says and asks meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from custode.locale import words
from custode.locale.catalogue import gettext
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from custode.cli.face import Face
    from custode.cli.secret_options import Secrets
    from custode.rpc.client import WantedSecret


def call(
    face: Face,
    method: str,
    params: Mapping[str, Any] | None = None,
    secrets: Secrets | None = None,
    *,
    start: bool = True,
) -> Any:
    """Call `method`; params without a value are left out. Starts the agent unless `start` is False.

    :raises CustodeError: what the agent, or a source of secrets, answers
    """
    given = {key: value for key, value in (params or {}).items() if value is not None}
    if secrets is not None and secrets.use_last_attempt:
        given["use_last_attempt"] = True

    def progress(name: str, said: dict[str, Any]) -> None:
        if name == "progress":
            step = words.word(words.STEP, said.get("step"))
            face.note(f"… {gettext(str(said['text'])) if said.get('text') else step}")

    def give(wanted: WantedSecret) -> int:
        # `status` and others that look are never asked: they do without what asks.
        from custode.cli.secret_options import Secrets as Sources
        from custode.prompts.asking import read_wanted

        return (secrets or Sources()).give(read_wanted(wanted))

    with AgentClient.connect(start=start) as agent:
        return agent.call(method, given, on_secret=give, on_event=progress)
