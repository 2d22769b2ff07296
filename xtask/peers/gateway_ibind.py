"""ibind's REST client, unmodified, with the gateway in place of the Java one. See gateway_checks.py."""

import time

from ibind import ExternalBrokerError, IbkrClient
from ibind.client.ibkr_utils import OrderRequest

from gateway_checks import ACCOUNT, CERTIFICATE, CONID, PORT, admin, check, expect, expect_in, run

URL = f"https://127.0.0.1:{PORT}/v1/api/"

# What the simulator asks about each order.
ANSWERS = {"exceeds the price percentage limit": True}

client = IbkrClient(url=URL, cacert=False, account_id=ACCOUNT)
careful = IbkrClient(url=URL, cacert=CERTIFICATE, account_id=ACCOUNT)


def order(coid):
    return OrderRequest(
        conid=CONID, side="BUY", quantity=1, order_type="LMT", price=1.0, acct_id=ACCOUNT, coid=coid, tif="DAY"
    )


def executed(coid):
    """How often the simulator carried out the order of this name."""
    return sum(entry["times"] for entry in admin("GET", "/orders") if entry["coid"] == coid)


@check("check_health, unverified")
def _():
    expect("check_health", client.check_health(), True)


@check("check_health, verified with the gateway's PEM")
def _():
    expect("check_health", careful.check_health(), True)


@check("tickle: session, ssoExpires, userId, authStatus")
def _():
    first, second = client.tickle().data, careful.tickle().data
    expect("session", second["session"], first["session"])
    for name in ("ssoExpires", "userId", "collission"):
        expect_in("tickle", name, first)
    return f"session of {len(first['session'])} characters"


@check("authentication_status, check_auth_status")
def _():
    expect("authenticated", client.authentication_status().data["authenticated"], True)
    expect("check_auth_status", client.check_auth_status(), True)


@check("initialize_brokerage_session")
def _():
    expect("connected", client.initialize_brokerage_session(compete=False).data["connected"], True)


@check("validate")
def _():
    expect("RESULT", client.validate().data["RESULT"], True)


@check("portfolio_accounts")
def _():
    expect("accountId", client.portfolio_accounts().data[0]["accountId"], ACCOUNT)


@check("receive_brokerage_accounts")
def _():
    expect_in("accounts", ACCOUNT, client.receive_brokerage_accounts().data["accounts"])


@check("search_contract_by_symbol")
def _():
    expect("conid", str(client.search_contract_by_symbol("AAPL").data[0]["conid"]), str(CONID))


@check("live_marketdata_snapshot")
def _():
    snapshot = client.live_marketdata_snapshot([str(CONID)], ["31", "84"]).data[0]
    expect("conid", snapshot["conid"], CONID)


@check("place_order, asked about and confirmed by reply")
def _():
    placed = client.place_order(order("asked"), ANSWERS).data
    expect("order_status", placed["order_status"], "Submitted")
    expect("executed", executed("asked"), 1)
    client.placed = placed["order_id"]


@check("live_orders")
def _():
    orders = client.live_orders().data["orders"]
    expect("order_ref", orders[0]["order_ref"], "asked")


@check("cancel_order")
def _():
    expect("order_id", str(client.cancel_order(client.placed, ACCOUNT).data["order_id"]), client.placed)


@check("suppress_messages")
def _():
    expect("status", client.suppress_messages(["o163"]).data["status"], "submitted")


@check("an order that IBKR answers after 12 s: 504 before ibind retries")
def _():
    admin("POST", "/faults", {"on": "place-order", "do": {"delay_ms": 12_000}})
    started = time.monotonic()
    try:
        client.place_order(order("late"), ANSWERS)
    except ExternalBrokerError as error:
        took = time.monotonic() - started
        expect("status_code", error.status_code, 504)
        expect_in("what ibind is told", '"executed":null', str(error))
        if not 9 < took < 10:
            raise
    else:
        raise AssertionError("the order was answered")
    finally:
        admin("DELETE", "/faults")
    expect("executed", executed("late"), 1)
    return "executed once"


@check("the connection of an order breaks: ibind is told, and sends it once")
def _():
    admin("POST", "/faults", {"on": "place-order", "do": {"reset": True, "processed": True}})
    try:
        client.place_order(order("broken"), ANSWERS)
    except ExternalBrokerError as error:
        expect("status_code", error.status_code, 502)
        expect_in("what ibind is told", '"executed":null', str(error))
    else:
        raise AssertionError("the order was answered")
    finally:
        admin("DELETE", "/faults")
    expect("executed", executed("broken"), 1)


@check("reauthenticate")
def _():
    expect("message", client.reauthenticate().data["message"], "triggered")
    expect("check_health", client.check_health(), True)


@check("logout ends the session for all")
def _():
    expect("status", client.logout().data["status"], True)
    expect("check_health", careful.check_health(), False)


@check("initialize_brokerage_session brings it back")
def _():
    expect("authenticated", client.initialize_brokerage_session(compete=False).data["authenticated"], True)
    expect("check_health", careful.check_health(), True)


run()
