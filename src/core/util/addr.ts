import { matchPatternList, type ListMatch } from './pattern.ts';

/** An IPv4 or IPv6 address: 4 or 16 bytes. */
export type Address = Uint8Array;

/** An address and how many of its leading bits count. */
interface Network {
  readonly address: Address;
  readonly bits: number;
}

/** Reads a numeric address; a scope (`fe80::1%eth0`) is allowed and left out. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

/** Whether a numeric address is the host's own: 127.0.0.0/8 or ::1. */
export function isLoopback(text: string): boolean {
  const address = parseAddress(text);
  if (address?.length === 4) return address[0] === 127;
  return address !== undefined && address.every((byte, at) => byte === (at === 15 ? 1 : 0));
}

/** Reads `address/bits`, or an address alone, which stands for itself. */
export function parseNetwork(text: string): Network | undefined {
  const slash = text.indexOf('/');
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === undefined) return undefined;
  if (slash < 0) return { address, bits: address.length * 8 };
  const digits = text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(digits) || Number(digits) > address.length * 8) return undefined;
  return { address, bits: Number(digits) };
}

/** Whether the bits of a network's address after its prefix are all zero. */
export function isNetworkAddress(network: Network): boolean {
  const whole = network.bits >> 3;
  const part = network.address[whole];
  if (part === undefined) return true;
  return (part & (0xff >> (network.bits & 7))) === 0 && network.address.subarray(whole + 1).every((byte) => byte === 0);
}

/** Whether an address lies in a network of its own family. */
function isInNetwork(address: Address, network: Network): boolean {
  if (address.length !== network.address.length) return false;
  const whole = network.bits >> 3;
  for (let at = 0; at < whole; at++) if (address[at] !== network.address[at]) return false;
  const rest = network.bits & 7;
  return rest === 0 || (((address[whole] as number) ^ (network.address[whole] as number)) & (0xff00 >> rest) & 0xff) === 0;
}

/**
 * Looks an address up in a comma-separated list of addresses, networks and wildcard patterns, each of which may be negated by `!`.
 *
 * @returns `invalid` where a network has bits set after its prefix or a prefix longer than its address.
 */
export function matchAddressList(text: string, list: string): ListMatch | 'invalid' {
  const address = parseAddress(text);
  let matched = false;
  for (const item of list.split(',')) {
    const negated = item.startsWith('!');
    const pattern = negated ? item.slice(1) : item;
    if (pattern === '') return 'invalid';
    const network = parseNetwork(pattern);
    if (network !== undefined && !isNetworkAddress(network)) return 'invalid';
    if (network === undefined && /^[0-9a-fA-F.:]+\/[0-9]+$/.test(pattern)) return 'invalid';
    const hit =
      network === undefined ? matchPatternList(text, pattern) === 'match' : address !== undefined && isInNetwork(address, network);
    if (!hit) continue;
    if (negated) return 'negated';
    matched = true;
  }
  return matched ? 'match' : 'none';
}

/** What is wrong with a comma-separated list of networks alone (no names, wildcards or negation), in OpenSSH's words; undefined where nothing is. */
export function networkListProblem(list: string): readonly string[] | undefined {
  let before = '';
  for (const item of list.split(',')) {
    if (item === '') return [`addr_match_cidr_list: empty entry in list "${before}"`];
    if (!/^[0-9a-fA-F.:/]+$/.test(item)) {
      return [`addr_match_cidr_list: list entry "${item}" contains invalid characters`, `Invalid network entry "${item}"`];
    }
    const network = parseNetwork(item);
    const isMask = network === undefined ? parseAddress(item.replace(/\/.*/, '')) !== undefined : !isNetworkAddress(network);
    if (isMask) return [`Inconsistent mask length for network "${item}"`];
    if (network === undefined) return [`Invalid network entry "${item}"`];
    before = before === '' ? item : `${before},${item}`;
  }
  return undefined;
}

