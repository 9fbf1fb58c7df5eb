/** -F, -H and -R: known_hosts searched, hashed, and rid of a host. */
import { fingerprint, randomArt } from '../../core/keys/fingerprint.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import {
  hashHost,
  type HostMatcher,
  hostMatcher,
  type KnownHostsLine,
  knownHostsKey,
  knownHostsName,
  type ParsedLine,
  parseKnownHostsLine,
  skimHosts,
} from '../../core/keys/known-hosts.ts';
import { keyType } from '../../core/keys/key-types.ts';
import { latin1Bytes, latin1Text, utf8Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { lowerCase } from '../../core/util/pattern.ts';
import { rewriteKnownHosts } from '../../files/known-hosts-files.ts';
import { SystemError } from '../../node/errno.ts';
import { fileState } from '../../node/file-entries.ts';
import { readWholeFile } from '../../node/files.ts';
import { describeKey } from './fingerprint.ts';
import { because, Fatal } from './endings.ts';
import type { Run } from './run.ts';

const largestFile = 256 * 1024 * 1024;

/** One pass over a file: what it is asked for, and what it found. */
interface Pass {
  readonly run: Run;
  readonly file: string;
  /** Whether a line's names include the host, and how the user wrote it. */
  readonly isHost: HostMatcher;
  readonly shown: string;
  readonly find: boolean;
  readonly remove: boolean;
  readonly hash: boolean;
  /** Takes what is kept or found, line by line. */
  readonly keep: (line: Line, text?: string) => void;
  /** Takes what is to be said once the pass counts: a file that others write to meanwhile is gone through again. */
  readonly say: (act: () => void) => void;
  readonly found: unknown[];
  invalid: boolean;
  matched: boolean;
  /** Names that are no longer readable in the new file stand in the old one. */
  hashed: boolean;
}

/** A line: one character per byte as it stands in the file, its text, and its number. */
interface Line {
  readonly raw: string;
  readonly text: string;
  readonly number: number;
}

/** Searches a known_hosts file, or puts a changed one in its place. */
export function editKnownHosts(run: Run): number {
  const { values } = run.options;
  const file = values.get('f') ?? run.path('~/.ssh/known_hosts');
  try {
    fileState(file);
  } catch (error) {
    throw because(`Cannot stat ${file}`, error);
  }
  return values.has('F') ? find(run, file) : edit(run, file);
}

function find(run: Run, file: string): number {
  const pass = newPass(run, file, {
    keep: ({ raw }, text) => run.outBytes(latin1Bytes(`${text ?? raw}\n`)),
    say: (act) => act(),
  });
  walk(pass, readText(file));
  if (run.options.json) run.json(pass.found);
  return pass.matched ? 0 : 1;
}

function edit(run: Run, file: string): number {
  let pass: Pass | undefined;
  let said: (() => void)[] = [];
  let wasChanged = false;
  const once = (text: string): string | undefined => {
    said = [];
    const kept: string[] = [];
    pass = newPass(run, file, { keep: ({ raw }, line) => void kept.push(line ?? raw), say: (act) => void said.push(act) });
    walk(pass, text);
    wasChanged = !pass.invalid && (!pass.remove || pass.matched);
    return wasChanged ? kept.map((line) => `${line}\n`).join('') : undefined;
  };
  try {
    rewriteKnownHosts(file, once, { replaceLink: true });
  } catch (error) {
    // a folder opens and holds nothing
    if (!(error instanceof SystemError) || error.code !== 'EISDIR') throw becauseUnwritten(file, error);
    once('');
    if (wasChanged) throw because(`link ${file} to ${file}.old`, new SystemError('EPERM', file));
  }
  for (const act of said) act();
  if (pass?.invalid === true) {
    run.error(`${file} is not a valid known_hosts file.`);
    run.error('Not replacing existing known_hosts file because of errors');
    return 1;
  }
  if (!wasChanged) run.info(`Host ${run.options.hostname ?? ''} not found in ${file}`);
  else {
    run.out(`${file} updated.\nOriginal contents retained as ${file}.old\n`);
    if (pass?.hashed === true) {
      run.info(`WARNING: ${file}.old contains unhashed entries`);
      run.info('Delete this file to ensure privacy of hostnames');
    }
  }
  return 0;
}

/** Why a file was not rewritten: it can't be read, another program of ours is at it, or nothing can be written beside it. */
function becauseUnwritten(file: string, error: unknown): Fatal {
  readText(file);
  const isLocked = error instanceof SystemError && error.code === 'EEXIST';
  return isLocked ? new Fatal(`${file} is being rewritten by another program (${file}.lock)`) : because('mkstemp', error);
}

function newPass(run: Run, file: string, { keep, say }: Pick<Pass, 'keep' | 'say'>): Pass {
  const { given, values, hostname = '' } = run.options;
  return {
    run,
    file,
    isHost: hostMatcher(knownHostsName(hostname, 22)),
    shown: hostname,
    find: values.has('F'),
    remove: values.has('R'),
    hash: given.has('H'),
    keep,
    say,
    found: [],
    invalid: false,
    matched: false,
    hashed: false,
  };
}

/** A file's text, one character per byte. @throws Fatal */
function readText(file: string): string {
  try {
    return latin1Text(readWholeFile(file, largestFile).bytes);
  } catch (error) {
    // a folder opens and holds nothing
    if (error instanceof SystemError && error.code === 'EISDIR') return '';
    throw because('do_known_hosts: hostkeys_foreach', error);
  }
}

/** Goes through the lines of a text that has one character per byte. */
function walk(pass: Pass, content: string): void {
  const lines = content.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const isAscii = !/[\x80-\xff]/.test(content);
  for (const [index, raw] of lines.entries()) {
    handleLine(pass, { raw, text: isAscii ? raw : utf8Text(latin1Bytes(raw)), number: index + 1 });
  }
}

function handleLine(pass: Pass, line: Line): void {
  // to hash a file is to hash all of it
  const all = pass.hash && !pass.find;
  const hosts = skimHosts(line.text);
  if (hosts !== undefined && !all && !pass.isHost(hosts)) {
    if (!pass.find) pass.keep(line);
    return;
  }
  const parsed = parse(line.text);
  if (parsed.at !== 'entry') {
    if (pass.find) return;
    if (parsed.at === 'invalid') {
      pass.invalid = true;
      pass.say(() => pass.run.info(`${pass.file}:${line.number}: invalid line`));
    }
    pass.keep(line);
    return;
  }
  if (all) {
    hashLine(pass, line, parsed);
    return;
  }
  if (hosts === undefined && !pass.isHost(parsed.hosts)) {
    if (!pass.find) pass.keep(line);
    return;
  }
  if (pass.remove) removeLine(pass, line, parsed);
  else if (pass.find) showLine(pass, line, parsed);
}

/** A line, of which a type of key that is not known makes nothing. */
function parse(text: string): ParsedLine {
  const parsed = parseKnownHostsLine(text);
  return parsed.at === 'entry' && keyType(parsed.keyType) === undefined ? { at: 'invalid', reason: 'unknown type of key' } : parsed;
}

/** Lines of authorities and of revoked keys stay. */
function removeLine(pass: Pass, line: Line, parsed: KnownHostsLine): void {
  if (parsed.marker !== undefined) {
    pass.keep(line);
    return;
  }
  pass.matched = true;
  pass.say(() => pass.run.tell(`# Host ${pass.shown} found: line ${line.number}\n`));
}

const markers = { 'cert-authority': 'CA', revoked: 'REVOKED' } as const;

function showLine(pass: Pass, line: Line, parsed: KnownHostsLine): void {
  const { run, shown } = pass;
  const { given, json, hash } = run.options;
  const needsKey = given.has('l') || json;
  const key = needsKey ? keyOf(parsed) : undefined;
  if (needsKey && key === undefined) return;
  pass.matched = true;
  if (json && key !== undefined) {
    const { marker = null, hosts, comment } = parsed;
    pass.found.push({ host: shown, line: line.number, marker, hosts, ...describeKey(run, key), comment });
    return;
  }
  run.tell(`# Host ${shown} found: line ${line.number} ${parsed.marker === undefined ? '' : markers[parsed.marker]}\n`);
  if (pass.hash) hashLine(pass, line, parsed);
  else if (key !== undefined) {
    run.outVisible(`${shown} ${key.shortName} ${fingerprint(key, hash)}${parsed.comment === '' ? '' : ` ${parsed.comment}`}\n`);
    if (run.isVerbose) run.out(`${randomArt(key, hash)}\n`);
  } else pass.keep(line);
}

/** A line for each of its names; lines with patterns or markers stay, as do hashed ones. */
function hashLine(pass: Pass, line: Line, parsed: KnownHostsLine): void {
  const { hosts, marker } = parsed;
  const hasPattern = /[*?!]/.test(hosts);
  if (hosts.startsWith('|') || hasPattern || marker !== undefined) {
    pass.keep(line);
    if (hasPattern && !pass.find) {
      pass.say(() => pass.run.info(`${pass.file}:${line.number}: ignoring host name with wildcard: ${hosts.slice(0, 64)}`));
    }
    return;
  }
  const rest = /^[ \t]*[^ \t]+[ \t]+([^]*)$/.exec(line.raw)?.[1] ?? '';
  for (const name of hosts.split(',')) {
    if (name === '') break;
    pass.keep(line, `${hashHost(lowerCase(name))} ${rest}`);
    pass.hashed = true;
  }
}

function keyOf(parsed: KnownHostsLine): PublicKey | undefined {
  try {
    return knownHostsKey(parsed);
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}
