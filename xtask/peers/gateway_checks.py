"""What the scripts that are clients of the gateway share.

    SCRIPT PORT CERTIFICATE ADMIN

PORT is the gateway's, CERTIFICATE the file of what it shows, ADMIN the address of the simulator's admin port. A
script prints a line per check; its exit code is 0 when all passed.
"""

import faulthandler
import json
import logging
import sys
import time
import traceback
import urllib.request

PORT, CERTIFICATE, ADMIN = sys.argv[1:]
ORIGIN = f"https://localhost:{PORT}"
ACCOUNT = "DU1234567"
CONID = 265598

# Whatever hangs is told by its stack.
faulthandler.dump_traceback_later(60, exit=True)

# ibind complains of every stream that is lost, even when it is told to log nothing.
logging.getLogger().addHandler(logging.NullHandler())

CHECKS = []


class Wrong(Exception):
    """An answer came, but not what it should have been."""


def check(about):
    """Names a function as a check; they run in their order."""

    def register(function):
        CHECKS.append((about, function))
        return function

    return register


def expect(what, found, wanted):
    if found != wanted:
        raise Wrong(f"{what} is {found!r}, not {wanted!r}")


def expect_in(what, part, whole):
    if part not in whole:
        raise Wrong(f"{what}: {part!r} is not in {whole!r}")


def await_(what, function, within=10):
    """What the function brings, as soon as that is true."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if found := function():
            return found
        time.sleep(0.02)
    raise Wrong(f"{what}: not within {within} s")


def admin(method, path, body=None):
    """Asks the simulator."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(ADMIN + path, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read()
    return json.loads(text) if text.strip() else None


def run():
    failures = 0
    for about, function in CHECKS:
        started = time.perf_counter()
        try:
            word, text = "ok", function() or ""
        except Wrong as wrong:
            word, text = "WRONG", wrong
        except Exception as error:
            word, text = "FAILED", f"{type(error).__name__}: {error}"
            traceback.print_exc()
        failures += word != "ok"
        print(f"  {word:<7} {about:<64} {time.perf_counter() - started:7.3f} s  {text}", flush=True)
    sys.exit(1 if failures else 0)
