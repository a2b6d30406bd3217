"""Stands in for a token worker and for the job worker, over the real channel."""

import argparse
import os
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
frozen = None  # a module that keeps the slots of its first look, until it is loaded again
while (received := channel.receive()) is not None:
    request, fds = received
    match request.method:
        case "list":
            if left := list(Path(os.environ.get("DIES", "/nowhere")).glob("*")):
                left[0].unlink()  # one listing less that it breaks down in
                os._exit(7)
            serials = os.environ.get("SERIALS", "").split()
            if "FROZEN" in os.environ:
                frozen = frozen or Path(os.environ["FROZEN"]).read_text().split(",")
                serials = [serial for serial in frozen if serial]
            fixed = "fixed" in options.module
            rows = [{"serial": s, "label": options.module, "removable": not fixed} for s in serials]
            channel.answer(request.id, rows)
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
