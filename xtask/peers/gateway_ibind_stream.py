"""ibind's WebSocket client, unmodified, with the gateway in place of the Java one. See gateway_checks.py."""

import os
import threading

from ibind import IbkrClient, events
from ibind.ibkr_ws.ibkr_ws_client import IbkrWsClient
from ibind.subscriptions import MarketDataSubscription, OrdersSubscription, PnlSubscription
from ibind.ws.ws_sinks import CallbackSink

from gateway_checks import ACCOUNT, CONID, PORT, admin, await_, check, expect, run


class Client:
    """A client of ibind's, and what it heard."""

    def __init__(self):
        self.ticks = 0
        self.errors = []
        sink = CallbackSink()
        sink.on(events.MarketData, self.tick)
        sink.on(events.IbkrError, self.errors.append)
        rest = IbkrClient(url=f"https://127.0.0.1:{PORT}/v1/api/", cacert=False, account_id=ACCOUNT)
        url = f"wss://127.0.0.1:{PORT}/v1/api/ws"
        self.ws = IbkrWsClient(account_id=ACCOUNT, url=url, ibkr_client=rest, cacert=False, sink=sink)

    def tick(self, _event):
        self.ticks += 1

    def await_tick(self):
        before = self.ticks
        await_("market data", lambda: self.ticks > before, within=25)

    def subscribe(self, subscription):
        handle = self.ws.subscribe(subscription)
        expect("the subscription is confirmed", handle.wait(15), True)


one, other = Client(), Client()


@check("start: cookie of tickle, open, sts")
def _():
    expect("start", one.ws.start(), True)
    expect("is_authenticated", one.ws.is_authenticated(), True)


@check("market data")
def _():
    one.subscribe(MarketDataSubscription(conid=str(CONID), fields=["31", "84"]))
    one.await_tick()


@check("orders, profit and loss")
def _():
    one.subscribe(OrdersSubscription())
    one.subscribe(PnlSubscription())


@check("a second client")
def _():
    expect("start", other.ws.start(), True)
    other.subscribe(MarketDataSubscription(conid=str(CONID), fields=["31"]))
    other.await_tick()
    wanted = 1 if os.environ["SHARES_STREAM"] == "true" else 2
    expect("streams to IBKR", admin("GET", "/sockets")["open"], wanted)


@check("one client unsubscribes, the other still hears")
def _():
    handle = other.ws.unsubscribe(MarketDataSubscription(conid=str(CONID), fields=["31"]))
    expect("the end is confirmed", handle.wait(15), True)
    one.await_tick()


for what, end in [("reset", "reset"), ("closed by IBKR", {"close": 1001})]:

    @check(f"the stream to IBKR is {what}: ibind hears market data again")
    def _(end=end):
        opened = admin("GET", "/sockets")["opened"]
        admin("POST", "/sockets", {"end": end})
        await_("a new stream to IBKR", lambda: admin("GET", "/sockets")["opened"] > opened, within=20)
        one.await_tick()
        expect("is_authenticated", one.ws.is_authenticated(), True)


@check("shutdown")
def _():
    expect("errors", one.errors + other.errors, [])
    # websocket-client's thread looks every 10 s whether it is to end, and ibind has only 5 s for it.
    threads = [threading.Thread(target=client.ws.shutdown) for client in (one, other)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    if os.environ["SHARES_STREAM"] != "true":
        # The shared one is kept for a while, for who comes next.
        await_("no stream is left open", lambda: admin("GET", "/sockets")["open"] == 0)


run()
