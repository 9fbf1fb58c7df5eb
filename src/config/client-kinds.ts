/** Kinds of single values that only one keyword, or a few, have. */
import { keepNames, lowerCase, splitNames } from '../core/util/pattern.ts';
import { parseSeconds } from '../core/util/time.ts';
import { LineError, parseInteger, type Arguments, type Kind } from './kind.ts';

/** AddKeysToAgent: whether, and for how long. */
export interface AddKeys {
  readonly when: 'no' | 'yes' | 'ask' | 'confirm';
  /** Seconds that the agent is to keep the key; 0 for ever. */
  readonly seconds: number;
}

/** RekeyLimit: 0 stands for the cipher's own limit, and for no limit in time. */
export interface RekeyLimit {
  readonly bytes: number;
  readonly seconds: number;
}

/** IPQoS: the DSCP value of interactive and of other sessions; `none` leaves it to the system. */
export interface Qos {
  readonly interactive: number | 'none';
  readonly bulk: number | 'none';
}

/** TunnelDevice: unit numbers here and there. */
export interface TunnelUnits {
  readonly local: number | 'any';
  readonly remote: number | 'any';
}

/** A list of algorithms as it was written; what it means is settled when the defaults are. */
export function algorithms(
  known: () => readonly string[],
  wildcards: boolean,
  complain: (list: string) => readonly string[],
): Kind<string> {
  return {
    read: (args) => {
      const list = args.required();
      if (!list.startsWith('-') && !areKnown(/^[+^]/.test(list) ? list.slice(1) : list, known(), wildcards)) {
        const complaints = [...complain(list)];
        const last = complaints.pop() as string;
        for (const complaint of complaints) args.log('ERROR', complaint);
        throw new LineError(last);
      }
      return list;
    },
    format: (value) => [value],
    names: known,
  };
}

/** The first name of a list that is not known. */
export function firstUnknown(list: string, known: readonly string[]): string | undefined {
  return splitNames(list).find((name) => !known.includes(name));
}

function areKnown(list: string, known: readonly string[], wildcards: boolean): boolean {
  if (list === '') return false;
  return splitNames(list).every((name) => {
    if (known.includes(name)) return true;
    return wildcards && !name.startsWith('!') && /[*?]/.test(name) && keepNames(known.join(','), name) !== '';
  });
}

/** AddKeysToAgent. */
export const addKeys: Kind<AddKeys> = {
  read: (args) => {
    const first = args.next();
    const second = args.next();
    if (first === undefined || first === '') args.log('ERROR', 'missing argument.');
    const word = lowerCase(first ?? '');
    const when = ({ yes: 'yes', true: 'yes', no: 'no', false: 'no', ask: 'ask', confirm: 'confirm' } as const)[word];
    if (when === 'confirm' && second !== undefined) {
      const seconds = parseSeconds(second);
      if (seconds === undefined) throw new LineError('invalid time value.');
      return { when, seconds };
    }
    if (second !== undefined) throw new LineError('unsupported option');
    if (when !== undefined) return { when, seconds: 0 };
    const seconds = parseSeconds(first ?? '');
    if (seconds === undefined) throw new LineError('unsupported option');
    return { when: 'yes', seconds };
  },
  format: ({ when, seconds }) => {
    if (seconds !== 0) return [when === 'confirm' ? `confirm ${seconds}` : String(seconds)];
    return [when === 'yes' ? 'true' : when === 'no' ? 'false' : when];
  },
  words: ['yes', 'no', 'ask', 'confirm'],
};

/** ForwardAgent: whether, or the socket (a path or `$NAME`) of the agent to forward. */
export const forwardAgent: Kind<boolean | string> = {
  read: (args) => {
    const word = args.required();
    const lower = lowerCase(word);
    if (lower === 'yes' || lower === 'true') return true;
    if (lower === 'no' || lower === 'false') return false;
    checkVariable(word);
    return word;
  },
  format: (value) => [typeof value === 'string' ? value : value ? 'yes' : 'no'],
  words: ['yes', 'no'],
};

/** IdentityAgent: a socket's path, SSH_AUTH_SOCK, `$NAME` or `none`. */
export const identityAgent: Kind<string> = {
  read: (args) => {
    const word = args.required();
    checkVariable(word);
    return word;
  },
  format: (value) => [value],
};

function checkVariable(word: string): void {
  if (!word.startsWith('$')) return;
  if (word.startsWith('${')) {
    if (!/^\$\{[^}]+\}/.test(word)) throw new LineError(`Invalid environment expansion ${word}.`);
    return;
  }
  if (!/^\$[A-Za-z_][A-Za-z0-9_]*$/.test(word)) throw new LineError(`Invalid environment name ${word}.`);
}

