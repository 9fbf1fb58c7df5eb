/** -F, -H and -R: known_hosts searched, hashed, and rid of a host. */
import { fingerprint, randomArt } from '../../core/keys/fingerprint.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import {
  hashHost,
  hashHosts,
  type HostMatcher,
  hostMatcher,
  type KnownHostsLine,
  knownHostsKey,
  knownHostsName,
  type ParsedLine,
  parseKnownHostsLine,
  skimHosts,
} from '../../core/keys/known-hosts.ts';
import { isMalformedHashedName } from '../../core/keys/hashed-name.ts';
import { everyLine, suspectLines } from '../../core/keys/known-hosts-lines.ts';
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
  /** The host's name, whether a line's names include it, and how the user wrote it. */
  readonly host: string;
  readonly isHost: HostMatcher;
  readonly shown: string;
  readonly find: boolean;
  readonly remove: boolean;
  readonly hash: boolean;
  /** Takes what is kept or found, line by line. */
  readonly keep: (line: Line) => void;
  /** Takes a name that is to be hashed, and what stands behind it in its line. */
  readonly keepHashed: (name: string, rest: string) => void;
  /** Takes the text between the lines that were looked at. */
  readonly keepOthers: (text: string) => void;
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
    keep: ({ raw }) => run.outBytes(latin1Bytes(`${raw}\n`)),
    keepHashed: (name, rest) => run.outBytes(latin1Bytes(`${hashHost(name)} ${rest}\n`)),
    keepOthers: () => undefined,
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
    const [names, places]: [string[], number[]] = [[], []];
    pass = newPass(run, file, {
      keep: ({ raw }) => void kept.push(`${raw}\n`),
      keepHashed: (name, rest) => {
        names.push(name);
        places.push(kept.push('', ` ${rest}\n`) - 2);
      },
      keepOthers: (others) => void kept.push(others, others === '' || others.endsWith('\n') ? '' : '\n'),
      say: (act) => void said.push(act),
    });
    walk(pass, text);
    wasChanged = !pass.invalid && (!pass.remove || pass.matched);
    if (!wasChanged) return undefined;
    for (const [index, hashed] of hashHosts(names).entries()) kept[places[index] as number] = hashed;
    return kept.join('');
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

function newPass(run: Run, file: string, takers: Pick<Pass, 'keep' | 'keepHashed' | 'keepOthers' | 'say'>): Pass {
  const { given, values, hostname = '' } = run.options;
  const host = knownHostsName(hostname, 22);
  return {
    ...takers,
    run,
    file,
    host,
    isHost: hostMatcher(host),
    shown: hostname,
    find: values.has('F'),
    remove: values.has('R'),
    hash: given.has('H'),
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

/** Goes through the lines of a text that has one character per byte: to hash a file is to hash all of it. */
function walk(pass: Pass, content: string): void {
  const all = pass.hash && !pass.find;
  let passed = 0;
  for (const { start, end, number } of all ? everyLine(content) : suspectLines(content, pass.host)) {
    if (start > passed) pass.keepOthers(content.slice(passed, start));
    passed = end + 1;
    const raw = content.slice(start, end);
    const line = { raw, text: /[\x80-\xff]/.test(raw) ? utf8Text(latin1Bytes(raw)) : raw, number };
    if (all) hashAny(pass, line);
    else handleLine(pass, line);
  }
  pass.keepOthers(content.slice(passed));
}

function handleLine(pass: Pass, line: Line): void {
  const hosts = skimHosts(line.text);
  if (hosts !== undefined && !pass.isHost(hosts) && !isMalformedHashedName(hosts)) {
    keepUnlessFinding(pass, line);
    return;
  }
  const parsed = parse(line.text);
  if (parsed.at !== 'entry') noEntry(pass, line, parsed);
  else if (isMalformedHashedName(parsed.hosts)) noEntry(pass, line, { at: 'invalid', reason: 'malformed hashed name' });
  else if (hosts === undefined && !pass.isHost(parsed.hosts)) keepUnlessFinding(pass, line);
  else if (pass.remove) removeLine(pass, line, parsed);
  else if (pass.find) showLine(pass, line, parsed);
}

function hashAny(pass: Pass, line: Line): void {
  const hosts = skimHosts(line.text);
  if (hosts !== undefined) {
    hashLine(pass, line, { hosts });
    return;
  }
  const parsed = parse(line.text);
  if (parsed.at === 'entry') hashLine(pass, line, parsed);
  else noEntry(pass, line, parsed);
}

/** A comment, or a line that is not in order. */
function noEntry(pass: Pass, line: Line, parsed: Exclude<ParsedLine, KnownHostsLine>): void {
  if (!pass.find && parsed.at === 'invalid') {
    pass.invalid = true;
    pass.say(() => pass.run.info(`${pass.file}:${line.number}: invalid line`));
  }
  keepUnlessFinding(pass, line);
}

function keepUnlessFinding(pass: Pass, line: Line): void {
  if (!pass.find) pass.keep(line);
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
function hashLine(pass: Pass, line: Line, { hosts, marker }: Pick<KnownHostsLine, 'hosts' | 'marker'>): void {
  const hasPattern = /[*?!]/.test(hosts);
  if (hosts.startsWith('|') || hasPattern || marker !== undefined) {
    pass.keep(line);
    if (hasPattern && !pass.find) {
      pass.say(() => pass.run.info(`${pass.file}:${line.number}: ignoring host name with wildcard: ${hosts.slice(0, 64)}`));
    }
    return;
  }
  const rest = /^[ \t]*[^ \t]+[ \t]+([^]*)$/.exec(line.raw)?.[1] ?? '';
  for (const name of lowerCase(hosts).split(',')) {
    if (name === '') break;
    pass.keepHashed(name, rest);
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
