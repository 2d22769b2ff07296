"""A server of OAuth 1.0a that lets the functions of a published client judge each request of ours. See checks.py.

    oauth1_judge.py PROGRAM FOLDER JUDGE

PROGRAM is ibkr-auth, FOLDER an empty one. JUDGE is `ibind` or `ibkr-client`, for which PACKAGES names where npm has
installed it. Keys and secret are made here, by pycryptodome. A request that the judge would have signed otherwise is
answered 401.
"""

import base64
import hashlib
import hmac
import json
import os
import re
import secrets
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

from Crypto.Cipher import PKCS1_v1_5
from Crypto.Hash import SHA256
from Crypto.PublicKey import RSA
from Crypto.Signature import PKCS1_v1_5 as Signature
from ibind.oauth import oauth1a

from checks import check, expect, expect_in, run
from oauth1_settings import dh

PROGRAM, FOLDER, JUDGE = sys.argv[1:]
CONSUMER = "JUDGEDKEY"
TOKEN = secrets.token_hex(10)
SECRET = secrets.token_bytes(32)
PRIME, GENERATOR = dh(Path(__file__).parents[2] / "crates/ibkr-sim/demo/oauth1/dhparam.pem")
SIGNATURE_KEY, ENCRYPTION_KEY = RSA.generate(2048), RSA.generate(2048)
ENCRYPTED = base64.b64encode(PKCS1_v1_5.new(ENCRYPTION_KEY.publickey()).encrypt(SECRET)).decode()


class Ibind:
    """ibind's functions. It leaves queries out."""

    query = "left-out"

    def prepend(self):
        return oauth1a.calculate_live_session_token_prepend(ENCRYPTED, ENCRYPTION_KEY)

    def base_string(self, method, url, header, _query, prepend=None):
        return oauth1a.generate_base_string(method, url, header, prepend=prepend)

    def signed_by_key(self, text, signature):
        """Theirs is the same, and pycryptodome's verification takes it."""
        verified = Signature.new(SIGNATURE_KEY.publickey()).verify(
            SHA256.new(text.encode()), base64.b64decode(urllib.request.unquote(signature))
        )
        return verified and oauth1a.generate_rsa_sha_256_signature(text, SIGNATURE_KEY) == signature

    def signed_by_token(self, text, token, signature):
        return oauth1a.generate_hmac_sha_256_signature(text, token) == signature

    def token(self, challenge, exponent, prepend):
        return oauth1a.calculate_live_session_token(PRIME, exponent, challenge, prepend)

    def proves(self, token, proof):
        return oauth1a.validate_live_session_token(token, proof, CONSUMER)


