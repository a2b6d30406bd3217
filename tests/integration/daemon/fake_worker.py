"""Stands in for a token worker and for the job worker, over the real channel."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from custode_drivers.channel.frames import ChildChannel, RemoteError

parser = argparse.ArgumentParser()
parser.add_argument("--channel-fd", type=int)
parser.add_argument("--module", default="")
parser.add_argument("--init-args")
options = parser.parse_args()
if "crash" in options.module:
    sys.exit(3)
channel = ChildChannel.from_fd(options.channel_fd)
while (received := channel.receive()) is not None:
    request, fds = received
    match request.method:
        case "list":
            for left in sorted(Path(os.environ.get("KILLED", "/nowhere")).glob("*"))[:1]:
                left.unlink()  # one kill for each file there
                os.kill(os.getpid(), signal.SIGKILL)
            serials = os.environ.get("SERIALS", "").split()
            channel.answer(request.id, [{"serial": s, "label": options.module} for s in serials])
        case "echo":
            said = os.read(fds[0], 100).decode() if fds else ""
            channel.answer(request.id, {**request.params, "said": said, "by": options.module})
        case "fail":
            channel.fail(request.id, request.params["code"], request.params["data"])
        case "die":
            os._exit(7)
        case "hang":
            time.sleep(60)
        case "nap":
            time.sleep(request.params["seconds"])
            channel.answer(request.id, "rested")
        case "up":
            try:
                channel.answer(request.id, channel.call("back", {"number": 20}))
            except RemoteError as exc:
                channel.fail(request.id, exc.code, exc.data)
