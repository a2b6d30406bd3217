"""A child for the tests of its supervision: does what it is told, also badly."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from typing import Any

from custode_drivers.channel.frames import ChildChannel, Request, close_all


def act(  # noqa: C901 - one arm a trick
    channel: ChildChannel, request: Request, fds: tuple[int, ...]
) -> Any:
    params = request.params
    match request.method:
        case "echo":
            return params
        case "pid":
            return os.getpid()
        case "environment":
            return os.environ.get(params["name"])
        case "sleep":
            time.sleep(params["seconds"])
            return "slept"
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "segfault":
            ctypes.string_at(0)
        case "exit":
            os._exit(params["status"])
        case "read":
            return [os.read(fd, 1024) for fd in fds]
        case "write":
            os.write(fds[0], params["data"])
        case "say":
            sys.stdout.write("out\n")
            sys.stdout.flush()
            sys.stderr.write("err\n")
        case "ask":
            return [channel.call(name, {"n": n}) for n, name in enumerate(params["names"])]
        case "ask_with_fds":
            reading, writing = os.pipe()
            os.write(writing, b"up")
            os.close(writing)
            result, back = channel.call_with_fds("swap", {}, [reading])
            os.close(reading)
            read = [os.read(fd, 1024) for fd in back]
            close_all(back)
            return [result, read]
        case "grandchild":
            return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid
        case "nonsense":
            os.write(channel._connection.fileno(), b"\xff" * 8)
            time.sleep(60)
        case "deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            channel.answer(request.id, os.getpid())
            time.sleep(60)
    return None


def main() -> None:
    channel = ChildChannel.from_fd(int(sys.argv[sys.argv.index("--channel-fd") + 1]))
    while (received := channel.receive()) is not None:
        request, fds = received
        if request.method == "fail":
            channel.fail(request.id, "pin_locked", {"left": 0})
            continue
        try:
            result = act(channel, request, fds)
        except Exception as exc:  # noqa: BLE001 - the test looks at the answer
            channel.fail(request.id, getattr(exc, "code", "acting_failed"), {"why": repr(exc)})
        else:
            channel.answer(request.id, result)
        finally:
            close_all(fds)


if __name__ == "__main__":
    main()
