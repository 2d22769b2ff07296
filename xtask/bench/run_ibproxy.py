"""Runs the published ibproxy 0.2.1 in front of a server of this machine, without IBKR's limits.

    run_ibproxy.py CONFIG PORT SERVER_PORT

Its journal is off and its log silent: both would cost it more. The file that sets up its log is missing in what
was published, so that as it is it does not start at all.
"""

import builtins
import io
import logging
import socket
import sys
from asyncio.base_events import BaseEventLoop as Loop

config, port, server_port = sys.argv[1:]
SILENT = "version: 1\nroot: {level: CRITICAL}\nloggers: {ibauth: {level: CRITICAL}}\n"
NAMES = ("api.ibkr.com", "api.ipify.org")
really_open, really_look_up, really_connect = builtins.open, socket.getaddrinfo, Loop.create_connection


def open_(file, *args, **kwargs):
    if str(file).endswith("logging.yaml"):
        return io.StringIO(SILENT)
    return really_open(file, *args, **kwargs)


def look_up(host, *args, **kwargs):
    name = host.decode() if isinstance(host, bytes) else host
    return really_look_up("127.0.0.1" if name in NAMES else host, *args, **kwargs)


async def connect(loop, protocol, host, port, **kwargs):
    """IBKR's names lead to the server of this machine."""
    return await really_connect(loop, protocol, host, int(server_port) if port == 443 else port, **kwargs)


builtins.open, socket.getaddrinfo, Loop.create_connection = open_, look_up, connect

import ibproxy.const

ibproxy.const.RATE_LIMIT = ibproxy.const.RATE_LIMIT_BURST = 1e9

import ibproxy.main

logging.disable(logging.CRITICAL)
options = ["--port", port, "--tickle-mode", "off", "--disable-journal"]
sys.argv = ["ibproxy", "--config", config, *options]
ibproxy.main.main()
