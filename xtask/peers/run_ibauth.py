"""Walks the installed ibauth through its whole flow and prints a line per step.

    run_ibauth.py CONFIG PUBLIC_IP

Runs with 0.0.8 (blocking, logs in within its constructor) and 0.1.6 (async). The exit code is 0 when every step
brought what it should, 3 when a server refused a step, 1 for anything else.
"""

import asyncio
import faulthandler
import inspect
import re
import sys
import time
import traceback

import ibauth

REFUSED = 3

# IBKR takes one tickle a second; an assertion signed twice within a second is the same assertion.
ONCE_A_SECOND = ("get_access_token", "tickle", "domain")

# ibauth 0.1.6 sets no timeout on half of its calls; 0.0.8 tries a refused call five times in 75 seconds.
faulthandler.dump_traceback_later(150, exit=True)


class Wrong(Exception):
    """A step came back, but not with what it should have brought."""


def expect(what, found, wanted):
    if found != wanted:
        raise Wrong(f"{what} is {found!r}, not {wanted!r}")


def expect_token(what, found):
    if not isinstance(found, str) or len(found) < 20:
        raise Wrong(f"{what} is {found!r}")
    return f"{what} of {len(found)} characters"


def expect_ready(of):
    flags = (of.authenticated, of.connected, of.competing)
    expect("(authenticated, connected, competing)", flags, (True, True, False))


class Run:
    def __init__(self, config, public_ip):
        self.config = config
        self.public_ip = public_ip
        self.auth = None
        self.session = None

    def steps(self):
        yield "constructor", self.constructor
        yield "get_access_token", self.get_access_token
        yield "get_bearer_token", self.get_bearer_token
        yield "validate_sso", lambda: self.call("validate_sso")
        yield "ssodh_init", lambda: self.call("ssodh_init")
        if hasattr(self.auth, "status"):
            yield "status", self.status
        for number in range(1, 4):
            yield f"tickle {number}", self.tickle
        if type(self.auth).domain.fset:
            yield "domain, tickle", self.switch_domain
        yield "logout", lambda: self.call("logout")

    def call(self, name):
        result = getattr(self.auth, name)()
        return asyncio.run(result) if inspect.isawaitable(result) else result

    def constructor(self):
        self.auth = ibauth.auth_from_yaml(self.config)
        return "logged in" if self.auth.bearer_token else "no request made"

    def get_access_token(self):
        self.auth.access_token = None
        self.call("get_access_token")
        return expect_token("access token", self.auth.access_token)

    def get_bearer_token(self):
        self.auth.bearer_token = None
        self.call("get_bearer_token")
        expect("the public address", self.auth.IP, self.public_ip)
        if self.auth.bearer_token == self.auth.access_token:
            raise Wrong("the bearer token is the access token")
        return expect_token("bearer token", self.auth.bearer_token)

    def status(self):
        status = self.call("status")
        expect_ready(status)
        return f"MAC {status.MAC}"

    def tickle(self):
        session = self.call("tickle")
        expect_ready(self.auth)
        if not re.fullmatch("[0-9a-f]{32}", session):
            raise Wrong(f"session is {session!r}")
        expect("session", session, self.session or session)
        self.session = session
        return "ready"

    def switch_domain(self):
        self.auth.domain = "5.api.ibkr.com"
        return self.tickle() + " on " + self.auth.domain


def answer_in(error):
    """The HTTP answer that an error, of httpx, requests or tenacity, tells of."""
    attempt = getattr(error, "last_attempt", None)
    if attempt is not None:
        error = attempt.exception()
    return getattr(error, "response", None)


def main():
    config, public_ip = sys.argv[1:]
    for name, step in Run(config, public_ip).steps():
        if name.startswith(ONCE_A_SECOND):
            time.sleep(1.1)
        started = time.perf_counter()

        def line(word, text):
            print(f"  {word:<7} {name:<17} {time.perf_counter() - started:7.3f} s  {text}", flush=True)

        try:
            line("ok", step() or "")
        except Wrong as wrong:
            line("WRONG", wrong)
            return 1
        except Exception as error:
            answer = answer_in(error)
            if answer is None:
                line("FAILED", f"{type(error).__name__}: {error}")
                traceback.print_exc()
                return 1
            line("REFUSED", f"{answer.status_code} {answer.text.strip()}")
            return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
