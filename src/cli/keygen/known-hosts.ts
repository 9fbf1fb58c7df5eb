/** -F, -H and -R: known_hosts searched, hashed, and rid of a host. */
import { fingerprint, randomArt } from '../../core/keys/fingerprint.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import {
  hashHost,
  type KnownHostsLine,
  knownHostsKey,
  knownHostsName,
  matchHost,
  parseKnownHostsLine,
} from '../../core/keys/known-hosts.ts';
import { utf8Bytes, utf8Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { lowerCase } from '../../core/util/pattern.ts';
import { SystemError } from '../../node/errno.ts';
import { linkFile, removeFile } from '../../node/file-entries.ts';
import { readWholeFile, replaceFile } from '../../node/files.ts';
import { fileState } from '../../node/file-entries.ts';
import { describeKey } from './fingerprint.ts';
import { because, type Run } from './run.ts';

const largestFile = 256 * 1024 * 1024;

/** One pass over a file: what it is asked for, and what it found. */
interface Pass {
  readonly run: Run;
  readonly file: string;
  /** The host, in the form in which files have it, and as the user wrote it. */
  readonly host: string;
  readonly shown: string;
  readonly find: boolean;
  readonly remove: boolean;
  readonly hash: boolean;
  /** Where what is kept or found goes, line by line. */
  readonly keep: (line: string) => void;
  readonly found: unknown[];
  invalid: boolean;
  matched: boolean;
  /** Names that are no longer readable in the new file stand in the old one. */
  hashed: boolean;
}

/** A line as it stands in the file. */
interface Line {
  readonly text: string;
  readonly number: number;
}

/** Searches a known_hosts file, or puts a changed one in its place. */
export function editKnownHosts(run: Run): number {
  const { given, values, hostname = '' } = run.options;
  const file = values.get('f') ?? run.path('~/.ssh/known_hosts');
  const find = values.has('F');
  const inPlace = !find;
  const kept: string[] = [];
  const pass: Pass = {
    run,
    file,
    host: knownHostsName(hostname, 22),
    shown: hostname,
    find,
    remove: values.has('R'),
    hash: given.has('H'),
    keep: inPlace ? (line) => void kept.push(line) : (line) => run.out(`${line}\n`),
    found: [],
    invalid: false,
    matched: false,
    hashed: false,
  };
  for (const line of readLines(file)) handleLine(pass, line);
  if (run.options.json && find) run.json(pass.found);
  if (pass.invalid) {
    run.error(`${file} is not a valid known_hosts file.`);
    if (inPlace) run.error('Not replacing existing known_hosts file because of errors');
    return 1;
  }
  if (pass.remove && !pass.matched) run.info(`Host ${hostname} not found in ${file}`);
  else if (inPlace) replace(pass, kept);
  return find && !pass.matched ? 1 : 0;
}

function readLines(file: string): Line[] {
  try {
    fileState(file);
  } catch (error) {
    throw because(`Cannot stat ${file}`, error);
  }
  let text: string;
  try {
    text = utf8Text(readWholeFile(file, largestFile).bytes);
  } catch (error) {
    // a folder opens and holds nothing
    if (error instanceof SystemError && error.code === 'EISDIR') return [];
    throw because('do_known_hosts: hostkeys_foreach', error);
  }
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => ({ text: line, number: index + 1 }));
}

function handleLine(pass: Pass, line: Line): void {
  const parsed = parseKnownHostsLine(line.text);
  if (parsed.at !== 'entry') {
    if (pass.find) return;
    if (parsed.at === 'invalid') {
      pass.invalid = true;
      pass.run.info(`${pass.file}:${line.number}: invalid line`);
    }
    pass.keep(line.text);
    return;
  }
  // to hash a file is to hash all of it
  if (pass.hash && !pass.find) {
    hashLine(pass, line, parsed);
    return;
  }
  if (!matchHost(parsed.hosts, pass.host)) {
    if (!pass.find) pass.keep(line.text);
    return;
  }
  if (pass.remove) removeLine(pass, line, parsed);
  else if (pass.find) showLine(pass, line, parsed);
}

/** Lines of authorities and of revoked keys stay. */
function removeLine(pass: Pass, line: Line, parsed: KnownHostsLine): void {
  if (parsed.marker !== undefined) {
    pass.keep(line.text);
    return;
  }
  pass.matched = true;
  pass.run.tell(`# Host ${pass.shown} found: line ${line.number}\n`);
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
  } else pass.keep(line.text);
}

/** A line for each of its names; lines with patterns or markers stay, as do hashed ones. */
function hashLine(pass: Pass, line: Line, parsed: KnownHostsLine): void {
  const { hosts, marker } = parsed;
  const hasPattern = /[*?!]/.test(hosts);
  if (hosts.startsWith('|') || hasPattern || marker !== undefined) {
    pass.keep(line.text);
    if (hasPattern && !pass.find) {
      pass.run.info(`${pass.file}:${line.number}: ignoring host name with wildcard: ${hosts.slice(0, 64)}`);
    }
    return;
  }
  const rest = /^[ \t]*[^ \t]+[ \t]+([^]*)$/.exec(line.text)?.[1] ?? '';
  for (const name of hosts.split(',')) {
    if (name === '') break;
    pass.keep(`${hashHost(lowerCase(name))} ${rest}`);
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

/** Puts the new content in the file's place; the old one stays beside it. */
function replace({ run, file, hashed }: Pass, kept: readonly string[]): void {
  const old = `${file}.old`;
  const step = (what: string, act: () => void): void => {
    try {
      act();
    } catch (error) {
      throw because(what, error);
    }
  };
  step(`unlink ${old}`, () => removeFile(old));
  step(`link ${file} to ${old}`, () => linkFile(file, old));
  step(`rename to "${file}"`, () => replaceFile(file, utf8Bytes(kept.map((line) => `${line}\n`).join('')), { mode: 0o600 }));
  run.out(`${file} updated.\nOriginal contents retained as ${old}\n`);
  if (!hashed) return;
  run.info(`WARNING: ${old} contains unhashed entries`);
  run.info('Delete this file to ensure privacy of hostnames');
}
