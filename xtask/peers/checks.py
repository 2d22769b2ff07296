"""What the scripts share: checks that run in their order, a printed line for each.

A script's last argument is the address of the simulator's admin port, if it talks to that. Its exit code is 0 when
all checks passed.
"""

import faulthandler
import json
import logging
import sys
import time
import traceback
import urllib.request

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
    request = urllib.request.Request(
        sys.argv[-1] + path, data, {"Content-Type": "application/json"}, method=method
    )
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
    print(f"  {len(CHECKS) - failures} of {len(CHECKS)} checks passed", flush=True)
    sys.exit(1 if failures else 0)
