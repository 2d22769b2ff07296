"""Runs a program and says, on a last line of standard output, what the whole process cost.

    run.py PROGRAM [ARGUMENT…]

`process WALL_MICROSECONDS PROCESSOR_MICROSECONDS`: as the system accounts for a child that has ended.
"""

import os
import sys
import time

started = time.perf_counter_ns()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter_ns() - started
print(f"process {wall // 1000} {int((usage.ru_utime + usage.ru_stime) * 1e6)}", flush=True)
sys.exit(os.waitstatus_to_exitcode(status))
