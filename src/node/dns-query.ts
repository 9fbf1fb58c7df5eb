import { randomInt } from 'node:crypto';
import dgram from 'node:dgram';
import net from 'node:net';
import { readTextIfAny } from './files.ts';

/** The records of one type that a name has. */
export interface DnsRecords {
  /** Each record's data. */
  readonly data: readonly Uint8Array[];
  /** Whether a resolver that /etc/resolv.conf trusts (`options trust-ad`) says that DNSSEC validated them. */
  readonly validated: boolean;
}

/** A look-up that gave no records; the message is OpenSSH's word for why. */
export class DnsError extends Error {
  constructor(message: 'name does not exist' | 'data does not exist' | 'general failure') {
    super(message);
    this.name = 'DnsError';
  }
}

/** Where to ask, and how (resolv.conf(5)). */
export interface DnsResolver {
  readonly servers: readonly { readonly address: string; readonly port: number }[];
  readonly attempts: number;
  readonly timeoutMs: number;
  /** Whether the answer may be more than 512 bytes long. */
  readonly edns: boolean;
  /** Whether the way to the servers is trusted, so that their word on DNSSEC counts. */
  readonly trustsValidation: boolean;
}

/** What this machine's /etc/resolv.conf says; the resolver of this machine where it says nothing. */
function systemResolver(): DnsResolver {
  return parseResolver(readTextIfAny('/etc/resolv.conf') ?? '');
}

/** Reads resolv.conf(5): the first three servers and the options that matter here, within the C library's bounds. */
export function parseResolver(text: string): DnsResolver {
  const servers: { address: string; port: number }[] = [];
  const options = new Set<string>();
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/[ \t]+/);
    if (keyword === 'nameserver' && words[0] !== undefined && net.isIP(words[0]) !== 0 && servers.length < 3) {
      servers.push({ address: words[0], port: 53 });
    }
    if (keyword === 'options') for (const word of words) options.add(word);
  }
  const number = (name: string, fallback: number, most: number): number => {
    const found = [...options].reverse().find((option) => option.startsWith(`${name}:`));
    const value = Number(found?.slice(name.length + 1));
    return Number.isInteger(value) && value > 0 ? Math.min(value, most) : fallback;
  };
  return {
    servers: servers.length === 0 ? [{ address: '127.0.0.1', port: 53 }] : servers,
    attempts: number('attempts', 2, 5),
    timeoutMs: number('timeout', 5, 30) * 1000,
    edns: options.has('edns0') || options.has('trust-ad'),
    trustsValidation: options.has('trust-ad'),
  };
}

const SSHFP = 44;
const OPT = 41;
const INTERNET = 1;
/** The flags of a header: a response, cut short, recursion wanted, validated. */
const flags = { response: 0x8000, cut: 0x0200, recursion: 0x0100, validated: 0x0020 } as const;
const NO_SUCH_NAME = 3;
/** The most records that are looked at: no host has a tenth of them. */
const MOST_RECORDS = 256;

/**
 * The SSHFP records of a name (RFC 4255), which is asked for as it is, without search lists.
 *
 * @throws DnsError where there are none, also where no server answers or what they say is malformed.
 */
export async function resolveSshfp(name: string, resolver: DnsResolver = systemResolver()): Promise<DnsRecords> {
  const id = randomInt(0x10000);
  const query = formatQuery(id, name, SSHFP, resolver);
  if (query === undefined) throw new DnsError('general failure');
  for (let attempt = 0; attempt < resolver.attempts; attempt++) {
    for (const server of resolver.servers) {
      const answer = await ask(query, server, resolver.timeoutMs);
      const read = answer === undefined ? undefined : parseAnswer(answer, query, SSHFP);
      if (read === undefined || (read.code !== 0 && read.code !== NO_SUCH_NAME)) continue;
      if (read.code === NO_SUCH_NAME) throw new DnsError('name does not exist');
      if (read.data.length === 0) throw new DnsError('data does not exist');
      return { data: read.data, validated: read.validated && resolver.trustsValidation };
    }
  }
  throw new DnsError('general failure');
}

