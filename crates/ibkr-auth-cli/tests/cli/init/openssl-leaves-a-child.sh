#!/bin/sh
# An openssl that ends, and leaves somebody behind who holds its output open.
sleep 5 &
exit 0
