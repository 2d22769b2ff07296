#!/bin/sh
# An openssl that fails.
echo "...." >&2
echo "genpkey: Error setting rsa_keygen_bits" >&2
exit 1