class IbkrClient:
    """The methods of ibkr-client, in a Node.js that answers a line with a line. It merges queries."""

    query = "merged"

    def __init__(self):
        script = Path(__file__).with_name("oauth1_judge.cjs")
        self.node = subprocess.Popen(["node", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.lock = threading.Lock()
        config = {
            "accessTokenSecret": ENCRYPTED,
            "accessToken": TOKEN,
            "consumerKey": CONSUMER,
            "encryption": ENCRYPTION_KEY.export_key().decode(),
            "signature": SIGNATURE_KEY.export_key().decode(),
            "dhPrime": PRIME,
            "realm": "limited_poa",
        }
        self.ask("config", config)

    def ask(self, name, *arguments):
        with self.lock:
            self.node.stdin.write(json.dumps([name, *arguments]) + "\n")
            self.node.stdin.flush()
            return json.loads(self.node.stdout.readline())

    def prepend(self):
        return self.ask("calculatePrepend")

    def base_string(self, method, url, header, query, prepend=None):
        return self.ask("generateBaseString", url, method, header, query, prepend)

    def signed_by_key(self, text, signature):
        return self.ask("generateRsaSha256Signature", text) == signature

    def signed_by_token(self, text, token, signature):
        return self.ask("generateHmacSha256Signature", text, token) == signature

    def token(self, challenge, exponent, prepend):
        return self.ask("generateLiveSessionToken", challenge, exponent, prepend)

    def proves(self, token, proof):
        return self.ask("validateLiveSessionToken", token, proof)


judge = {"ibind": Ibind, "ibkr-client": IbkrClient}[JUDGE]()


class Refused(Exception):
    pass


class Server:
    """What it knows, and what it has seen."""

    def __init__(self):
        self.token = None
        self.nonces = set()
        self.seen = []
        # Of the next login: whether the response has an odd number of digits, and whether the shared secret
        # needs a zero byte in front.
        self.wanted = (False, False)
        self.lies = False

    def header(self, request, method):
        """The signed parameters, and the signature as it is written."""
        text = request.headers.get("Authorization", "")
        if not text.startswith("OAuth "):
            raise Refused("no header of OAuth")
        pairs = re.findall(r'(\w+)="([^"]*)"', text)
        header = dict(pairs)
        if len(header) != len(pairs):
            raise Refused("a parameter is there twice")
        signature = header.pop("oauth_signature", "")
        for name, wanted in [
            ("realm", "limited_poa"),
            ("oauth_consumer_key", CONSUMER),
            ("oauth_token", TOKEN),
            ("oauth_signature_method", method),
        ]:
            if header.get(name) != wanted:
                raise Refused(f"{name} is {header.get(name)!r}")
        del header["realm"]
        stamp, nonce = header.get("oauth_timestamp", ""), header.get("oauth_nonce", "")
        if not re.fullmatch(r"\d{10}", stamp) or abs(int(stamp) - time.time()) > 60:
            raise Refused(f"oauth_timestamp is {stamp!r}")
        if not nonce or nonce in self.nonces:
            raise Refused(f"oauth_nonce is {nonce!r}, empty or used")
        self.nonces.add(nonce)
        return header, signature

    def live_session_token(self, request, url, query):
        header, signature = self.header(request, "RSA-SHA256")
        prepend = judge.prepend()
        if not judge.signed_by_key(judge.base_string("POST", url, header, query, prepend), signature):
            raise Refused("signed otherwise")
        challenge = header["diffie_hellman_challenge"]
        exponent, response = self.exchange(int(challenge, 16))
        self.token = judge.token(challenge, exponent, prepend)
        proof = hmac.digest(base64.b64decode(self.token), CONSUMER.encode(), hashlib.sha1).hex()
        if not judge.proves(self.token, proof):
            raise Refused("the judge takes another proof")
        return {
            "diffie_hellman_response": response,
            "live_session_token_signature": "0" * 40 if self.lies else proof,
            "live_session_token_expiration": int(time.time() + 86_400) * 1000,
        }

    def exchange(self, challenge):
        prime = int(PRIME, 16)
        while True:
            exponent = secrets.randbits(256) | 1 << 255
            response = f"{pow(GENERATOR, exponent, prime):x}"
            if bool(len(response) % 2) == self.wanted[0]:
                shared = pow(challenge, exponent, prime)
                if (shared.bit_length() % 8 == 0) == self.wanted[1]:
                    return f"{exponent:x}", response

    def resource(self, request, url, query):
        header, signature = self.header(request, "HMAC-SHA256")
        text = judge.base_string(request.command, url, header, query)
        if not self.token or not judge.signed_by_token(text, self.token, signature):
            raise Refused("signed otherwise")
        return None

    def answer(self, request):
        path, _, query = request.path.partition("?")
        url, query = f"http://{request.headers['Host']}{path}", dict(parse_qsl(query, keep_blank_values=True))
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0)).decode()
        try:
            if path == "/v1/api/oauth/live_session_token":
                status, answer = 200, self.live_session_token(request, url, query)
            else:
                self.resource(request, url, query)
                status, answer = 200, said(path, request.path, body)
        except Refused as why:
            status, answer = 401, {"error": str(why), "statusCode": 401}
        self.seen.append((status, f"{request.command} {request.path}", answer))
        return status, answer


def said(path, whole, body):
    """What IBKR would say; whatever else is asked for comes back."""
    ready = {"authenticated": True, "competing": False, "connected": True, "established": True, "message": ""}
    if path.endswith(("/ssodh/init", "/auth/status")):
        return ready
    if path.endswith("/tickle"):
        return {"session": "0" * 32, "ssoExpires": 600_000, "iserver": {"authStatus": ready}}
    return {"status": True} if path.endswith("/logout") else {"asked": whole, "body": body}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one(self):
        status, answer = server.answer(self)
        text = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = handle_one

    def log_message(self, *_):
        pass


server = Server()
http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=http.serve_forever, daemon=True).start()
ORIGIN = f"http://127.0.0.1:{http.server_port}"


def keep(name, text):
    path = Path(FOLDER, name)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    return path


def settings(name, **changes):
    """A file of settings, and the folder that its sessions are kept in."""
    lines = {
        "oauth1_consumer_key": CONSUMER,
        "oauth1_access_token": TOKEN,
        "oauth1_access_token_secret": ENCRYPTED,
        "private_key_file": "signature.pem",
        "oauth1_encryption_key_file": "encryption.pem",
        "oauth1_dh_prime": PRIME,
        "oauth1_query": judge.query,
        "base_url": ORIGIN,
        "retry_attempts": 1,
        "proxy": "none",
    }
    text = "".join(f"{key}: '{value}'\n" for key, value in {**lines, **changes}.items())
    return keep(f"{name}.yaml", text), Path(FOLDER, f"state-{name}")


