import { parseAbsoluteTime } from '../util/absolute-time.ts';
import { SshError } from '../util/errors.ts';
import { optionText } from './certificate.ts';
import type { Certificate } from './key.ts';

/** What a session may do with a key, by authorized_keys' options or a certificate's (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export interface KeyOptions {
  readonly permitPortForwarding: boolean;
  readonly permitAgentForwarding: boolean;
  readonly permitX11Forwarding: boolean;
  readonly permitPty: boolean;
  readonly permitUserRc: boolean;
  /** The key may sign users' certificates, and is none itself. */
  readonly certAuthority: boolean;
  /** A security key's user need not have been present. */
  readonly noTouchRequired: boolean;
  /** A security key must have verified its user. */
  readonly verifyRequired: boolean;
  /** Seconds since 1970 after which the key is not accepted. */
  readonly expiryTime?: number;
  /** The command that runs instead of what is asked for. */
  readonly command?: string;
  /** Pattern list of host names and addresses from which the key is accepted. */
  readonly from?: string;
  /** A certificate's list of addresses and networks from which it is accepted. */
  readonly sourceAddress?: string;
  /** One of these must be a principal of the certificate that the key signed. */
  readonly principals?: string;
  /** Pairs of name and value. */
  readonly environment: readonly (readonly [string, string])[];
  /** `host:port` each; `*` for any. */
  readonly permitOpen: readonly string[];
  readonly permitListen: readonly string[];
  /** The number of the tunnel device, or `any`. */
  readonly tunnel?: number | 'any';
}

type Draft = { -readonly [K in keyof KeyOptions]: KeyOptions[K] };

/** What a line without options allows: all. */
export const permissiveOptions: KeyOptions = {
  ...permits(true),
  certAuthority: false,
  noTouchRequired: false,
  verifyRequired: false,
  environment: [],
  permitOpen: [],
  permitListen: [],
};

/** The most entries of each list of a key's options. */
const MOST_ENTRIES = 4096;

/** Flags that `no-` in front turns off, and what they set. */
const flags: ReadonlyMap<string, (options: Draft, on: boolean) => void> = new Map([
  ['port-forwarding', (options: Draft, on: boolean) => void (options.permitPortForwarding = on)],
  ['agent-forwarding', (options: Draft, on: boolean) => void (options.permitAgentForwarding = on)],
  ['x11-forwarding', (options: Draft, on: boolean) => void (options.permitX11Forwarding = on)],
  ['pty', (options: Draft, on: boolean) => void (options.permitPty = on)],
  ['user-rc', (options: Draft, on: boolean) => void (options.permitUserRc = on)],
  ['touch-required', (options: Draft, on: boolean) => void (options.noTouchRequired = !on)],
  ['verify-required', (options: Draft, on: boolean) => void (options.verifyRequired = on)],
]);

/** Flags that nothing turns off. */
const plainFlags: ReadonlyMap<string, (options: Draft) => void> = new Map([
  ['restrict', (options: Draft) => void Object.assign(options, permits(false))],
  ['cert-authority', (options: Draft) => void (options.certAuthority = true)],
]);

/** Options with a quoted value. */
const values: ReadonlyMap<string, (options: Draft, value: string) => void> = new Map([
  ['command', once('command')],
  ['principals', once('principals')],
  ['from', once('from')],
  ['expiry-time', setExpiry],
  ['environment', addEnvironment],
  ['permitopen', (options: Draft, value: string) => void (options.permitOpen = permit(options.permitOpen, value, false))],
  ['permitlisten', (options: Draft, value: string) => void (options.permitListen = permit(options.permitListen, value, true))],
  ['tunnel', setTunnel],
]);

/**
 * Reads the options in front of a key in authorized_keys.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT whose detail is OpenSSH's reason
 */
export function parseKeyOptions(text: string): KeyOptions {
  const options: Draft = { ...permissiveOptions };
  let rest = text;
  while (rest !== '') {
    const [, name = ''] = /^([A-Za-z0-9-]*)/.exec(rest) ?? [];
    rest = rest.slice(name.length);
    const key = name.toLowerCase();
    const flag = flags.get(key.replace(/^no-/, ''));
    const plain = plainFlags.get(key);
    const value = values.get(key);
    if (flag !== undefined) flag(options, !key.startsWith('no-'));
    else if (plain !== undefined) plain(options);
    else if (value !== undefined && rest.startsWith('=')) {
      const quoted = dequote(rest.slice(1));
      value(options, quoted.value);
      rest = quoted.rest;
    } else throw bad('unknown key option');
    if (rest === '') break;
    if (!rest.startsWith(',')) throw bad('unknown key option');
    rest = rest.slice(1);
    if (rest === '') throw bad('unexpected end-of-options');
  }
  return options;
}

/**
 * What a user's certificate allows by its critical options and extensions.
 *
 * @throws SshError SSH_ERR_KEY_CERT_INVALID whose detail is the reason: an unknown critical option, one that is there twice or malformed
 */
export function certificateOptions(certificate: Certificate): KeyOptions {
  const options: Draft = { ...permissiveOptions, ...permits(false) };
  for (const { name, data } of certificate.extensions) {
    // an extension that is not known is none
    extensions.get(name)?.(options);
    if (extensions.has(name) && data.length > 0) throw invalid(`Certificate extension "${name}" corrupt (extra data)`);
  }
  for (const option of certificate.criticalOptions) {
    if (option.name === 'verify-required') {
      if (option.data.length > 0) throw invalid(`Certificate critical option "${option.name}" corrupt (extra data)`);
      options.verifyRequired = true;
      continue;
    }
    const field = criticalFields.get(option.name);
    if (field === undefined) throw invalid(`Certificate critical option "${option.name}" is not supported`);
    if (options[field] !== undefined) throw invalid(`Certificate has multiple ${option.name} options`);
    try {
      options[field] = optionText(option);
    } catch (error) {
      throw invalid(`Certificate critical option "${option.name}" corrupt`, error);
    }
    if (field === 'sourceAddress' && options[field] === '') throw invalid('Certificate source-address contents invalid');
  }
  return options;
}

