/** Kinds of values that are lists: forwardings, jumps, environment, names. */
import { lowerCase, matchPatternList } from '../core/util/pattern.ts';
import { parseSeconds } from '../core/util/time.ts';
import { formatJump, parseJump, type Jump } from './destination.ts';
import { formatForward, parseForward, sameForward, type Forward, type ForwardKind } from './forward-spec.ts';
import { LineError, type Kind } from './kind.ts';

/** ChannelTimeout: seconds of idling by channel type. */
export interface ChannelTimeout {
  readonly type: string;
  readonly seconds: number;
  /** As it was written, for -G. */
  readonly text: string;
}

/** CanonicalizePermittedCNAMEs: which names may become which. */
export interface PermittedCname {
  readonly source: string;
  readonly target: string;
}

/** PermitRemoteOpen: where a remote dynamic forwarding may go to. */
export type PermitOpen = 'any' | 'none' | readonly string[];

/** ProxyJump, or `none`, which keeps later jumps and proxy commands out. */
export type ProxyJump = Jump | 'none';

/** How many forwardings were read. */
let forwardsRead = 0;

/** LocalForward, RemoteForward, DynamicForward. */
export function forwards(kind: ForwardKind): Kind<readonly Forward[]> {
  return {
    read: (args) => {
      const listen = args.required();
      const connect = kind === 'dynamic' ? undefined : args.next();
      const missing = connect === undefined || connect === '';
      if (kind === 'local' && missing) throw new LineError('Missing target argument.');
      const as = kind === 'remote' && missing ? 'remoteDynamic' : kind;
      const forward = parseForward(missing ? listen : `${listen}:${connect}`, as, args.lookups);
      if (forward === undefined) throw new LineError('Bad forwarding specification.');
      return [{ ...forward, order: forwardsRead++ }];
    },
    append: (before = [], value) => (before.some((known) => sameForward(known, value[0] as Forward)) ? before : [...before, ...value]),
    format: (value) => value.map((forward) => formatForward(forward, kind !== 'dynamic')),
  };
}

/** ProxyJump. */
export const jump: Kind<ProxyJump> = {
  read: (args) => {
    const text = args
      .rest()
      .replace(/#.*/, '')
      .replace(/[ \t\r\n].*/, '');
    return (
      parseJump(text, {
        servicePort: args.lookups.servicePort,
        report: args.isCommandLine ? (complaint) => args.log('FATAL', complaint) : undefined,
      }) ?? 'none'
    );
  },
  format: (value) => (value === 'none' ? [] : [formatJump(value)]),
};

/** SendEnv: patterns of names; `-pattern` takes away what was there before. */
export const sendEnv: Kind<readonly string[]> = {
  read: (args) => {
    const words = args.all();
    for (const word of words) if (word === '' || word.includes('=')) throw new LineError('Invalid environment name.');
    return words;
  },
  append: (before = [], value) => {
    let names = before;
    for (const word of value) {
      names = word.startsWith('-') ? names.filter((name) => !matches(name, word.slice(1))) : [...names, word];
    }
    return names;
  },
  format: (value) => value,
};

function matches(name: string, pattern: string): boolean {
  return matchPatternList(name, pattern.replaceAll(',', '')) === 'match';
}

/** SetEnv: `NAME=value`, of which the first for a name counts. */
export const setEnv: Kind<readonly string[]> = {
  read: (args) => {
    const settings: string[] = [];
    const words = args.all();
    for (const word of words) {
      if (!word.includes('=')) throw new LineError('Invalid SetEnv.');
      const name = word.slice(0, word.indexOf('=') + 1);
      if (settings.some((setting) => setting.startsWith(name))) args.log('DEBUG2', `ignoring duplicate env name "${word.slice(0, 64)}"`);
      else settings.push(word);
    }
    return settings;
  },
  format: (value) => value,
};

/** ChannelTimeout. */
export const channelTimeout: Kind<readonly ChannelTimeout[]> = {
  read: (args) => {
    const words = args.all();
    return alone(words, args.keyword, 'none', (word) => {
      const equals = word.indexOf('=');
      const seconds = parseSeconds(word.slice(equals + 1));
      if (equals <= 0 || seconds === undefined) throw new LineError(`invalid channel timeout ${word}`, true);
      return { type: word.slice(0, equals), seconds, text: word };
    });
  },
  format: (value) => [value.length === 0 ? 'none' : value.map(({ text }) => text).join(' ')],
};

/** CanonicalDomains. */
export const domains: Kind<readonly string[]> = {
  read: (args) => alone(args.all(), args.keyword, 'none', canonicalDomain),
  format: (value) => [value.length === 0 ? 'none' : value.join(' ')],
};

function canonicalDomain(word: string): string {
  let name = lowerCase(word);
  if (name === '') throw new LineError('empty domain name');
  if (!/^[a-z0-9]/.test(name)) throw new LineError(`domain name "${word}" starts with invalid character`);
  for (let at = 0; at < name.length; at++) {
    if (!/[a-z0-9._-]/.test(name[at] as string)) throw new LineError(`domain name "${word}" contains invalid characters`);
    if (name[at] === '.' && name[at - 1] === '.') throw new LineError(`domain name "${word}" contains consecutive separators`);
  }
  if (name.endsWith('.')) name = name.slice(0, -1);
  return name;
}

/** CanonicalizePermittedCNAMEs. */
export const permittedCnames: Kind<readonly PermittedCname[]> = {
  read: (args) =>
    alone(args.all(), args.keyword, 'none', (word) => {
      const colon = word.indexOf(':');
      if (colon < 0 || colon === word.length - 1) throw new LineError(`Invalid permitted CNAME "${word}"`);
      return { source: word.slice(0, colon), target: word.slice(colon + 1) };
    }),
  format: (value) => [value.length === 0 ? 'none' : value.map(({ source, target }) => `${source}:${target}`).join(' ')],
};

/** PermitRemoteOpen. */
export const permitOpen: Kind<PermitOpen> = {
  read: (args) => {
    const words = args.all();
    const whole = words[0];
    if (words.length === 1 && (whole === 'any' || whole === 'none')) return whole;
    for (const word of words) {
      if (word === 'any' || word === 'none') throw new LineError(`keyword ${args.keyword} "${word}" argument must appear alone.`);
      const parts = /^(\[[^\]]*\]|[^:]*):([^:]*)$/.exec(word);
      const portText = parts?.[2] ?? '';
      const number = portText === '*' ? 1 : /^[0-9]+$/.test(portText) ? Number(portText) : args.lookups.servicePort(portText);
      if (number === undefined || number <= 0 || number > 65_535) throw new LineError(`bad port number in ${args.keyword}`, true);
    }
    return words;
  },
  format: (value) => [typeof value === 'string' ? value : value.join(' ')],
};

/** Reads words one by one; `none` (which gives an empty list) must stand alone. */
function alone<T>(words: readonly string[], keyword: string, none: string, read: (word: string) => T): T[] {
  if (words.length === 1 && lowerCase(words[0] as string) === none) return [];
  return words.map((word) => {
    if (lowerCase(word) === none) throw new LineError(`keyword ${keyword} "${none}" argument must appear alone.`);
    return read(word);
  });
}
