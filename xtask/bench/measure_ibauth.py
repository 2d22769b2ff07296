"""The same as tests/bench.rs, with the installed ibauth: 0.0.8 (blocking) or 0.1.6 (async).

    measure_ibauth.py login CONFIG
    measure_ibauth.py keep CONFIG FIRST_USER SESSIONS TICKLES
    measure_ibauth.py key FOLDER

`login` prints `login WALL_MICROSECONDS PROCESSOR_MICROSECONDS`, without interpreter and imports. `keep` logs in users
from FIRST_USER on and tickles each so many times, one after the other without a pause, which is when a tickle costs
least; it prints `keep TICKLES PROCESSOR_MICROSECONDS KIB_BEFORE KIB_WHEN_LOGGED_IN`. `key` writes a pair of keys.
"""

import asyncio
import inspect
import os
import sys
import time

import ibauth


async def connected(auth):
    # The constructor of 0.0.8 has done it.
    if hasattr(auth, "connect"):
        await auth.connect()
    return auth


def login(config):
    wall, processor = time.perf_counter_ns(), time.process_time_ns()
    auth = asyncio.run(connected(ibauth.auth_from_yaml(config)))
    wall, processor = time.perf_counter_ns() - wall, time.process_time_ns() - processor
    assert auth.bearer_token
    print(f"login {wall // 1000} {processor // 1000}")


def memory():
    """What this process has to itself, and its part of what it shares, in KiB."""
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:"))


async def keep(config, first, sessions, tickles):
    import yaml

    with open(config) as file:
        given = yaml.safe_load(file)
    names = ("client_id", "client_key_id", "private_key_file")
    settings = {name: given[name] for name in names}
    before = memory()
    kept = []
    for user in range(first, first + sessions):
        kept.append(await connected(ibauth.IBAuth(credential=f"user{user}", **settings)))
    ready = memory()
    processor = time.process_time_ns()
    for _ in range(tickles):
        for auth in kept:
            answer = auth.tickle()
            if inspect.isawaitable(answer):
                await answer
            assert auth.authenticated
    processor = time.process_time_ns() - processor
    print(f"keep {sessions * tickles} {processor // 1000} {before} {ready}")


def key(folder):
    from cryptography.hazmat.primitives import serialization as s
    from cryptography.hazmat.primitives.asymmetric import rsa

    private = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    text = private.private_bytes(s.Encoding.PEM, s.PrivateFormat.PKCS8, s.NoEncryption())
    public = private.public_key().public_bytes(s.Encoding.PEM, s.PublicFormat.SubjectPublicKeyInfo)
    for name, content in (("private.pem", text), ("public.pem", public)):
        with open(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)


mode, place, *numbers = sys.argv[1:]
if mode == "keep":
    asyncio.run(keep(place, *map(int, numbers)))
else:
    {"login": login, "key": key}[mode](place)
