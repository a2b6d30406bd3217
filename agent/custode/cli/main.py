"""`custode`: the root of the command line. Subcommands are loaded when they are called."""

from __future__ import annotations

import io
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from custode.cli import click_words, failure
from custode.cli.command import Group
from custode.cli.face import Face
from custode.error_codes import ErrorCode
from custode.errors import CustodeError
from custode.locale import catalogue, choice
from custode.locale.catalogue import mark
from custode.paths import Paths

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

# In the order of a person's way: what is, who I am, key to certificate, trouble, backup, the rest.
_COMMANDS: Final = {
    name: f"custode.cli.{module}"
    for name, module in (
        ("status", "status"),
        ("snooze", "snooze"),
        ("watch", "watch"),
        ("tray", "tray"),
        ("token", "token"),
        ("identity", "identity"),
        ("csr", "csr"),
        ("request", "request"),
        ("certificates", "certificates"),
        ("install", "install"),
        ("renew", "renew"),
        ("report", "report"),
        ("cancel", "cancel"),
        ("reissue", "reissue"),
        ("backup", "backup"),
        ("doctor", "doctor"),
        ("audit", "audit"),
        ("config", "config"),
        ("language", "language"),
        ("install-desktop", "install_desktop"),
        ("uninstall-desktop", "uninstall_desktop"),
        ("agent", "agent"),
        ("authority", "authority"),
        ("demo", "demo"),
    )
}
_EXIT_BROKEN_PIPE: Final = 1


def _early(argv: Sequence[str], face: Face) -> None:
    """Read `--json` and `--lang` before click does: help texts and errors depend on them."""
    language = None
    words = list(argv[: argv.index("--")] if "--" in argv else argv)
    for word, following in zip(words, [*words[1:], ""], strict=True):
        if word == "--json":
            face.json = True
        elif word == "--lang":
            language = following
        elif word.startswith("--lang="):
            language = word.partition("=")[2]
    if language in catalogue.LANGUAGES:
        catalogue.use(language)
    else:
        choice.follow(Paths.find().language)


class Root(Group):
    """Runs a command and turns every way it can end into an exit status."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_args: Any,
        **_extra: Any,
    ) -> NoReturn:
        sys.exit(self.run(sys.argv[1:] if args is None else args, prog_name or "custode"))

    def run(self, args: Sequence[str], prog_name: str = "custode") -> int:
        """Run a command; gives its exit status."""
        argv = list(args)
        face = Face()
        _early(argv, face)
        click_words.install()
        return self._run(argv, prog_name, face)

    def _run(self, argv: list[str], name: str, face: Face) -> int:
        try:
            with self.make_context(name, argv, obj=face) as ctx:
                result = self.invoke(ctx)
            sys.stdout.flush()
        except click.exceptions.Exit as end:
            return end.exit_code
        except BrokenPipeError:
            # The reader of our answer left (`| head`); nothing more can be said to it.
            sys.stdout = None
            return _EXIT_BROKEN_PIPE
        except Exception as error:  # noqa: BLE001 - the last place: every error becomes a sentence
            return failure.tell(face, _ours(error))
        except KeyboardInterrupt:
            return failure.tell(face, CustodeError(ErrorCode.CANCELLED))
        return result if isinstance(result, int) else 0


def _ours(error: Exception) -> CustodeError:
    match error:
        case CustodeError():
            return error
        case click.UsageError():
            return failure.of_usage(error)
        case click.Abort():
            return CustodeError(ErrorCode.CANCELLED)
        case _:
            from custode.unexpected import of_unexpected

            return of_unexpected(error)


root: Final = Root(
    "custode",
    help=mark(
        "Custode keeps your certificate safe: on its token, with a backup, through its whole life."
    ),
    lazy=_COMMANDS,
)


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt  # so that the terminal's echo comes back and secrets are wiped


def run() -> int:
    """Run the command line on this process's own arguments; gives the exit status."""
    from custode.confinement import forbid_core_dumps

    forbid_core_dumps()
    signal.signal(signal.SIGTERM, _end)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no “ shows ?, and goes on
    return root.run(sys.argv[1:])
