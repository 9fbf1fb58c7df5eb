/** Destinations on the command line and in ProxyJump: `[user@]host`, `[user@]host[:port]` and `ssh://` addresses. */
import { LineError, type ServicePort } from './kind.ts';
import { parsePort } from './forward-spec.ts';

/** Where to connect to. */
export interface Destination {
  readonly user: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
}

/** ProxyJump: the last hop, and the ones before it as they were written. */
export interface Jump extends Destination {
  readonly before: string | undefined;
}

/**
 * Reads the destination argument of a command line: an `ssh://` address, or a host with everything before the last `@` as user.
 *
 * An empty host is let through: its look-up fails as OpenSSH's does.
 *
 * @returns undefined for an `ssh://` address that is wrong, or an empty user.
 */
export function parseDestination(text: string, servicePort: ServicePort): Destination | undefined {
  if (isUri(text)) return parseUri(text, servicePort);
  const at = text.lastIndexOf('@');
  if (at === 0) return undefined;
  return { user: at < 0 ? undefined : text.slice(0, at), host: text.slice(at + 1), port: undefined };
}

/** How strictly hops are read. */
export interface JumpRules {
  readonly servicePort: ServicePort;
  /** Told of a name that a shell could stumble over, which is then refused; without it such names are let through: the file is the user's. */
  readonly report: ((text: string) => void) | undefined;
}

/**
 * Reads the argument of -J or ProxyJump: hops between commas, the last of which is connected to the host itself.
 *
 * @returns undefined for `none`.
 * @throws LineError where a hop is wrong.
 */
export function parseJump(text: string, rules: JumpRules): Jump | undefined {
  if (text.toLowerCase() === 'none') return undefined;
  let last: Destination | undefined;
  for (const hop of text.split(',').reverse()) {
    const destination = isUri(hop) ? parseUri(hop, rules.servicePort) : parseHop(hop, rules.servicePort);
    if (destination === undefined || !isAllowed(destination, rules.report)) throw new LineError(`Invalid ProxyJump "${text}"`);
    last ??= destination;
  }
  if (last === undefined) throw new LineError(`Invalid ProxyJump "${text}"`);
  const comma = text.lastIndexOf(',');
  return { ...last, before: comma < 0 ? undefined : text.slice(0, comma) };
}

/** How `-G` shows ProxyJump. */
export function formatJump(jump: Jump): string {
  const host = jump.host.includes(':') || /^[0-9.]*$/.test(jump.host) ? `[${jump.host}]` : jump.host;
  const before = jump.before === undefined ? '' : `${jump.before},`;
  const user = jump.user === undefined ? '' : `${jump.user}@`;
  return `${before}${user}${host}${jump.port === undefined ? '' : `:${jump.port}`}`;
}

/** Whether a host name has nothing in it that a shell or an option parser could take for its own. */
export function isValidHostname(name: string): boolean {
  if (name.startsWith('-')) return false;

  return !/['`"$\\;&<>|(){}\x00-\x20\x7f]/.test(name);
}

/** Whether a remote user's name is free of what a shell could take for its own; a backslash may be anywhere but at the end. */
export function isValidUser(name: string): boolean {
  if (name.startsWith('-')) return false;

  if (/['`";&<>|(){}\x00-\x1f\x7f]/.test(name)) return false;
  if (/(^|[ \t\n\v\f\r])-/.test(name)) return false;
  return !name.endsWith('\\');
}

function isAllowed({ host, user }: Destination, report: JumpRules['report']): boolean {
  if (report === undefined) return true;
  if (!isValidHostname(host)) {
    report(`parse_jump: invalid hostname "${host}"`);
    return false;
  }
  if (user === undefined || isValidUser(user)) return true;
  report(`parse_jump: invalid username "${user}"`);
  return false;
}

function isUri(text: string): boolean {
  return /^ssh:\/\//i.test(text);
}

/** `ssh://[user[;options]@]host[:port][/]`, percent-encoding decoded in the user. */
function parseUri(text: string, servicePort: ServicePort): Destination | undefined {
  let rest = text.slice('ssh://'.length);
  const at = rest.lastIndexOf('@');
  let user: string | undefined;
  if (at >= 0) {
    const written = rest.slice(0, at);
    const semicolon = written.indexOf(';');
    user = decode(semicolon < 0 ? written : written.slice(0, semicolon));
    if (user === undefined || user === '') return undefined;
    rest = rest.slice(at + 1);
  }
  const slash = rest.indexOf('/');
  if (slash >= 0) {
    if (slash !== rest.length - 1) return undefined;
    rest = rest.slice(0, slash);
  }
  const destination = hostAndPort(rest, user, servicePort);
  return destination === undefined || !isDomainName(destination.host)
    ? undefined
    : { ...destination, host: destination.host.replace(/\.$/, '') };
}

/** Whether OpenSSH takes this for the name of a host in an `ssh://` address: letters, digits and `.-_`, so that no IPv6 address is one. */
function isDomainName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name) && !name.includes('..');
}

function parseHop(text: string, servicePort: ServicePort): Destination | undefined {
  const at = text.lastIndexOf('@');
  if (at === 0) return undefined;
  return hostAndPort(text.slice(at + 1), at < 0 ? undefined : text.slice(0, at), servicePort);
}

function hostAndPort(text: string, user: string | undefined, servicePort: ServicePort): Destination | undefined {
  let host: string;
  let rest: string;
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    if (end < 0) return undefined;
    host = text.slice(1, end);
    rest = text.slice(end + 1);
  } else {
    const colon = text.indexOf(':');
    host = colon < 0 ? text : text.slice(0, colon);
    rest = colon < 0 ? '' : text.slice(colon);
  }
  if (host === '' || (rest !== '' && !rest.startsWith(':'))) return undefined;
  if (rest === '' || rest === ':') return { user, host, port: undefined };
  const port = parsePort(rest.slice(1), servicePort);
  return port === undefined || port === 0 ? undefined : { user, host, port };
}

function decode(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})|%00/.test(text)) return undefined;
  const bytes: number[] = [];
  const source = Buffer.from(text);
  for (let at = 0; at < source.length; at++) {
    if (source[at] === 0x25) {
      bytes.push(Number.parseInt(source.toString('latin1', at + 1, at + 3), 16));
      at += 2;
    } else {
      bytes.push(source[at] as number);
    }
  }
  return Buffer.from(bytes).toString();
}
