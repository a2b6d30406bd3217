"""Stands in for `custode_authority.main`: same arguments, same files, no certificate."""

import argparse
import base64
import json
import os
import signal
import sys
import time
from pathlib import Path

parser = argparse.ArgumentParser()
parser.add_argument("command")
parser.add_argument("--home", type=Path)
parser.add_argument("--generation-s")
parser.add_argument("--idle-s")
parser.add_argument("--ready-fd", type=int)
options, _ = parser.parse_known_args()  # backup and restore have more
how = os.environ.get("FAKE", "")

with (options.home.parent / "calls").open("a") as calls:
    calls.write(f"{options.command} {options.generation_s} {options.idle_s} {os.getpid()}\n")
if options.command == "init":
    if how == "init fails":
        sys.exit(1)
    options.home.mkdir(exist_ok=True)
    pem = base64.b64encode(b"not really DER").decode()
    text = f"-----BEGIN CERTIFICATE-----\n{pem}\n-----END CERTIFICATE-----\n"
    (options.home / "ca.pem").write_text(text)
    settings = {"https_port": 12345, "http_port": 12346, "name": "x"}
    (options.home / "authority.json").write_text(json.dumps(settings))
    sys.exit(0)
if how.startswith("says "):
    sys.stdout.write(how.removeprefix("says ") + "\n")
    sys.exit(0)
if how == "serve fails":
    sys.exit(4)
if how == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if how != "never ready":
    os.write(options.ready_fd, b"ready\n")
    os.close(options.ready_fd)
time.sleep(60)
