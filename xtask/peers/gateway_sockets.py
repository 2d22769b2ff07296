"""Two WebSocket libraries against the gateway: frames, cookies, pings. See gateway_checks.py."""

import json
import os
import signal
import ssl
import time

import websocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from gateway_checks import CERTIFICATE, CONID, PORT, admin, await_, check, expect, expect_in, run

URL = f"wss://localhost:{PORT}/v1/api/ws"
TRUSTED = ssl.create_default_context(cafile=CERTIFICATE)
SUBSCRIBE = f'smd+{CONID}+{{"fields":["31"]}}'

# Each form that a client of the Java gateway is known to send.
COOKIES = {
    "none": None,
    "the session": "api=0123456789abcdef0123456789abcdef",
    "JSON, as bezant and ibind": 'api={"session": "0123456789abcdef0123456789abcdef"}',
    "undefined, as npm's ibkr-client": "api=undefined",
    "a whole browser's, as ibkr-core-mcp": "SBID=x1; api=a; x-sess-uuid=0.1; URL_PARAM=\"RL=1\"; JSESSIONID=A.b",
}


def opened(url=URL, cookie=None, **more):
    headers = {} if cookie is None else {"Cookie": cookie}
    return connect(url, ssl=TRUSTED, additional_headers=headers, open_timeout=5, close_timeout=5, **more)


def heard(socket, topic, within=10, args=None):
    """The next frame of a topic, and with these arguments. Each frame is binary, and JSON."""
    until = time.monotonic() + within
    while True:
        frame = socket.recv(timeout=max(0, until - time.monotonic()))
        expect("the type of a frame", type(frame), bytes)
        value = json.loads(frame)
        if value.get("topic", "").startswith(topic) and (args or {}).items() <= value.get("args", {}).items():
            return value


for name, cookie in COOKIES.items():

    @check(f"websockets, cookie: {name}")
    def _(cookie=cookie):
        with opened(cookie=cookie) as socket:
            heard(socket, "sts", args={"authenticated": True})


@check("websockets: a text frame, sent before sts")
def _():
    with opened() as socket:
        socket.send(SUBSCRIBE)
        expect("conid", heard(socket, "smd")["conid"], CONID)


@check("websockets: a binary frame")
def _():
    with opened() as socket:
        socket.send(SUBSCRIBE.encode())
        expect("conid", heard(socket, "smd")["conid"], CONID)


@check("websockets: tic is answered, a session frame is swallowed")
def _():
    with opened() as socket:
        socket.send(json.dumps({"session": "0123456789abcdef0123456789abcdef"}))
        heard(socket, "sts")
        socket.send("tic")
        heard(socket, "tic")
    expect("frames that IBKR did not know", [x for x in admin("GET", "/sockets")["received"] if x == "unknown"], [])


@check("websockets: ping and pong, both ways of a payload")
def _():
    with opened() as socket:
        heard(socket, "sts")
        expect("pong", socket.ping(b"").wait(2), True)
        expect("pong", socket.ping(b"p" * 125).wait(2), True)
        return f"{socket.latency * 1000:.1f} ms"


@check("websockets: the older path, and a doubled slash")
def _():
    for path in ("/v1/portal/ws", "//v1/api/ws"):
        with opened(f"wss://localhost:{PORT}{path}") as socket:
            heard(socket, "sts")


@check("websockets: compression is offered, and not taken")
def _():
    with opened(compression="deflate") as socket:
        heard(socket, "sts")
        expect("extensions", socket.protocol.extensions, [])


@check("websockets: close 1000 is answered, and ends the stream to IBKR")
def _():
    with opened() as socket:
        heard(socket, "sts")
        socket.close()
        expect("close code", socket.close_code, 1000)
    await_("no stream is left open", lambda: admin("GET", "/sockets")["open"] == 0)


@check("websockets: a page of another origin is refused with 403")
def _():
    try:
        with opened(origin="https://evil.example"):
            pass
    except InvalidStatus as refused:
        expect("status", refused.response.status_code, 403)
    else:
        raise AssertionError("it was taken")


@check("websocket-client: text, binary, ping, close")
def _():
    options = {"sslopt": {"ca_certs": CERTIFICATE}, "timeout": 10}
    socket = websocket.create_connection(URL, cookie='api={"session": "x"}', **options)
    socket.send(SUBSCRIBE)
    for topic, command in [("sts", None), ("smd", b"tic"), ("tic", None)]:
        while True:
            code, frame = socket.recv_data()
            expect("opcode", code, websocket.ABNF.OPCODE_BINARY)
            if json.loads(frame).get("topic", "").startswith(topic):
                break
        if command:
            socket.send_binary(command)
    socket.ping("there?")
    while True:
        code, frame = socket.recv_data(control_frame=True)
        if code == websocket.ABNF.OPCODE_PONG:
            expect("pong", frame, b"there?")
            break
    socket.close(timeout=5)


@check("websocket-client: plain HTTP at a TLS port is told apart")
def _():
    try:
        websocket.create_connection(f"ws://localhost:{PORT}/v1/api/ws", timeout=5)
    except Exception as error:
        return type(error).__name__
    raise AssertionError("it was taken")


@check("IBKR's end of a stream: sts, and close 1001")
def _():
    with opened() as socket:
        heard(socket, "sts")
        admin("POST", "/sockets", {"end": "reset"})
        heard(socket, "sts", args={"authenticated": False})
        for _ in socket:
            pass
        expect("close code", socket.close_code, 1001)
        expect_in("reason", "stream to IBKR", socket.close_reason)


@check("the gateway ends: close 1001, and nobody waits for clients")
def _():
    with opened() as socket:
        heard(socket, "sts")
        os.kill(int(os.environ["GATEWAY_ID"]), signal.SIGTERM)
        until = time.monotonic() + 3
        for _ in socket:
            pass
        expect("in time", time.monotonic() < until, True)
        expect("end", (socket.close_code, socket.close_reason), (1001, "the gateway ends"))


run()