/** ControlPersist: `no`, or seconds of which 0 means for ever. */
export const controlPersist: Kind<number | 'no'> = {
  read: (args) => {
    const word = args.required('Missing ControlPersist argument.');
    if (word === 'no' || word === 'false') return 'no';
    if (word === 'yes' || word === 'true') return 0;
    const seconds = parseSeconds(word);
    if (seconds === undefined) throw new LineError('Bad ControlPersist argument.');
    return seconds;
  },
  format: (value) => [value === 'no' ? 'no' : value === 0 ? 'yes' : String(value)],
  words: ['yes', 'no'],
};

/** EscapeChar: a character's code, or `none`. */
export const escapeChar: Kind<number | 'none'> = {
  read: (args) => {
    const value = parseEscapeChar(args.required());
    if (value === undefined) throw new LineError('Bad escape character.');
    return value;
  },
  format: (value) => [value === 'none' ? 'none' : shownCharacter(value)],
};

/** The character that -e or EscapeChar names: itself, `^X` for a control character, or `none`. */
export function parseEscapeChar(text: string): number | 'none' | undefined {
  const bytes = Buffer.from(text);
  if (bytes[0] === 0x5e && bytes.length === 2 && (bytes[1] as number) >= 64 && (bytes[1] as number) < 128) return (bytes[1] as number) & 31;
  if (bytes.length === 1) return bytes[0];
  return text === 'none' ? 'none' : undefined;
}

/** As vis(3) shows a character with white space escaped. */
function shownCharacter(code: number): string {
  const mark = code < 0x80 ? '' : 'M';
  const low = code & 0x7f;
  if (code === 0x5c) return '\\\\';
  if (mark === '' && low > 0x20 && low < 0x7f) return String.fromCharCode(low);
  if (low === 0x20) return mark === '' ? '\\040' : '\\240';
  if (low < 0x20 || low === 0x7f) return `\\${mark}^${low === 0x7f ? '?' : String.fromCharCode(low + 64)}`;
  return `\\M-${String.fromCharCode(low)}`;
}

/** Names of DSCP values (RFC 2474, 2597, 3246, 8622). */
const dscpNames: readonly (readonly [string, number])[] = [
  ['af11', 0x0a],
  ['af12', 0x0c],
  ['af13', 0x0e],
  ['af21', 0x12],
  ['af22', 0x14],
  ['af23', 0x16],
  ['af31', 0x1a],
  ['af32', 0x1c],
  ['af33', 0x1e],
  ['af41', 0x22],
  ['af42', 0x24],
  ['af43', 0x26],
  ['cs0', 0x00],
  ['cs1', 0x08],
  ['cs2', 0x10],
  ['cs3', 0x18],
  ['cs4', 0x20],
  ['cs5', 0x28],
  ['cs6', 0x30],
  ['cs7', 0x38],
  ['ef', 0x2e],
  ['le', 0x01],
];

/** IPQoS. */
export const qos: Kind<Qos> = {
  read: (args) => {
    const one = (word: string): number | 'none' => {
      const value = parseQos(word, args);
      if (value === undefined) throw new LineError(`Bad IPQoS value: ${word}`);
      return value;
    };
    const interactive = one(args.next() ?? '');
    const second = args.next();
    return { interactive, bulk: second === undefined ? interactive : one(second) };
  },
  format: ({ interactive, bulk }) => [`${shownQos(interactive)} ${shownQos(bulk)}`],
  words: ['none', ...dscpNames.map(([name]) => name)],
};

function parseQos(word: string, args: Arguments): number | 'none' | undefined {
  const lower = lowerCase(word);
  if (lower === 'none') return 'none';
  if (lower === 'lowdelay' || lower === 'throughput' || lower === 'reliability') {
    args.log('DEBUG', `Deprecated IPQoS value "${word}" ignored - using system default instead. Consider using DSCP values.`);
    return 'none';
  }
  const named = dscpNames.find(([name]) => name === lower);
  if (named !== undefined) return named[1];
  const value = /^[0-9]+$/.test(word) ? Number(word) : Number.NaN;
  return value >= 0 && value <= 63 ? value : undefined;
}

function shownQos(value: number | 'none'): string {
  if (value === 'none') return 'none';
  return dscpNames.find(([, number]) => number === value)?.[0] ?? `0x${value.toString(16).padStart(2, '0')}`;
}

/** RekeyLimit. */
export const rekeyLimit: Kind<RekeyLimit> = {
  read: (args) => {
    const word = args.required();
    const bytes = word === 'default' ? 0 : parseScaled(word);
    if (bytes === 'range') throw new LineError(`Bad number '${word}': Numerical result out of range`);
    if (bytes === undefined) throw new LineError(`Bad number '${word}': Invalid argument`);
    if (bytes < 0 || (bytes > 0 && bytes < 16)) throw new LineError('RekeyLimit too small');
    const time = args.next();
    if (time === undefined || time === 'none') return { bytes, seconds: 0 };
    const seconds = time === '' ? undefined : parseSeconds(time);
    if (seconds === undefined) throw new LineError(time === '' ? 'missing time value.' : 'invalid time value.');
    return { bytes, seconds };
  },
  format: ({ bytes, seconds }) => [`${bytes} ${seconds}`],
};

