/**
 * What typing takes at least from within Node: a terminal in raw mode, a socket, and nothing between them.
 *
 *   node bare-relay.cjs PORT     relays until a ^D comes back
 */
'use strict';
const fs = require('node:fs');
const net = require('node:net');
const tty = require('node:tty');

const [port] = process.argv.slice(2);
const END = 4;
const buffer = Buffer.alloc(4096);
const terminal = new tty.ReadStream(0).setRawMode(true);
const onread = {
  buffer,
  callback: (length) => {
    fs.writeSync(1, buffer, 0, length);
    if (buffer[length - 1] === END) process.exit();
    return true;
  },
};
const socket = net.connect({ host: '127.0.0.1', port: Number(port), noDelay: true, onread }, () => {
  terminal.on('data', (bytes) => fs.writeSync(socket._handle.fd, bytes));
});
