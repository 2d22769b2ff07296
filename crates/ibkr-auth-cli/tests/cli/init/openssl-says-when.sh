#!/bin/sh
# An openssl that says through the file $FAKE_SIGN that it runs, and takes its time.
echo >"$FAKE_SIGN"
exec sleep 5
