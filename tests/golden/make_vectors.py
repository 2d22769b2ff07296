"""Writes vectors.json: what the Python package ibauth puts on the wire under a frozen clock.

ibauth and httpx run as published. Two things are replaced: `time.time`, and the last method before httpx
would open a connection. README.md tells how to run this.
"""

import asyncio
import base64
import json
import platform
from importlib.metadata import version
from pathlib import Path
from unittest import mock

import httpx
import ibauth

HERE = Path(__file__).resolve().parent

# What decides the bytes: ibauth's claims, PyJWT's JSON, httpx's headers and bodies, cryptography's signature.
PACKAGES = ["ibauth", "PyJWT", "httpx", "cryptography"]

STEPS = ["get_access_token", "get_bearer_token", "validate_sso", "ssodh_init", "status", "tickle", "logout"]

# name, seconds, nanoseconds, client id, key id, credential, public IP, key file
CASES = [
    ("plain", 1750000000, 0, "TESTCLIENT", "main", "testuser", "203.0.113.7", "rsa3072-pkcs8.pem"),
    # Almost the next second: shows that the clock is rounded down.
    ("fraction", 1750000000, 999_999_000, "TESTCLIENT", "main", "testuser", "203.0.113.7", "rsa3072-pkcs8.pem"),
    # The same key as `plain` in the other file format: the bytes must be those of `plain`.
    ("pkcs1", 1750000000, 0, "TESTCLIENT", "main", "testuser", "203.0.113.7", "rsa3072-pkcs1.pem"),
    # Everything JSON escapes, or could: quotes, backslash, slash, controls, DEL, a line separator, beyond ASCII, beyond 16 bits.
    (
        "unusual",
        1750000000,
        500_000_000,
        'Client "1" \\ + / = & % <é>',
        "schlüssel-1 \U0001f511",
        "o'brien+test@example.com\t\n\x01\x7f\u2028Zoë\U0001d11e",
        "198.51.100.254",
        "rsa3072-pkcs8.pem",
    ),
    ("rsa2048", 1234567890, 250_000_000, "c", "k", "u", "192.0.2.1", "rsa2048-pkcs1.pem"),
    # After 2^31 seconds.
    ("rsa4096", 2147483648, 1_000_000, "PAPER-client_01", "rotated-2038", "pu123456789", "192.0.2.255", "rsa4096-pkcs8.pem"),
]

ACCESS_TOKEN = "access.golden-0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BEARER_TOKEN = "bearer.golden-0123456789_abcdefghijklmnopqrstuvwxyz"

STATUS = {
    "authenticated": True,
    "established": True,
    "competing": False,
    "connected": True,
    "message": "",
    "MAC": "98:F2:B3:23:BF:A0",
    "serverInfo": {"serverName": "JifN00000", "serverVersion": "Build 10.25.0p, Dec 5, 2023 5:48:12 PM"},
    "hardware_info": "00000000|98:F2:B3:23:BF:A0",
}

SSO_DETAILS = {
    "USER_ID": 123456789,
    "USER_NAME": "testuser",
    "RESULT": True,
    "AUTH_TIME": 1702580846836,
    "SF_ENABLED": False,
    "SF_CONFIG": "",
    "IS_FREE_TRIAL": False,
    "IS_PENDING_APPLICANT": False,
    "CREDENTIAL": "testuser",
    "CREDENTIAL_TYPE": 0,
    "IP": "192.0.2.200",
    "EXPIRES": 415890,
    "LANDING_APP": "UNIVERSAL",
    "IS_MASTER": False,
    "LOGIN_TYPE": 2,
    "PAPER_USER_NAME": "testuser",
    "HARDWARE_INFO": "",
    "UNIQUE_LOGIN_ID": "",
    "COUNTERPARTY": "",
    "TOKEN": "golden",
    "took": 1,
    "features": {
        "env": "PROD",
        "wlms": True,
        "realtime": True,
        "bond": True,
        "optionChains": True,
        "calendar": True,
        "newMf": True,
    },
    "region": "NJ",
}

