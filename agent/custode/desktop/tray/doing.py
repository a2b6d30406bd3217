"""What a click in the tray leads to: done beside the main loop, which never waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from custode.desktop.opening import open_window
from custode.desktop.view.action import Action, Do
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.rpc.client import AgentClient

if TYPE_CHECKING:
    from custode.paths import Paths

ANSWER_S = 30.0


class Doer:
    """Does actions; what fails is told to `on_failure`, in another thread than the caller's."""

    def __init__(
        self, paths: Paths, on_quit: Callable[[], None], on_failure: Callable[[CustodeError], None]
    ) -> None:
        self._paths = paths
        self._on_quit = on_quit
        self._on_failure = on_failure

    def __call__(self, action: Action) -> None:
        """Begin it and come back at once."""
        if action.do is Do.QUIT:
            self._on_quit()
            return
        threading.Thread(target=self._do, args=(action,), name="doing", daemon=True).start()

    def _do(self, action: Action) -> None:
        try:
            match action.do:
                case Do.OPEN:
                    open_window(self._paths, action.name, **action.args)
                case Do.LANGUAGE:
                    self._call("language.set", {"language": action.name})
                case Do.SNOOZE:
                    self._call("need.snooze", {"key": action.name})
        except CustodeError as error:
            if error.code is not ErrorCode.NO_SUCH_NEED:  # it is over: good
                self._on_failure(error)

    def _call(self, method: str, params: dict[str, Any]) -> None:
        with AgentClient.connect(self._paths, name="custode-tray") as agent:
            agent.call(method, params, deadline_s=ANSWER_S)
