/** Reading of ssh_config(5) files: lines to settings, each of which knows where it comes from. */
import { lowerCase, matchPattern, matchPatternList } from '../core/util/pattern.ts';
import { cutWord, splitWords, withoutLeadingSpace } from '../core/util/words.ts';
import type { Log } from '../core/util/log.ts';
import { retiredKeywords } from './aliases.ts';
import { clientKeywords, clientOptions, type ClientOption } from './client-keywords.ts';
import { ConfigError, fatal, type ConfigEnvironment } from './environment.ts';
import { deepestInclude, includedFiles } from './include.ts';
import { Arguments, LineError, type Lookups } from './kind.ts';
import { judgeMatch, type MatchSubject } from './match.ts';
import { expandConfigured } from './tokens.ts';
import { commandLineFile, rowOf, type Block, type Settings } from './settings.ts';

/** What a pass over the files is for. */
export interface ParseTarget {
  readonly settings: Settings;
  readonly environment: ConfigEnvironment;
  /** What Host blocks are matched with. */
  readonly host: string;
  /** What Match blocks are matched with; asked anew for each block, for what stands before it counts. */
  subject(): MatchSubject;
}

/** What a pass found out beside the settings. */
export interface ParseOutcome {
  /** Why the file could not be read, where it couldn't. */
  readonly problem: string | undefined;
  /** Whether a Match asks for a second pass. */
  readonly wantsFinalPass: boolean;
}

/** How a file is to be read. */
export interface FileRole {
  /** A user's file: relative includes are looked for in ~/.ssh. */
  readonly ofUser: boolean;
  /** Whether others must not be able to write to it. */
  readonly strict: boolean;
}

const byKeyword = new Map<string, ClientOption>();
for (const option of clientOptions) {
  const row = clientKeywords[option];
  byKeyword.set(row.name.toLowerCase(), option);
  for (const alias of ('aliases' in row ? row.aliases : undefined) ?? []) byKeyword.set(alias, option);
}

/** The option that a keyword, in any case, sets. */
export function optionOf(keyword: string): ClientOption | undefined {
  return byKeyword.get(lowerCase(keyword));
}

/**
 * Reads one file with all that it includes.
 *
 * @throws ConfigError where it holds wrong lines or must not be trusted; the log has said why.
 */
export function parseFile(path: string, role: FileRole, target: ParseTarget): ParseOutcome {
  const pass: Pass = { target, ofUser: role.ofUser, wantsFinalPass: false };
  const problem = readFile(path, role.strict, pass, { active: true, never: undefined, block: undefined }, 0);
  return { problem, wantsFinalPass: pass.wantsFinalPass };
}

/**
 * Reads a line of -o.
 *
 * @throws ConfigError where it is wrong; the log has said why.
 */
export function parseCommandLineOption(line: string, settings: Settings, environment: Lookups): void {
  const state: BlockState = { active: true, never: undefined, block: undefined };
  if (!readLine(line, { file: commandLineFile, line: 0 }, settings, environment, state, undefined)) {
    throw new ConfigError(`bad option on the command line: ${line}`);
  }
}

interface Pass {
  readonly target: ParseTarget;
  readonly ofUser: boolean;
  wantsFinalPass: boolean;
}

/** Where the reader is among the blocks. */
interface BlockState {
  active: boolean;
  /** Why nothing in here can apply: the file was included from a block that does not. */
  readonly never: string | undefined;
  block: Block | undefined;
}

interface Place {
  readonly file: string;
  readonly line: number;
}

/** Reads a file; gives undefined, or why it could not be opened. */
function readFile(path: string, strict: boolean, pass: Pass, state: BlockState, depth: number): string | undefined {
  const { environment } = pass.target;
  if (depth > deepestInclude) throw fatal(environment.log, 'Too many recursive configuration includes');
  const file = environment.readFile(path, strict);
  if ('problem' in file) {
    if (file.problem === 'permissions') throw fatal(environment.log, `Bad owner or permissions on ${path}`);
    return file.problem === 'other' ? file.reason : 'No such file or directory';
  }
  environment.log('DEBUG', `Reading configuration data ${path.slice(0, 200)}`);
  let bad = 0;
  const lines = file.text.split('\n');
  for (const [index, line] of lines.entries()) {
    const nul = line.indexOf('\0');
    const text = nul < 0 ? line : line.slice(0, nul);
    const structure: Structure = { pass, depth };
    if (!readLine(text, { file: path, line: index + 1 }, pass.target.settings, environment, state, structure)) bad++;
  }
  if (bad > 0) throw fatal(environment.log, `${path}: terminating, ${bad} bad configuration options`);
  return undefined;
}

