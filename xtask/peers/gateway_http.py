"""HTTP libraries, curl, and the requests of ibproxy's users against the gateway. See gateway_checks.py."""

import json
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request

import httpx
import requests

from gateway_checks import CERTIFICATE, CONID, ORIGIN, check, expect, expect_in, run

API = ORIGIN + "/v1/api"
TRUSTED = ssl.create_default_context(cafile=CERTIFICATE)


@check("requests: verified, kept alive, POST without a body")
def _():
    with requests.Session() as session:
        session.verify = CERTIFICATE
        for _ in range(5):
            answer = session.post(f"{API}/tickle", timeout=10)
            expect("status", answer.status_code, 200)
            expect_in("tickle", "ssoExpires", answer.json())
        pools = session.get_adapter(API).poolmanager.pools
        expect("connections", sum(pools[key].num_connections for key in pools.keys()), 1)


@check("requests: by address, IPv4")
def _():
    answer = requests.get(API.replace("localhost", "127.0.0.1") + "/tickle", verify=CERTIFICATE, timeout=10)
    expect("status", answer.status_code, 200)


@check("requests: another certificate is not trusted")
def _():
    try:
        requests.get(f"{API}/tickle", timeout=10)
    except requests.exceptions.SSLError:
        return
    raise AssertionError("it was trusted")


@check("httpx: verified, kept alive; HTTP/1.1")
def _():
    with httpx.Client(verify=TRUSTED, timeout=10) as client:
        for _ in range(5):
            answer = client.get(f"{API}/iserver/auth/status")
            expect("status", answer.status_code, 200)
            expect("version", answer.http_version, "HTTP/1.1")
        pool = client._transport._pool
        expect("connections", len(pool.connections), 1)


@check("httpx: a form body and a JSON body reach IBKR as they are")
def _():
    with httpx.Client(verify=TRUSTED, timeout=10) as client:
        form = client.post(f"{API}/trsrv/secdef", data={"conids": CONID})
        body = client.post(f"{API}/iserver/secdef/search", json={"symbol": "AAPL"})
        expect("form", form.status_code, 200)
        expect("JSON", str(body.json()[0]["conid"]), str(CONID))


@check("urllib, as ibeam uses it: Connection: close")
def _():
    for path in ("/v1/api/tickle", "/v1/portal/iserver/auth/status"):
        request = urllib.request.Request(ORIGIN + path, data=b"", method="POST")
        with urllib.request.urlopen(request, context=TRUSTED, timeout=15) as answer:
            expect("status", answer.status, 200)
            expect("connection", (answer.headers["Connection"] or "").lower(), "close")
            json.load(answer)


@check("curl: verified, one connection for three requests")
def _():
    curl = shutil.which("curl")
    if curl is None:
        return "there is no curl: skipped"
    command = [curl, "--silent", "--show-error", "--cacert", CERTIFICATE, "--write-out", "%{num_connects} "]
    for path in ("one/user", "tickle", "iserver/auth/status"):
        command += ["--output", "/dev/null", "--fail", f"{API}/{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    expect("what curl says", (done.returncode, done.stderr), (0, ""))
    expect("connections", done.stdout.split(), ["1", "0", "0"])


# ibproxy 0.2.1 passes any path and verb on as it came, and answers gzip from 100 bytes on. Its users send what
# follows, from its README and its tests; nothing of it asks for a header of its own.
def proxied(method, path, **more):
    with httpx.Client(verify=TRUSTED, timeout=30) as client:
        return client.request(method, ORIGIN + path, **more)


@check("ibproxy: GET with a query, any path below /v1/api")
def _():
    answers = [
        proxied("GET", "/v1/api/iserver/accounts"),
        proxied("GET", "/v1/api/portfolio/accounts"),
        proxied("GET", f"/v1/api/iserver/marketdata/snapshot?conids={CONID}&fields=31,84"),
        proxied("GET", f"/v1/api/iserver/marketdata/history?conid={CONID}&period=1d&bar=1h"),
        proxied("GET", "/v1/api/iserver/secdef/search", params={"symbol": "AAPL"}),
    ]
    expect("status", [answer.status_code for answer in answers], [200] * 5)
    [answer.json() for answer in answers]


@check("ibproxy: POST with JSON; an Authorization of one's own is replaced")
def _():
    headers = {"Authorization": "Bearer stale", "X-Request-ID": "abc"}
    answer = proxied("POST", "/v1/api/iserver/auth/status", json={}, headers=headers)
    expect("status", answer.status_code, 200)


@check("ibproxy: compressed answers are taken")
def _():
    answer = proxied("GET", "/v1/api/trsrv/secdef?conids=265598", headers={"Accept-Encoding": "gzip, deflate"})
    expect("status", answer.status_code, 200)
    return answer.headers.get("content-encoding", "not compressed")


@check("ibproxy: IBKR's errors keep their status (there 502)")
def _():
    answer = proxied("GET", "/v1/api/no/such/thing")
    expect("status", answer.status_code, 404)


@check("ibproxy's own /status /health /uptime /docs: 404 in JSON")
def _():
    for path in ("/status", "/health", "/uptime", "/docs", "/openapi.json"):
        answer = proxied("GET", path)
        expect(path, answer.status_code, 404)
        expect_in(path, "error", answer.json())
    expect("/reset", proxied("POST", "/reset").status_code, 404)


@check("in their place: /healthz, /readyz, /gateway/state")
def _():
    expect("/healthz", proxied("GET", "/healthz").text, "OK")
    expect("/readyz", proxied("GET", "/readyz").text, "OK")
    state = proxied("GET", "/gateway/state").json()
    expect("phase", state["phase"]["name"], "connected")
    expect_in("state", "started", state)


run()
