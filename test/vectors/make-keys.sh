#!/bin/bash
# Makes the keys in test/vectors/keys with OpenSSH's ssh-keygen: ./make-keys.sh [ssh-keygen].
# They are made once and kept; running this again makes other keys, on which the tests must pass as well.
set -eu
keygen=${1:-/opt/openssh-10/bin/ssh-keygen}
cd "$(dirname "$0")"
rm -rf keys
mkdir keys
cd keys

make() { # file, then ssh-keygen's options
  local file=$1
  shift
  "$keygen" -q -f "$file" -C "$file comment" "$@"
}

# plain, in OpenSSH's format
make ed25519 -t ed25519 -N ''
for bits in 256 384 521; do make "ecdsa-$bits" -t ecdsa -b $bits -N ''; done
make rsa-1024 -t rsa -b 1024 -N ''
make rsa-2048 -t rsa -b 2048 -N ''

# with a passphrase, by every cipher
for cipher in 3des-cbc aes128-cbc aes192-cbc aes256-cbc aes128-ctr aes192-ctr aes256-ctr \
  aes128-gcm@openssh.com aes256-gcm@openssh.com chacha20-poly1305@openssh.com; do
  make "encrypted-${cipher%@*}" -t ed25519 -N passphrase -Z "$cipher" -a 2
done
make encrypted-rsa -t rsa -b 1024 -N passphrase
make encrypted-ecdsa -t ecdsa -N passphrase -a 3

# PEM and PKCS#8, plain and encrypted
for type in rsa-1024 ecdsa-256 ecdsa-384 ecdsa-521; do
  for format in PEM PKCS8; do
    cp "$type" "$type.$format" && chmod 600 "$type.$format"
    "$keygen" -q -p -P '' -N '' -m $format -f "$type.$format" > /dev/null
    cp "$type.$format" "$type.$format.encrypted" && chmod 600 "$type.$format.encrypted"
    "$keygen" -q -p -P '' -N passphrase -m $format -f "$type.$format.encrypted" > /dev/null
  done
done

# certificates by every type of authority
for ca in ed25519 ecdsa-256 ecdsa-384 ecdsa-521 rsa-2048; do
  cp ed25519.pub "user-by-$ca.pub"
  "$keygen" -q -s $ca -I "user by $ca" -n alice,bob -z 7 -V 20200101:20400101 "user-by-$ca.pub"
  rm "user-by-$ca.pub"
done
for type in ed25519 ecdsa-256 ecdsa-384 ecdsa-521 rsa-1024; do
  cp $type.pub "host-$type.pub"
  "$keygen" -q -s ed25519 -h -I "host $type" -n 'server.example.com,*.example.org' -z 18446744073709551615 "host-$type.pub"
  rm "host-$type.pub"
done
cp ed25519.pub options.pub
"$keygen" -q -s ed25519 -I options -n alice -O clear -O permit-pty -O force-command='echo forced' \
  -O source-address=192.0.2.0/24,2001:db8::/32 -O critical:own@example.com=value -O extension:flag@example.com options.pub
rm options.pub
"$keygen" -q -s rsa-2048 -t rsa-sha2-256 -I sha256 -n alice ecdsa-256.pub && mv ecdsa-256-cert.pub rsa-sha2-256-cert.pub
"$keygen" -q -s rsa-2048 -t ssh-rsa -I sha1 -n alice ecdsa-256.pub && mv ecdsa-256-cert.pub ssh-rsa-cert.pub

# fingerprints and other forms of public keys
for type in ed25519 ecdsa-256 ecdsa-384 ecdsa-521 rsa-1024 rsa-2048; do
  "$keygen" -l -E sha256 -v -f $type.pub > $type.sha256
  "$keygen" -l -E md5 -v -f $type.pub > $type.md5
  "$keygen" -B -f $type.pub > $type.bubblebabble
  "$keygen" -r host.example.com -f $type.pub > $type.sshfp
  "$keygen" -e -m RFC4716 -f $type.pub > $type.rfc4716
