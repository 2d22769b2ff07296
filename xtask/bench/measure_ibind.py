"""The same as tests/bench.rs, with the installed ibind and its OAuth 1.0a.

    measure_ibind.py login FOLDER
    measure_ibind.py signed FOLDER

FOLDER holds what the simulator writes for OAuth 1.0a. `login` prints `login WALL_MICROSECONDS PROCESSOR_MICROSECONDS`
from the settings to the open brokerage session, without interpreter and imports, and without its tickler. `signed`
prints `signed MICROSECONDS`, the median for the headers of a request.
"""

import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "peers"))

from ibind import IbkrClient  # noqa: E402
from ibind.oauth.oauth1a import generate_oauth_headers  # noqa: E402

from oauth1_settings import ibind_config  # noqa: E402


def login(folder):
    wall, processor = time.perf_counter_ns(), time.process_time_ns()
    client = IbkrClient(use_oauth=True, oauth_config=ibind_config(folder))
    wall, processor = time.perf_counter_ns() - wall, time.process_time_ns() - processor
    assert client.live_session_token
    print(f"login {wall // 1000} {processor // 1000}")


def signed(folder):
    config, took = ibind_config(folder), []
    for _ in range(2000):
        started = time.perf_counter_ns()
        generate_oauth_headers(config, "POST", "https://api.ibkr.com/v1/api/tickle", "vF0KfK5239p+7JfUbJmqFJFGkCE=")
        took.append(time.perf_counter_ns() - started)
    print(f"signed {statistics.median(took) / 1000:.2f}")


mode, place = sys.argv[1:]
{"login": login, "signed": signed}[mode](place)