/**
 * Looks an address up in a comma-separated list of networks alone.
 *
 * @returns `invalid` for a list in which {@link networkListProblem} finds something.
 */
export function matchNetworkList(text: string, list: string): ListMatch | 'invalid' {
  if (networkListProblem(list) !== undefined) return 'invalid';
  const address = parseAddress(text);
  if (address === undefined) return 'none';
  const hit = list.split(',').some((item) => {
    const network = parseNetwork(item);
    return network !== undefined && isInNetwork(address, network);
  });
  return hit ? 'match' : 'none';
}

function parseIpv4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const bytes = new Uint8Array(4);
  for (const [at, part] of parts.entries()) {
    // A leading zero would be octal to some and decimal to others.
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return undefined;
    bytes[at] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Address | undefined {
  const scope = text.indexOf('%');
  const halves = (scope < 0 ? text : text.slice(0, scope)).split('::');
  if (halves.length > 2 || (scope >= 0 && scope === text.length - 1)) return undefined;
  const head = groups(halves[0] as string, halves.length === 1);
  const tail = halves.length === 1 ? [] : groups(halves[1] as string, true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 16 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined;
  return Uint8Array.from([...head, ...Array<number>(missing).fill(0), ...tail]);
}

/** The bytes of groups between colons; the last may be an IPv4 address where the text ends the whole. */
function groups(text: string, last: boolean): number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const parts = text.split(':');
  for (const [at, part] of parts.entries()) {
    if (last && at === parts.length - 1 && part.includes('.')) {
      const tail = parseIpv4(part);
      if (tail === undefined) return undefined;
      bytes.push(...tail);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      const value = Number.parseInt(part, 16);
      bytes.push(value >> 8, value & 255);
    }
  }
  return bytes.length > 16 ? undefined : bytes;
}

/** How inet_ntop(3) writes an address. */
function formatAddress(address: Address): string {
  if (address.length === 4) return address.join('.');
  const isMapped = address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff && address[11] === 0xff;
  const isCompatible = address.subarray(0, 12).every((byte) => byte === 0) && (address[12] !== 0 || address[13] !== 0);
  if (isMapped || isCompatible) return `::${isMapped ? 'ffff:' : ''}${address.subarray(12).join('.')}`;
  const parts = Array.from({ length: 8 }, (_, at) => (((address[2 * at] as number) << 8) | (address[2 * at + 1] as number)).toString(16));
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (parts[start + length] === '0') length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length === 1) return parts.join(':');
  return `${parts.slice(0, best.start).join(':')}::${parts.slice(best.start + best.length).join(':')}`;
}

/**
 * The one way to write a host that is an address: inet_aton(3)'s short, hexadecimal and octal forms become four decimals, and an IPv6
 * address its shortest form. Undefined for a host that is a name.
 */
export function canonicalAddress(host: string): string | undefined {
  const scope = host.includes(':') ? host.indexOf('%') : -1;
  const address = parseAddress(host) ?? parseLooseIpv4(host);
  return address === undefined ? undefined : formatAddress(address) + (scope < 0 ? '' : host.slice(scope));
}

/** An IPv4 address as inet_aton(3) reads it: one to four numbers, the last of which fills what is left. */
function parseLooseIpv4(text: string): Address | undefined {
  const parts = text.split('.');
  if (parts.length > 4) return undefined;
  const numbers = parts.map((part) =>
    /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.test(part) ? Number(/^0[0-7]+$/.test(part) ? `0o${part}` : part) : Number.NaN,
  );
  const last = numbers.pop() as number;
  const room = 256 ** (4 - numbers.length);
  if (!(last < room) || !numbers.every((number) => number <= 255)) return undefined;
  const bytes = new Uint8Array(4);
  for (const [at, number] of numbers.entries()) bytes[at] = number;
  for (let at = 3, rest = last; at >= numbers.length; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256;
  return bytes;
}