/**
 * What both the options of a certification authority's line and its certificate's allow.
 *
 * @throws SshError SSH_ERR_KEY_CERT_INVALID where both force a command and not the same
 */
export function mergeKeyOptions(line: KeyOptions, certificate: KeyOptions): KeyOptions {
  const command = certificate.command ?? line.command;
  if (line.command !== undefined && command !== line.command) throw invalid('forced command options do not match');
  return {
    ...line,
    permitPortForwarding: line.permitPortForwarding && certificate.permitPortForwarding,
    permitAgentForwarding: line.permitAgentForwarding && certificate.permitAgentForwarding,
    permitX11Forwarding: line.permitX11Forwarding && certificate.permitX11Forwarding,
    permitPty: line.permitPty && certificate.permitPty,
    permitUserRc: line.permitUserRc && certificate.permitUserRc,
    // both must agree that nobody need touch the key
    noTouchRequired: line.noTouchRequired && certificate.noTouchRequired,
    verifyRequired: line.verifyRequired || certificate.verifyRequired,
    ...(command !== undefined && { command }),
    ...(certificate.sourceAddress !== undefined && { sourceAddress: certificate.sourceAddress }),
  };
}

const extensions: ReadonlyMap<string, (options: Draft) => void> = new Map([
  ['permit-X11-forwarding', (options: Draft) => void (options.permitX11Forwarding = true)],
  ['permit-agent-forwarding', (options: Draft) => void (options.permitAgentForwarding = true)],
  ['permit-port-forwarding', (options: Draft) => void (options.permitPortForwarding = true)],
  ['permit-pty', (options: Draft) => void (options.permitPty = true)],
  ['permit-user-rc', (options: Draft) => void (options.permitUserRc = true)],
  ['no-touch-required', (options: Draft) => void (options.noTouchRequired = true)],
]);

const criticalFields: ReadonlyMap<string, 'command' | 'sourceAddress'> = new Map([
  ['force-command', 'command'],
  ['source-address', 'sourceAddress'],
]);

function permits(on: boolean) {
  return {
    permitPortForwarding: on,
    permitAgentForwarding: on,
    permitX11Forwarding: on,
    permitPty: on,
    permitUserRc: on,
  };
}

function once(field: 'command' | 'principals' | 'from'): (options: Draft, value: string) => void {
  return (options, value) => {
    if (options[field] !== undefined) throw bad(`multiple "${field}" clauses`);
    options[field] = value;
  };
}

function setExpiry(options: Draft, value: string): void {
  let time: number;
  try {
    time = parseAbsoluteTime(value);
  } catch (error) {
    throw bad('invalid expires time', error);
  }
  // the earliest of several counts
  options.expiryTime = Math.min(options.expiryTime ?? time, time);
}

function addEnvironment(options: Draft, value: string): void {
  const [, name, content] = /^([A-Za-z0-9_]+)=([^]*)$/.exec(value) ?? [];
  if (name === undefined || content === undefined || options.environment.length === MOST_ENTRIES) {
    throw bad('invalid environment string');
  }
  // the first of several with one name counts
  if (options.environment.some(([one]) => one === name)) return;
  options.environment = [...options.environment, [name, content]];
}

function setTunnel(options: Draft, value: string): void {
  const number = /^\d{1,10}$/.test(value) ? Number(value) : -1;
  if (value !== 'any' && (number < 0 || number > 0x7ffffffd)) throw bad('invalid tun device');
  options.tunnel = value === 'any' ? 'any' : number;
}

function permit(list: readonly string[], value: string, barePort: boolean): string[] {
  const text = barePort && !value.includes(':') ? `*:${value}` : value;
  const [, host, port] = /^(\[[^\]]*\]|[^:]*):(.*)$/.exec(text) ?? [];
  if (host === undefined || port === undefined || host.length > 1024) throw bad('invalid permission hostname');
  if (port !== '*' && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65535)) {
    throw bad('invalid permission port');
  }
  if (list.length === MOST_ENTRIES) throw bad('too many permission directives');
  return [...list, text];
}

/** A value in quotes, in which a backslash before a quote makes it a character of the value, and what follows it. */
function dequote(text: string): { value: string; rest: string } {
  if (!text.startsWith('"')) throw bad('missing start quote');
  const end = closingQuote(text, 0);
  if (end < 0) throw bad('missing end quote');
  return { value: text.slice(1, end).replaceAll('\\"', '"'), rest: text.slice(end + 1) };
}

/** Where the quote that was opened at `at` is closed, or -1. */
export function closingQuote(text: string, at: number): number {
  for (let i = at + 1; i < text.length; i++) {
    if (text[i] === '\\' && text[i + 1] === '"') i++;
    else if (text[i] === '"') return i;
  }
  return -1;
}

function bad(reason: string, cause?: unknown): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', reason, { cause });
}

function invalid(reason: string, cause?: unknown): SshError {
  return new SshError('SSH_ERR_KEY_CERT_INVALID', reason, { cause });
}
