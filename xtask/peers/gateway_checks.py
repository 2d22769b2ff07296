"""What the scripts that are clients of the gateway share.

    SCRIPT PORT CERTIFICATE ADMIN

PORT is the gateway's, CERTIFICATE the file of what it shows, ADMIN the address of the simulator's admin port.
"""

import sys

from checks import Wrong, admin, await_, check, expect, expect_in, run  # noqa: F401, for the scripts

PORT, CERTIFICATE, ADMIN = sys.argv[1:]
ORIGIN = f"https://localhost:{PORT}"
ACCOUNT = "DU1234567"
CONID = 265598