interface Structure {
  readonly pass: Pass;
  readonly depth: number;
}

/** Reads a line; false where it is wrong, which the log has said. `structure` is undefined on the command line. */
function readLine(
  written: string,
  place: Place,
  settings: Settings,
  environment: Lookups,
  state: BlockState,
  structure: Structure | undefined,
): boolean {
  const { log } = environment;
  const at = `${place.file.slice(0, 200)} line ${place.line}`;
  const head = cutKeyword(written);
  if (head === undefined) return true;
  const { keyword, raw } = head;
  const fail = (text: string): false => {
    log('ERROR', text);
    return false;
  };
  if (raw === undefined || raw === '') return fail(`${at}: no argument after keyword "${keyword}"`);
  const option = byKeyword.get(keyword);
  const retired = Object.hasOwn(retiredKeywords, keyword) ? retiredKeywords[keyword] : undefined;
  const structural = keyword === 'host' || keyword === 'match' || keyword === 'include';
  const isIgnored = matchPatternList(keyword, settings.get('ignoreUnknown') ?? '', true) === 'match';
  if (option === undefined && retired === undefined && !structural && !isIgnored) {
    return fail(`${place.file}: line ${place.line}: Bad configuration option: ${keyword}`);
  }
  const words = splitWords(raw, true);
  if (words === undefined) return fail(`${at}: invalid quotes`);
  if (structural) {
    if (structure === undefined)
      throw fatal(log, `${keyword === 'include' ? 'Include' : 'Host'} directive not supported as a command-line option`);
    return readStructure(keyword, words, raw, place, state, structure);
  }
  if (option === undefined) {
    noteRetired(retired, keyword, at, log);
    return true;
  }
  const args = new Arguments({
    keyword,
    raw,
    words,
    isCommandLine: structure === undefined,
    log: (level, text) => log(level, level === 'FATAL' ? text : text.startsWith('Unsupported KEX') ? text : `${at}: ${text}`),
    lookups: environment,
  });
  try {
    readOption(option, args, settings, state, place);
    return true;
  } catch (error) {
    if (!(error instanceof LineError)) throw error;
    if (error.isFatal) throw fatal(log, `${at}: ${error.text}`);
    return fail(`${at}: ${error.text}`);
  }
}

function readOption<K extends ClientOption>(option: K, args: Arguments, settings: Settings, state: BlockState, place: Place): void {
  const value = rowOf(option).kind.read(args);
  if (args.left > 0) throw new LineError(`keyword ${args.keyword} extra arguments at end of line`);
  if (!state.active || value === undefined) return;
  const origin = { ...place, block: state.block };
  // A jump and a proxy command shut each other out; the first one counts.
  if (option === 'proxyCommand' && settings.get('proxyJump') !== undefined && settings.get('proxyJump') !== 'none') {
    settings.shadow(option, value, origin);
  } else if (option === 'proxyJump' && settings.get('proxyCommand') !== undefined) {
    settings.shadow(option, value, origin);
  } else {
    settings.add(option, value, origin);
  }
}

/** The keyword in lower case and what follows it; undefined for an empty line, a comment or an open quote. */
function cutKeyword(written: string): { keyword: string; raw: string | undefined } | undefined {
  const line = written.replace(/[ \t\r\n\f]+$/, '');
  let cut = cutWord(line);
  if (cut?.word === '' && cut.rest !== undefined) cut = cutWord(cut.rest);
  if (cut === undefined || cut.word === '' || cut.word.startsWith('#')) return undefined;
  return { keyword: lowerCase(cut.word), raw: cut.rest === undefined ? undefined : withoutLeadingSpace(cut.rest) };
}

function noteRetired(retired: (typeof retiredKeywords)[string] | undefined, keyword: string, at: string, log: Log): void {
  if (retired === undefined) log('DEBUG', `${at}: Ignored unknown option "${keyword}"`);
  else if (retired === 'deprecated') log('DEBUG', `${at}: Deprecated option "${keyword}"`);
  else if (retired === 'unsupported') log('ERROR', `${at}: Unsupported option "${keyword}"`);
  else if (retired === 'absent') log('DEBUG', `${at}: Unsupported option "${keyword}"`);
}

