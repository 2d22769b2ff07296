#!/bin/sh
# Makes the files of these tests anew, with OpenSSL 3 (minutes: two safe primes). None of them opens anything.
set -eu
cd "$(dirname "$0")"
rsa() { openssl genpkey -algorithm RSA -out "$@"; }
for bits in 512 1024 1025 2047 2048 3072 4096 4104; do rsa "rsa$bits.pem" -pkeyopt "rsa_keygen_bits:$bits"; done
rsa another2048.pem -pkeyopt rsa_keygen_bits:2048
rsa exponent3.pem -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3
rsa primes3.pem -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_primes:3
openssl rsa -in rsa2048.pem -traditional -out pkcs1.pem 2>/dev/null
openssl pkcs8 -topk8 -in rsa2048.pem -passout pass:secret -out encrypted.pem
openssl pkey -in rsa2048.pem -pubout -out public.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem

# Access token secrets as IBKR gives them out. The secret of each: bytes that count from 0.
secret() { i=0; while [ "$i" -lt "$1" ]; do printf "\\$(printf %03o "$i")"; i=$((i + 1)); done; }
encrypted() { openssl pkeyutl -encrypt -inkey "$1.pem" -pkeyopt rsa_padding_mode:pkcs1 | base64 -w0; }
for bits in 1024 1025 2047 2048 3072 4096; do secret 32 | encrypted "rsa$bits" > "rsa$bits.secret"; done
secret 1 | encrypted rsa2048 > shortest.secret
secret 245 | encrypted rsa2048 > longest.secret

openssl dhparam -out dh_generator2.pem -2 2048 2>/dev/null
openssl dhparam -out dh_generator5.pem -5 2048 2>/dev/null
# Of another kind, by its label.
openssl dhparam -out dh_x942.pem -dsaparam 2048 2>/dev/null
