/**
 * What it takes at least to move bytes in OpenSSH's packets of aes128-gcm from within Node: the C library and Node's libcrypto, called by
 * koffi, with neither an event loop nor anything of tsh. The packets are as long as OpenSSH's, sealed and opened in place, and all alike:
 * one key, one nonce, nothing that is secret.
 *
 *   node bare-gcm.cjs up|down PORT BYTES     sends what it reads, or writes what it receives; BYTES is a multiple of 1 MiB
 *   node bare-gcm.cjs sink|source            the other end: tells its port on stdout, and ends with stdin
 */
'use strict';
const { createCipheriv } = require('node:crypto');
const net = require('node:net');
const koffi = require('koffi');

const dataBytes = 32768;
const lengthBytes = 4;
/** The padding's length, the message's number, the channel and the data's length. */
const headBytes = 10;
const tagBytes = 16;
/** The padding's bytes make whole blocks of it. */
const packetBytes = headBytes + dataBytes + 6;
const sealedBytes = lengthBytes + packetBytes + tagBytes;
/** So many packets are read or written at once. */
const batch = 32;

/** What C is given the address of: the collector frees what nobody holds. */
const held = [];

const [mode, port, size] = process.argv.slice(2);
if (mode === 'up' || mode === 'down') move(mode === 'up');
else bePeer(mode === 'source');

function move(isUp) {
  const libc = koffi.load(null);
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const connect = libc.func('int connect(int fd, const void *address, uint32_t length)');
  const shutdown = libc.func('int shutdown(int fd, int how)');
  const read = libc.func('long read(int fd, uint64_t bytes, size_t length)');
  const write = libc.func('long write(int fd, uint64_t bytes, size_t length)');
  const readv = libc.func('long readv(int fd, uint64_t parts, int count)');
  const writev = libc.func('long writev(int fd, uint64_t parts, int count)');

  const packets = hold(batch * sealedBytes);
  const zeros = hold(32);
  const count = hold(8);
  // struct iovec: where each packet's data is
  const parts = hold(batch * 16);
  for (let i = 0; i < batch; i++) {
    parts.bytes.writeBigUInt64LE(BigInt(packets.at + i * sealedBytes + lengthBytes + headBytes), i * 16);
    parts.bytes.writeBigUInt64LE(BigInt(dataBytes), i * 16 + 8);
    packets.bytes.writeUInt32BE(packetBytes, i * sealedBytes);
  }

  const turn = gcm(isUp, zeros.at, count.at);
  const address = Buffer.from([2, 0, port >> 8, port & 0xff, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
  const fd = socket(2, 1, 0);
  if (connect(fd, address, address.length) !== 0) throw new Error(`nobody listens on port ${port}`);
  const whole = (call, length) => {
    for (let done = 0; done < length; ) {
      const moved = call(fd, packets.at + done, length - done);
      if (moved <= 0) throw new Error('the connection has ended');
      done += moved;
    }
  };
  for (let left = Number(size); left > 0; left -= batch * dataBytes) {
    if (isUp && readv(0, parts.at, batch) !== batch * dataBytes) throw new Error('too little to read');
    if (!isUp) whole(read, batch * sealedBytes);
    for (let i = 0; i < batch; i++) turn(packets.at + i * sealedBytes);
    if (isUp) whole(write, batch * sealedBytes);
    else if (writev(1, parts.at, batch) !== batch * dataBytes) throw new Error('too little was written');
  }
  shutdown(fd, 1);
  if (isUp) read(fd, packets.at, 1);
}

/** Seals or opens the packet at an address. */
function gcm(isSealing, key, count) {
  const libcrypto = koffi.load(process.config.variables.node_shared_openssl ? 'libcrypto.so.3' : null);
  const EVP_CIPHER_fetch = libcrypto.func('uint64_t EVP_CIPHER_fetch(void *library, const char *name, const char *properties)');
  const EVP_CIPHER_CTX_new = libcrypto.func('uint64_t EVP_CIPHER_CTX_new()');
  const init = libcrypto.func('int EVP_CipherInit_ex(uint64_t, uint64_t cipher, uint64_t, uint64_t key, uint64_t iv, int seal)');
  const update = libcrypto.func('int EVP_CipherUpdate(uint64_t, uint64_t output, uint64_t count, uint64_t input, int length)');
  const final = libcrypto.func('int EVP_CipherFinal_ex(uint64_t, uint64_t output, uint64_t count)');
  const control = libcrypto.func('int EVP_CIPHER_CTX_ctrl(uint64_t, int command, int number, uint64_t bytes)');
  const [GET_TAG, SET_TAG] = [0x10, 0x11];
  const seal = isSealing ? 1 : 0;
  const context = Number(EVP_CIPHER_CTX_new());
  init(context, Number(EVP_CIPHER_fetch(null, 'AES-128-GCM', null)), 0, key, key, seal);
  return (at) => {
    const packet = at + lengthBytes;
    const tag = packet + packetBytes;
    init(context, 0, 0, 0, key, seal);
    update(context, 0, count, at, lengthBytes);
    update(context, packet, count, packet, packetBytes);
    if (!isSealing) control(context, SET_TAG, tagBytes, tag);
    if (final(context, tag, count) !== 1) throw new Error('a packet does not authenticate');
    if (isSealing) control(context, GET_TAG, tagBytes, tag);
  };
}

/** Memory for C, which stays where it is. */
function hold(length) {
  const bytes = Buffer.from(new ArrayBuffer(length));
  held.push(bytes);
  return { bytes, at: Number(koffi.address(bytes.buffer)) };
}

function bePeer(isSource) {
  const server = net.createServer((client) => {
    client.on('error', () => client.destroy());
    client.resume();
    if (isSource) sendForEver(client);
  });
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
  process.stdin.on('end', () => process.exit());
  process.stdin.resume();
}

function sendForEver(client) {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32BE(packetBytes);
  const cipher = createCipheriv('aes-128-gcm', Buffer.alloc(16), Buffer.alloc(12)).setAAD(length);
  const packet = Buffer.concat([length, cipher.update(Buffer.alloc(packetBytes)), cipher.final(), cipher.getAuthTag()]);
  const packets = Buffer.concat(Array.from({ length: batch }, () => packet));
  const send = () => {
    while (client.writable && client.write(packets));
  };
  client.on('drain', send);
  send();
}