/** A number with a unit of 1024's powers, a fraction allowed. */
function parseScaled(word: string): number | 'range' | undefined {
  const parts = /^([+-]?)([0-9]*)(?:\.([0-9]*))?([BKMGTPE]?)$/i.exec(word);
  if (parts === null) return undefined;
  const power = 'BKMGTPE'.indexOf((parts[4] as string).toUpperCase() || 'B');
  const whole = BigInt(parts[2] || '0');
  const scale = 1024n ** BigInt(power);
  if (whole * scale > 0x7fffffffffffffffn) return 'range';
  const fraction = parts[3] ? (BigInt(parts[3]) * scale) / 10n ** BigInt(parts[3].length) : 0n;
  const value = Number(whole * scale + fraction);
  return parts[1] === '-' && value !== 0 ? -value : value;
}

/** StreamLocalBindMask, in octal. */
export const mask: Kind<number> = {
  read: (args) => {
    const word = args.required('Missing StreamLocalBindMask argument.');
    if (!/^[0-7]+$/.test(word) || Number.parseInt(word, 8) > 0o777) throw new LineError('Bad mask.');
    return Number.parseInt(word, 8);
  },
  format: (value) => [`0${value.toString(8)}`],
};

const facilities = ['DAEMON', 'USER', 'AUTH', 'AUTHPRIV', 'LOCAL0', 'LOCAL1', 'LOCAL2', 'LOCAL3', 'LOCAL4', 'LOCAL5', 'LOCAL6', 'LOCAL7'];

/** SyslogFacility. */
export const facility: Kind<string> = {
  read: (args) => {
    const word = args.next() ?? '';
    const name = facilities.find((known) => known === word.toUpperCase());
    if (name === undefined) throw new LineError(`unsupported log facility '${word}'`);
    return name;
  },
  format: (value) => [value],
  words: facilities,
};

/** FingerprintHash. */
export const hash: Kind<'MD5' | 'SHA1' | 'SHA256' | 'SHA384' | 'SHA512'> = {
  read: (args) => {
    const word = args.required();
    const name = (['MD5', 'SHA1', 'SHA256', 'SHA384', 'SHA512'] as const).find((known) => known === word.toUpperCase());
    if (name === undefined) throw new LineError(`Invalid hash algorithm "${word}".`);
    return name;
  },
  format: (value) => [value],
  words: ['md5', 'sha256'],
};

/** TunnelDevice. */
export const tunnelUnits: Kind<TunnelUnits> = {
  read: (args) => {
    const units = parseTunnel(args.required());
    if (units === undefined) throw new LineError('Bad tun device.');
    return units;
  },
  format: ({ local, remote }) => [`${local}:${remote}`],
};

/** The units of -w or TunnelDevice: `local[:remote]`, each a number or `any`. */
export function parseTunnel(text: string): TunnelUnits | undefined {
  const unit = (part: string): number | 'any' | undefined => {
    if (lowerCase(part) === 'any') return 'any';
    return /^\+?[0-9]+$/.test(part) && Number(part) <= 0x7ffffffd ? Number(part) : undefined;
  };
  const colon = text.indexOf(':');
  const local = unit(colon < 0 ? text : text.slice(0, colon));
  const remote = colon < 0 ? 'any' : unit(text.slice(colon + 1));
  return local === undefined || remote === undefined ? undefined : { local, remote };
}

/** ObscureKeystrokeTiming: milliseconds between packets, 0 for off. */
export const obscureTiming: Kind<number> = {
  read: (args) => {
    const word = args.next() ?? '';
    const lower = lowerCase(word);
    if (lower === 'yes' || lower === 'true') return 20;
    if (lower === 'no' || lower === 'false') return 0;
    if (!lower.startsWith('interval:')) throw new LineError(`unsupported argument "${word}"`);
    const interval = parseInteger(word.slice('interval:'.length));
    if (interval === 0 || interval > 1000) throw new LineError('value out of range.');
    return interval;
  },
  format: (value) => [value === 0 ? 'no' : value === 20 ? 'yes' : String(value)],
  words: ['yes', 'no', 'interval:'],
};

/** PubkeyAcceptedAlgorithms' and others' neighbour: a port. */
export const port: Kind<number> = {
  read: (args) => {
    const word = args.required();
    const number = /^[0-9]+$/.test(word) ? Number(word) : args.lookups.servicePort(word);
    if (number === undefined || number <= 0 || number > 65_535) throw new LineError(`Bad port '${word}'.`);
    return number;
  },
  format: (value) => [String(value)],
};
