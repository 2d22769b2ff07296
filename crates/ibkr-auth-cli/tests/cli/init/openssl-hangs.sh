#!/bin/sh
# An openssl that never ends.
exec sleep 600
