#!/bin/sh
# An openssl that writes something else.
echo "-----BEGIN RUBBISH-----"