Path(FOLDER).mkdir(parents=True, exist_ok=True)
keep("signature.pem", SIGNATURE_KEY.export_key(pkcs=8).decode())
keep("encryption.pem", ENCRYPTION_KEY.export_key().decode())
OWN = settings("own")
OTHER_WAY = settings("other-way", oauth1_query="in-url")
OTHER_KEY = settings("other-key", private_key_file="encryption.pem")


def program(*words, of=OWN):
    config, state = of
    command = [PROGRAM, *words, "--config", config, "--state-dir", state]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


def succeeds(*words, of=OWN):
    """What it prints; no request of it was refused."""
    before = len(server.seen)
    ended = program(*words, of=of)
    refused = [f"{what}: {answer['error']}" for status, what, answer in server.seen[before:] if status != 200]
    expect("what the judge refused", refused, [])
    expect("the exit code", (ended.returncode, ended.stderr if ended.returncode else ""), (0, ""))
    return ended.stdout


def is_refused(*words, of):
    before = len(server.seen)
    ended = program(*words, of=of)
    expect("it ended well", ended.returncode == 0, False)
    expect_in("statuses", 401, [status for status, _, _ in server.seen[before:]])


for wanted in [(odd, zero) for odd in (False, True) for zero in (False, True)]:
    digits, front = ("odd" if wanted[0] else "even"), ("with" if wanted[1] else "without")

    @check(f"login: {digits} number of digits, {front} the zero byte")
    def _(wanted=wanted):
        server.wanted = wanted
        succeeds("login", "--fresh")


PATHS = [
    "/iserver/accounts",
    "/iserver/marketdata/snapshot?conids=265598,8314&fields=31,84",
    "/iserver/marketdata/snapshot?conids=265598%2C8314&fields=31%2C84",
    "/iserver/secdef/search?symbol=BRK%2FB&name=a%7Cb%3Ac%2Bd%3De%26f&note=%C3%A9",
    "/iserver/marketdata/history?period=1d&empty=&bar=5min&Conid=1&conid=2",
]
if judge.query == "left-out":
    # Merged, a space is one of two things, as clients see it.
    PATHS.append("/iserver/secdef/search?symbol=BRK%20B&name=two+words")

for path in PATHS:

    @check(f"get {path[:50]}")
    def _(path=path):
        expect("asked", json.loads(succeeds("get", path))["asked"], f"/v1/api{path}")


@check("post with a body, and with a query")
def _():
    for path in ("/iserver/account/DU1/orders", "/iserver/auth/ssodh/thing?compete=true&publish=true"):
        answer = json.loads(succeeds("post", path, "--data", '{"orders":[{"cOID":"a b/c"}]}'))
        expect("asked", answer["asked"], f"/v1/api{path}")
        expect("body", json.loads(answer["body"]), {"orders": [{"cOID": "a b/c"}]})


@check("delete, tickle, status")
def _():
    succeeds("delete", "/iserver/account/DU1/order/1")
    succeeds("tickle")
    succeeds("status")


@check("sign: its headers work elsewhere, once")
def _():
    path = "/v1/api/iserver/marketdata/snapshot?conids=1&fields=31"
    lines = succeeds("sign", "GET", path).splitlines()
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    ask = urllib.request.Request(ORIGIN + path, headers=headers)
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(ask, timeout=5) as answer:
        expect("asked", json.load(answer)["asked"], path)
    try:
        direct.open(ask, timeout=5)
    except urllib.error.HTTPError as error:
        expect("the same again", error.code, 401)
    else:
        raise AssertionError("the same nonce was taken twice")


@check("logout")
def _():
    succeeds("logout")
    expect("the last request", server.seen[-1][1], "POST /v1/api/logout")


@check("refused, as it has to be: a query signed otherwise")
def _():
    server.wanted = (False, False)
    succeeds("login", of=OTHER_WAY)
    is_refused("get", PATHS[1], of=OTHER_WAY)


@check("refused, as it has to be: a login signed with another key")
def _():
    is_refused("login", of=OTHER_KEY)


@check("a live session token that the server has not derived: ours refuses")
def _():
    server.lies = True
    before = len(server.seen)
    ended = program("login", "--fresh")
    expect("it ended well", ended.returncode == 0, False)
    expect("what was asked", {what for _, what, _ in server.seen[before:]}, {"POST /v1/api/oauth/live_session_token"})
    right = sum(status == 200 for status, _, _ in server.seen)
    print(f"          {right} requests judged right, {len(server.seen) - right} refused as they have to be")


run()
