/** Connects to the host and port of its arguments, passes the socket over stdout as `nc -F` does, and ends. */
import { once } from 'node:events';
import net from 'node:net';
import koffi from 'koffi';

const [host = '', port = ''] = process.argv.slice(2);
const socket = net.connect({ host, port: Number(port) });
await once(socket, 'connect');
const { _handle } = socket as unknown as { readonly _handle: { readonly fd: number } };

// struct msghdr, iovec and cmsghdr of 64-bit Linux, in memory that does not move
const memory = new ArrayBuffer(128);
const at = (offset: number): bigint => koffi.address(new Uint8Array(memory)) + BigInt(offset);
new BigUint64Array(memory, 0, 7).set([0n, 0n, at(64), 1n, at(80), 24n, 0n]);
new BigUint64Array(memory, 64, 2).set([at(120), 1n]);
new BigUint64Array(memory, 80, 1).set([20n]);
new Int32Array(memory, 88, 3).set([1, 1, _handle.fd]);
const sendmsg = koffi.load(null).func('long sendmsg(int fd, const void *message, int flags)') as (...args: unknown[]) => number;
process.exit(sendmsg(1, new Uint8Array(memory), 0) === 1 ? 0 : 1);
