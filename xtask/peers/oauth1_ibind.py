"""ibind's own OAuth 1.0a, unmodified, at the simulator under IBKR's real names. See checks.py.

    oauth1_ibind.py FOLDER ADMIN

FOLDER is what the simulator was told to write its settings into. HTTPS_PROXY and REQUESTS_CA_BUNDLE lead to it.
"""

import base64
import sys
import time

from ibind import ExternalBrokerError, IbkrClient
from ibind.client.ibkr_utils import OrderRequest
from ibind.oauth.oauth1a import validate_live_session_token

from checks import admin, await_, check, expect, expect_in, run
from oauth1_settings import ACCOUNT, CONID, ibind_config

FOLDER, ADMIN = sys.argv[1:]
DAY = 86_400

config = ibind_config(FOLDER)


def login(**changes):
    """What its users write. The constructor logs in, unless told otherwise."""
    return IbkrClient(use_oauth=True, account_id=ACCOUNT, oauth_config=config.copy(**changes))


def requests(step):
    """How often the simulator was asked for this."""
    return admin("GET", "/counters")["sim"]["requests"].get(step, 0)


@check("generate_live_session_token: twenty bytes that prove themselves")
def _():
    bare = login(init_oauth=False)
    bare.generate_live_session_token()
    token, signature = bare.live_session_token, bare.live_session_token_signature
    expect("its bytes", len(base64.b64decode(token)), 20)
    expect("the proof", validate_live_session_token(token, signature, config.consumer_key), True)
    seconds = bare.live_session_token_expires_ms / 1000 - time.time()
    expect("it lives for a day", DAY - 60 < seconds < DAY + 60, True)


@check("IbkrClient: live session token and brokerage session")
def _():
    global client
    client = login()


@check("authentication_status, check_auth_status")
def _():
    expect("authenticated", client.authentication_status().data["authenticated"], True)
    expect("check_auth_status", client.check_auth_status(), True)


@check("tickle, check_health")
def _():
    first = client.tickle().data["session"]
    time.sleep(1.1)
    expect("session", client.tickle().data["session"], first)
    time.sleep(1.1)
    expect("check_health", client.check_health(), True)
    return f"session of {len(first)} characters"


@check("the tickler tickles by itself")
def _():
    before = requests("tickle")
    client.start_tickler(interval=1.5)
    await_("two tickles", lambda: requests("tickle") > before + 1)
    client.stop_tickler()


@check("GET: portfolio_accounts, receive_brokerage_accounts")
def _():
    expect("accountId", client.portfolio_accounts().data[0]["accountId"], ACCOUNT)
    expect_in("accounts", ACCOUNT, client.receive_brokerage_accounts().data["accounts"])


@check("GET with a query, not signed: live_marketdata_snapshot")
def _():
    expect("conid", client.live_marketdata_snapshot([str(CONID)], ["31", "84"]).data[0]["conid"], CONID)


@check("GET with a query of a space and a slash")
def _():
    client.search_contract_by_symbol("BRK B/x", sec_type="STK")


@check("POST with a body: place_order, and its answer by reply")
def _():
    order = OrderRequest(
        conid=CONID, side="BUY", quantity=1, order_type="LMT", price=1.0, acct_id=ACCOUNT, coid="one", tif="DAY"
    )
    placed = client.place_order(order, {"exceeds the price percentage limit": True}).data
    expect("order_status", placed["order_status"], "Submitted")
    expect("executed", sum(entry["times"] for entry in admin("GET", "/orders") if entry["coid"] == "one"), 1)
    client.placed = placed["order_id"]


@check("DELETE: cancel_order")
def _():
    expect("order_id", str(client.cancel_order(client.placed, ACCOUNT).data["order_id"]), client.placed)


@check("a new live session token in the same client, and on it goes")
def _():
    old = client.live_session_token
    client.oauth_init(maintain_oauth=False, init_brokerage_session=True)
    expect("another token", client.live_session_token != old, True)
    expect("check_auth_status", client.check_auth_status(), True)


for what, changes in [
    ("signed with another key", {"signature_key_fp": config.encryption_key_fp}),
    ("another consumer", {"consumer_key": "NOBODYSKY"}),
    ("another access token", {"access_token": "0" * 20}),
]:

    @check(f"refused, as it has to be: {what}")
    def _(changes=changes):
        try:
            login(**changes)
        except ExternalBrokerError as error:
            expect("status_code", error.status_code, 401)
        else:
            raise AssertionError("it logged in")


@check("oauth_shutdown: logout")
def _():
    # IBKR takes ten requests a second.
    time.sleep(1.1)
    client.oauth_shutdown()


run()
