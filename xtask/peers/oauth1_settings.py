"""What the simulator writes for a client of OAuth 1.0a, as ibind wants it."""

import base64
import re
from pathlib import Path

from Crypto.Util.asn1 import DerSequence
from ibind.oauth.oauth1a import OAuth1aConfig

ACCOUNT = "DU1234567"
CONID = 265598


def settings(folder):
    """The names and values of its oauth1.yaml."""
    text = Path(folder, "oauth1.yaml").read_text()
    return {name: value.strip("'") for name, value in re.findall(r"^(\w+): (.*)$", text, re.MULTILINE)}


def dh(file):
    """Prime, in hexadecimal digits, and generator."""
    lines = Path(file).read_text().splitlines()
    text = "".join(line for line in lines if not line.startswith("-"))
    prime, generator, *_ = DerSequence().decode(base64.b64decode(text))
    return f"{prime:x}", generator


def ibind_config(folder):
    given = settings(folder)
    prime, generator = dh(given["oauth1_dh_param_file"])
    return OAuth1aConfig(
        consumer_key=given["oauth1_consumer_key"],
        access_token=given["oauth1_access_token"],
        access_token_secret=given["oauth1_access_token_secret"],
        signature_key_fp=given["private_key_file"],
        encryption_key_fp=given["oauth1_encryption_key_file"],
        dh_prime=prime,
        dh_generator=str(generator),
        # Its tickler and its logout at the end come when a check asks for them.
        maintain_oauth=False,
        shutdown_oauth=False,
    )