/** A question; undefined for a name that DNS can't hold. */
export function formatQuery(
  id: number,
  name: string,
  type: number,
  resolver: Pick<DnsResolver, 'edns' | 'trustsValidation'>,
): Buffer | undefined {
  const labels = name
    .replace(/\.$/, '')
    .split('.')
    .map((label) => Buffer.from(label, 'latin1'));
  if (labels.some(({ length }) => length === 0 || length > 63)) return undefined;
  const encoded = Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.of(label.length), label])), Buffer.of(0)]);
  if (encoded.length > 255) return undefined;
  const head = Buffer.alloc(12);
  head.writeUInt16BE(id, 0);
  head.writeUInt16BE(flags.recursion | (resolver.trustsValidation ? flags.validated : 0), 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(resolver.edns ? 1 : 0, 10);
  const question = Buffer.of(type >> 8, type & 0xff, 0, INTERNET);
  // an answer of up to 1232 bytes; DNSSEC's records are wanted where its word counts
  const extension = Buffer.of(0, 0, OPT, 0x04, 0xd0, 0, 0, resolver.trustsValidation ? 0x80 : 0, 0, 0, 0);
  return Buffer.concat([head, encoded, question, ...(resolver.edns ? [extension] : [])]);
}

/** What a server answered. */
export interface DnsAnswer {
  readonly code: number;
  readonly validated: boolean;
  readonly cut: boolean;
  readonly data: readonly Uint8Array[];
}

/** Reads the answer to a query; undefined where it is malformed or another question's. */
export function parseAnswer(answer: Uint8Array, query: Uint8Array, type: number): DnsAnswer | undefined {
  const bytes = Buffer.from(answer.buffer, answer.byteOffset, answer.length);
  const asked = Buffer.from(query.buffer, query.byteOffset, query.length);
  try {
    const head = bytes.readUInt16BE(2);
    const sameId = bytes.readUInt16BE(0) === asked.readUInt16BE(0);
    if (!sameId || (head & flags.response) === 0 || bytes.readUInt16BE(4) !== 1) return undefined;
    const end = skipName(asked, 12) + 4;
    if (bytes.subarray(12, end).toString('latin1').toLowerCase() !== asked.subarray(12, end).toString('latin1').toLowerCase())
      return undefined;
    const count = bytes.readUInt16BE(6);
    const cut = (head & flags.cut) !== 0;
    const validated = (head & flags.validated) !== 0;
    const data: Uint8Array[] = [];
    if (count > MOST_RECORDS) return undefined;
    for (let at = end, record = 0; record < count && !cut; record++) {
      at = skipName(bytes, at);
      const length = bytes.readUInt16BE(at + 8);
      const start = at + 10;
      if (start + length > bytes.length) return undefined;
      if (bytes.readUInt16BE(at) === type && bytes.readUInt16BE(at + 2) === INTERNET) data.push(bytes.subarray(start, start + length));
      at = start + length;
    }
    return { code: head & 0xf, validated, cut, data };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Where what follows a name begins; a pointer ends a name. @throws RangeError past the end */
function skipName(bytes: Buffer, from: number): number {
  for (let at = from; ; ) {
    const length = bytes.readUInt8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += length + 1;
  }
}

type Server = DnsResolver['servers'][number];

/** One server's answer, by TCP where it is too long for one datagram; undefined where it gives none in time. */
async function ask(query: Buffer, server: Server, timeoutMs: number): Promise<Uint8Array | undefined> {
  const answer = await askByUdp(query, server, timeoutMs);
  if (answer === undefined || parseAnswer(answer, query, SSHFP)?.cut !== true) return answer;
  return await askByTcp(query, server, timeoutMs);
}

function askByUdp(query: Buffer, { address, port }: Server, timeoutMs: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = dgram.createSocket(net.isIPv6(address) ? 'udp6' : 'udp4');
    const timer = setTimeout(() => done(undefined), timeoutMs);
    const done = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      socket.removeAllListeners().on('error', () => undefined);
      socket.close();
      resolve(answer);
    };
    socket.on('error', () => done(undefined));
    // what is no answer to this question may be anyone's: the right one may still come
    socket.on('message', (bytes) => {
      if (parseAnswer(bytes, query, SSHFP) !== undefined) done(bytes);
    });
    // a connected socket hears its peer alone
    socket.connect(port, address, () => socket.send(query));
  });
}

function askByTcp(query: Buffer, { address, port }: Server, timeoutMs: number): Promise<Uint8Array | undefined> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: address, port });
    let received = Buffer.alloc(0);
    const timer = setTimeout(() => done(undefined), timeoutMs);
    const done = (answer: Uint8Array | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.on('error', () => done(undefined));
    socket.on('close', () => done(undefined));
    socket.on('connect', () => void socket.write(Buffer.concat([Buffer.of(query.length >> 8, query.length & 0xff), query])));
    socket.on('data', (part) => {
      received = Buffer.concat([received, part]);
      if (received.length < 2) return;
      const length = received.readUInt16BE(0);
      if (received.length >= length + 2) done(received.subarray(2, length + 2));
    });
  });
}