function readStructure(
  keyword: string,
  words: readonly string[],
  raw: string,
  place: Place,
  state: BlockState,
  structure: Structure,
): boolean {
  if (keyword === 'host') return startHost(words, raw, place, state, structure.pass.target);
  if (keyword === 'match') return startMatch(words, raw, place, state, structure.pass);
  return include(words, place, state, structure);
}

function startHost(words: readonly string[], raw: string, place: Place, state: BlockState, target: ParseTarget): boolean {
  const { log } = target.environment;
  const at = `${place.file.slice(0, 200)} line ${place.line}`;
  let applies = false;
  let reason = `no pattern matches ${target.host}`;
  let first: string | undefined;
  state.active = false;
  for (const word of words) {
    if (word === '') {
      log('ERROR', `${at}: keyword host empty argument`);
      return false;
    }
    if (state.never !== undefined) {
      reason = state.never;
      break;
    }
    const negated = word.startsWith('!');
    const pattern = negated ? word.slice(1) : word;
    if (!matchPattern(target.host, pattern)) continue;
    if (negated) {
      log('DEBUG', `${at}: Skipping Host block because of negated match for ${pattern.slice(0, 100)}`);
      applies = false;
      first = undefined;
      reason = `${word} keeps it out`;
      break;
    }
    first ??= pattern;
    applies = true;
    reason = first;
  }
  if (applies) log('DEBUG', `${at}: Applying options for ${(first ?? '').slice(0, 100)}`);
  state.active = applies;
  state.block = { kind: 'Host', text: raw, ...place, applies, reason };
  target.settings.blocks.push(state.block);
  return true;
}

function startMatch(words: readonly string[], raw: string, place: Place, state: BlockState, pass: Pass): boolean {
  const { target } = pass;
  const at = `${place.file.slice(0, 200)} line ${place.line}`;
  const result = judgeMatch(words, target.subject(), target.environment, at);
  if (result.wantsFinalPass) pass.wantsFinalPass = true;
  if (result.verdict === 'bad') {
    target.environment.log('ERROR', `${at}: Bad Match condition`);
    return false;
  }
  const applies = result.verdict && state.never === undefined;
  state.active = applies;
  state.block = { kind: 'Match', text: raw, ...place, applies, reason: state.never ?? result.reason };
  target.settings.blocks.push(state.block);
  return true;
}

function include(words: readonly string[], place: Place, state: BlockState, structure: Structure): boolean {
  const { pass, depth } = structure;
  const { environment } = pass.target;
  const at = `${place.file.slice(0, 200)} line ${place.line}`;
  const { active, block } = state;
  const fail = (text: string): false => {
    environment.log('ERROR', `${at}: ${text}`);
    return false;
  };
  for (const word of words) {
    if (word === '') return fail('keyword include empty argument');
    const pattern = expandInclude(word, pass.target, at);
    if (pattern === undefined) continue;
    let files: readonly string[];
    try {
      files = includedFiles(pattern, pass.ofUser, environment, at);
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      return fail(error.text);
    }
    for (const file of files) {
      environment.log('DEBUG3', `${at}: Including file ${file} depth ${depth}${active ? '' : ' (parse only)'}`);
      const inner: BlockState = { active, never: state.never ?? (active ? undefined : includedFrom(block, place)), block };
      const problem = readFile(file, true, pass, inner, depth + 1);
      if (problem !== undefined && problem !== 'No such file or directory') {
        return fail(`Can't open user config file ${file.slice(0, 100)}: ${problem.slice(0, 100)}`);
      }
      if (problem !== undefined) return false;
    }
  }
  return true;
}

function includedFrom(block: Block | undefined, { file, line }: Place): string {
  return `${file} line ${line} includes it, within ${block === undefined ? 'a block' : `${block.kind} ${block.text}`}, which does not apply`;
}

/** Replaces tokens and variables. A variable that is not set is said to be missing, and undefined given; anything else unknown ends the program. */
function expandInclude(word: string, target: ParseTarget, at: string): string | undefined {
  const { environment } = target;
  const missing = /\$\{([^}]+)\}/g;
  for (const [, name = ''] of word.matchAll(missing)) {
    if (environment.variable(name) !== undefined) continue;
    environment.log('ERROR', `vdollar_percent_expand: env var \${${name}} has no value`);
    environment.log('ERROR', `${at}: Unable to expand user config file '${word.slice(0, 100)}'`);
    return undefined;
  }
  return expandConfigured(word, target.subject().tokens(), environment);
}
