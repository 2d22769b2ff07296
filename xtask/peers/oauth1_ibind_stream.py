"""ibind's WebSocket with its own OAuth 1.0a, unmodified, at the simulator under IBKR's real names. See checks.py.

    oauth1_ibind_stream.py FOLDER ADMIN

FOLDER is what the simulator was told to write its settings into. HTTPS_PROXY and REQUESTS_CA_BUNDLE lead to it.
"""

import os
import sys

from ibind import IbkrClient, events
from ibind.ibkr_ws.ibkr_ws_client import IbkrWsClient
from ibind.subscriptions import MarketDataSubscription, OrdersSubscription, PnlSubscription
from ibind.ws.ws_sinks import CallbackSink

from checks import admin, await_, check, expect, run
from oauth1_settings import ACCOUNT, CONID, ibind_config

FOLDER, ADMIN = sys.argv[1:]

config = ibind_config(FOLDER)
client = IbkrClient(use_oauth=True, account_id=ACCOUNT, oauth_config=config)
ticks, errors = [], []
sink = CallbackSink()
sink.on(events.MarketData, ticks.append)
sink.on(events.IbkrError, errors.append)


def await_tick():
    before = len(ticks)
    await_("market data", lambda: len(ticks) > before, within=25)


@check("start: cookie of a signed tickle, oauth_token, sts")
def _():
    global stream
    # IBKR has no market data for who has not asked.
    client.receive_brokerage_accounts()
    stream = IbkrWsClient(
        account_id=ACCOUNT,
        ibkr_client=client,
        use_oauth=True,
        access_token=config.access_token,
        cacert=os.environ["REQUESTS_CA_BUNDLE"],
        sink=sink,
    )
    expect("start", stream.start(), True)
    expect("is_authenticated", stream.is_authenticated(), True)


@check("market data, orders, profit and loss")
def _():
    market = MarketDataSubscription(conid=str(CONID), fields=["31", "84"])
    for subscription in (market, OrdersSubscription(), PnlSubscription()):
        expect("the subscription is confirmed", stream.subscribe(subscription).wait(15), True)
    await_tick()


@check("the stream is reset: ibind signs anew and hears market data again")
def _():
    opened = admin("GET", "/sockets")["opened"]
    admin("POST", "/sockets", {"end": "reset"})
    await_("a new stream", lambda: admin("GET", "/sockets")["opened"] > opened, within=20)
    await_tick()
    expect("is_authenticated", stream.is_authenticated(), True)


@check("shutdown")
def _():
    expect("errors", errors, [])
    stream.shutdown()
    await_("no stream is left open", lambda: admin("GET", "/sockets")["open"] == 0)


run()
