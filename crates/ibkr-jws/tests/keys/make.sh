#!/bin/sh
# Makes the keys of these tests anew, with OpenSSL 3. None of them opens anything.
set -eu
cd "$(dirname "$0")"
rsa() { openssl genpkey -algorithm RSA -out "$@"; }
for bits in 1024 2047 2048 2560 3072 4096 8192; do rsa "rsa$bits.pem" -pkeyopt "rsa_keygen_bits:$bits"; done
rsa exponent3.pem -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3
rsa primes3.pem -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_primes:3
openssl genpkey -algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048 -out rsa_pss.pem
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ec.pem
openssl genpkey -algorithm ED25519 -out ed25519.pem
openssl ec -in ec.pem -out ec_sec1.pem 2>/dev/null
openssl rsa -in rsa3072.pem -traditional -out pkcs1.pem 2>/dev/null
openssl rsa -in rsa3072.pem -traditional -aes256 -passout pass:secret -out legacy_encrypted.pem 2>/dev/null
openssl pkey -in rsa3072.pem -pubout -out public.pem
openssl pkcs8 -topk8 -in rsa3072.pem -passout pass:secret -out encrypted.pem
openssl pkcs8 -topk8 -in rsa3072.pem -passout pass:secret -scrypt -out encrypted_scrypt.pem
openssl pkcs8 -topk8 -in rsa3072.pem -passout pass:secret -v2 des3 -out encrypted_3des.pem
openssl pkcs8 -topk8 -in rsa3072.pem -passout pass:secret -v1 PBE-SHA1-3DES -out encrypted_pbes1.pem
openssl pkcs8 -topk8 -in rsa3072.pem -passout pass:secret -v2 aes-256-cbc -v2prf hmacWithSHA1 -out encrypted_sha1.pem
for kind in rsa ed25519; do
    rm -f "openssh_$kind" && ssh-keygen -q -t "$kind" -N '' -C '' -f "openssh_$kind" && rm "openssh_$kind.pub"
    mv "openssh_$kind" "openssh_$kind.pem"
done