done

# security keys, by the dummy provider of OpenSSH's test suite
export SSH_SK_PROVIDER=${SK_DUMMY:-/opt/openssh-10/regress/misc/sk-dummy/sk-dummy.so}
make sk-ed25519 -t ed25519-sk -N '' -w "$SSH_SK_PROVIDER"
make sk-ecdsa -t ecdsa-sk -N '' -w "$SSH_SK_PROVIDER"
cp ecdsa-256.pub user-sk.pub
"$keygen" -q -s sk-ed25519 -I 'user by sk-ed25519' -n alice user-sk.pub
cp ecdsa-256.pub user-sk-ecdsa.pub
"$keygen" -q -s sk-ecdsa -I 'user by sk-ecdsa' -n alice user-sk-ecdsa.pub
rm user-sk.pub user-sk-ecdsa.pub
cp sk-ed25519.pub sk-ed25519-host.pub
"$keygen" -q -s ed25519 -h -I 'a security key' -n host sk-ed25519-host.pub
rm sk-ed25519-host.pub

# signatures (SSHSIG) of the file message
printf 'a message\n' > message
for type in ed25519 ecdsa-256 ecdsa-384 ecdsa-521 rsa-1024 rsa-2048 sk-ed25519 sk-ecdsa; do
  "$keygen" -q -Y sign -f $type -n test@example.com < message > $type.sshsig
done
"$keygen" -q -Y sign -f ed25519 -n test@example.com -O hashalg=sha256 < message > sha256.sshsig

# openssl's encryptions of the key ecdsa-256
chmod 600 ecdsa-256.PKCS8
encrypt() { openssl pkcs8 -topk8 -in ecdsa-256.PKCS8 -passout pass:passphrase "$@"; }
encrypt -scrypt > openssl-scrypt
encrypt -v2 aes-256-cbc -v2prf hmacWithSHA512 > openssl-aes256
encrypt -v2 des3 -v2prf hmacWithSHA1 > openssl-des3
openssl ec -in ecdsa-256.PEM -des3 -passout pass:passphrase 2> /dev/null > openssl-dek-des3
# key revocation lists
cat > krl-spec << EOF
serial: 1
serial: 3-4
serial: 7
serial: 100-2000
serial: 5000
serial: 18446744073709551614
id: an id
id: another id
EOF
"$keygen" -q -k -f serials.krl -s ed25519.pub -z 42 krl-spec
seq 1 2 4000 | sed 's/^/serial: /' > krl-odd
"$keygen" -q -k -f odd.krl -s rsa-2048.pub krl-odd
{
  echo "key: $(cat ed25519.pub)"
  echo "sha1: $(cat ecdsa-256.pub)"
  echo "sha256: $(cat ecdsa-384.pub)"
  echo "hash: $("$keygen" -l -f rsa-1024.pub | cut -d' ' -f2)"
} > krl-keys
"$keygen" -q -k -f keys.krl krl-keys
"$keygen" -q -k -f certificates.krl user-by-ed25519-cert.pub user-sk-cert.pub
rm krl-spec krl-odd krl-keys

# PuTTY's files, where puttygen is installed
if command -v puttygen > /dev/null; then
  printf passphrase > passphrase
  for type in ed25519 ecdsa-256 ecdsa-384 ecdsa-521 rsa-1024; do
    chmod 600 $type
    for version in 2 3; do
      puttygen $type -O private --ppk-param version=$version -o $type.ppk$version
      puttygen $type -O private --ppk-param version=$version,passes=2,memory=64 --new-passphrase passphrase -o $type.ppk$version.encrypted
    done
  done
  for kdf in argon2i argon2d; do
    puttygen ed25519 -O private --ppk-param kdf=$kdf,passes=3,memory=128,parallelism=2 --new-passphrase passphrase -o ed25519.ppk.$kdf
  done
  rm passphrase
fi
chmod 644 ./*