ANSWERS = {
    "https://api.ibkr.com/oauth2/api/v1/token": {
        "access_token": ACCESS_TOKEN,
        "token_type": "Bearer",
        "scope": "sso-sessions.write",
        "expires_in": 86399,
    },
    "https://api.ibkr.com/gw/api/v1/sso-sessions": {
        "access_token": BEARER_TOKEN,
        "active": True,
        "token_type": "Bearer",
    },
    "https://api.ibkr.com/v1/api/sso/validate": SSO_DETAILS,
    "https://api.ibkr.com/v1/api/iserver/auth/ssodh/init": STATUS,
    "https://api.ibkr.com/v1/api/iserver/auth/status": STATUS,
    "https://api.ibkr.com/v1/api/tickle": {
        "session": "0123456789abcdef0123456789abcdef",
        "ssoExpires": 460311,
        "collission": False,
        "userId": 123456789,
        "hmds": {"error": "no bridge"},
        "iserver": {"authStatus": STATUS},
    },
    "https://api.ibkr.com/v1/api/logout": {"status": True},
}


class Wire:
    """Stands where httpx would open a connection: notes the request, gives the canned answer."""

    def __init__(self, public_ip):
        self.public_ip = public_ip
        self.step = None
        self.requests = []

    async def handle(self, transport, request):
        body = await request.aread()
        url = str(request.url)
        if url == "https://api.ipify.org":
            answer = {"content_type": "text/plain", "body": self.public_ip}
        else:
            answer = {"content_type": "application/json", "body": json.dumps(ANSWERS[url], separators=(",", ":"))}
        # httpx's four timeouts (connect, read, write, pool) are set to one value by ibauth.
        (timeout,) = set(request.extensions["timeout"].values())
        self.requests.append(
            {
                "step": self.step,
                "method": request.method,
                "url": url,
                "headers": [[name.decode(), value.decode()] for name, value in request.headers.raw],
                "body": body.decode(),
                "timeout_seconds": timeout,
                "answer": {"status": 200, **answer},
            }
        )
        headers = {"Content-Type": answer["content_type"]}
        return httpx.Response(200, headers=headers, content=answer["body"].encode())


def taken_apart(jws):
    """The JWS as sent, and its first two parts as JSON text, exactly as they were signed."""
    header, claims, _ = jws.split(".")

    def text(part):
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode()

    return {"header": text(header), "claims": text(claims), "signing_input": f"{header}.{claims}", "jws": jws}


def client_assertion(body):
    pairs = dict(pair.split("=", 1) for pair in body.split("&"))
    return pairs["client_assertion"]


async def run_steps(auth, wire, steps):
    for step in steps:
        wire.step = step
        await getattr(auth, step)()


def capture(case, steps):
    name, seconds, nanoseconds, client_id, key_id, credential, public_ip, key_file = case
    wire = Wire(public_ip)

    async def handle(transport, request):
        return await wire.handle(transport, request)

    auth = ibauth.IBAuth(client_id, key_id, credential, HERE / "keys" / key_file)
    with (
        mock.patch("time.time", return_value=seconds + nanoseconds / 1e9),
        mock.patch.object(httpx.AsyncHTTPTransport, "handle_async_request", handle),
    ):
        asyncio.run(run_steps(auth, wire, steps))
    return auth, wire.requests


def make_case(case):
    name, seconds, nanoseconds, client_id, key_id, credential, public_ip, key_file = case
    auth, requests = capture(case, STEPS)
    assert (auth.access_token, auth.bearer_token) == (ACCESS_TOKEN, BEARER_TOKEN)
    assert auth.is_connected()

    # connect() must send what the single steps send, or there would be two truths.
    _, connect = capture(case, ["connect"])
    assert [{**r, "step": None} for r in connect] == [{**r, "step": None} for r in requests[: len(connect)]]

    token, _ip, sso = requests[:3]
    return {
        "name": name,
        "now": {"seconds": seconds, "nanoseconds": nanoseconds},
        "client_id": client_id,
        "client_key_id": key_id,
        "credential": credential,
        "public_ip": public_ip,
        "key_file": f"keys/{key_file}",
        "client_assertion": taken_apart(client_assertion(token["body"])),
        "sso_request": taken_apart(sso["body"]),
        "requests": requests,
        "connect_urls": [r["url"] for r in connect],
    }


def main():
    vectors = {
        "made_with": {
            "python": platform.python_version(),
            **{package: version(package) for package in PACKAGES},
        },
        "access_token": ACCESS_TOKEN,
        "bearer_token": BEARER_TOKEN,
        "cases": [make_case(case) for case in CASES],
    }
    path = HERE / "vectors.json"
    path.write_text(json.dumps(vectors, indent=2) + "\n", encoding="ascii")
    print(f"{len(CASES)} cases, {sum(len(c['requests']) for c in vectors['cases'])} requests -> {path.name}")


if __name__ == "__main__":
    main()
