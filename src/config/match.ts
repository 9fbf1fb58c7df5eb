/** The criteria of Match blocks (ssh_config(5)). */
import { matchNetworkList, networkListProblem } from '../core/util/addr.ts';
import { lowerCase, matchHostname, matchPatternList } from '../core/util/pattern.ts';
import type { Tokens } from '../core/util/percent.ts';
import { type ConfigEnvironment, fatal } from './environment.ts';
import { expandConfiguredTokens } from './tokens.ts';

/** What Match criteria look at. */
export interface MatchSubject {
  /** The host as the command line names it. */
  readonly originalHost: string;
  /** The host after Hostname and canonicalization. */
  readonly host: string;
  readonly user: string;
  readonly tag: string | undefined;
  /** The remote command or the subsystem. */
  readonly command: string | undefined;
  readonly sessionType: 'shell' | 'exec' | 'subsystem' | 'none';
  /** What `version` is compared with. */
  readonly version: string;
  /** Whether this is the last of two passes. */
  readonly finalPass: boolean;
  /** What tokens stand for, in Match exec and Include. */
  tokens(): Tokens;
}

/** What came of a Match line. */
export interface MatchResult {
  /** `bad` where the line is wrong. */
  readonly verdict: boolean | 'bad';
  /** The criterion that decided. */
  readonly reason: string;
  /** Whether a `final` criterion asks for a second pass. */
  readonly wantsFinalPass: boolean;
}

interface Criterion {
  /** What is matched, for the log. */
  value(subject: MatchSubject, environment: ConfigEnvironment): string | undefined;
  /** undefined where the argument is wrong. */
  test(argument: string, subject: MatchSubject, environment: ConfigEnvironment): boolean | undefined;
  /** Whether an empty argument has a meaning: the value is not set. */
  readonly mayBeEmpty?: true;
}

function listCriterion(value: (subject: MatchSubject, environment: ConfigEnvironment) => string): Criterion {
  return { value, test: (argument, subject, environment) => matchPatternList(value(subject, environment), argument) === 'match' };
}

function optionalCriterion(value: (subject: MatchSubject) => string | undefined): Criterion {
  return {
    value: (subject) => value(subject) ?? '',
    test: (argument, subject) =>
      argument === '' ? (value(subject) ?? '') === '' : matchPatternList(value(subject) ?? '', argument) === 'match',
    mayBeEmpty: true,
  };
}

function hostCriterion(value: (subject: MatchSubject) => string): Criterion {
  return { value, test: (argument, subject) => matchHostname(value(subject), argument) === 'match' };
}

const criteria: Readonly<Record<string, Criterion>> = {
  host: hostCriterion((subject) => subject.host),
  originalhost: hostCriterion((subject) => subject.originalHost),
  user: listCriterion((subject) => subject.user),
  localuser: listCriterion((_subject, environment) => environment.user.name),
  version: listCriterion((subject) => subject.version),
  sessiontype: listCriterion((subject) => subject.sessionType),
  tagged: optionalCriterion((subject) => subject.tag),
  command: optionalCriterion((subject) => subject.command),
  localnetwork: {
    value: () => undefined,
    test: (argument, _subject, environment) => {
      const problem = networkListProblem(argument);
      for (const line of problem ?? []) environment.log('ERROR', line);
      if (problem !== undefined) return undefined;
      return environment.localAddresses().some((address) => matchNetworkList(address, argument) === 'match');
    },
  },
};

/**
 * Judges the words of a Match line. Errors and what matched go to the log; `at` is `FILE line N`.
 */
export function judgeMatch(words: readonly string[], subject: MatchSubject, environment: ConfigEnvironment, at: string): MatchResult {
  const { log } = environment;
  let matched = true;
  let reason = 'all';
  let attributes = 0;
  let wantsFinalPass = false;
  const bad = (text: string): MatchResult => {
    log('ERROR', text);
    return { verdict: 'bad', reason: text, wantsFinalPass };
  };
  log('DEBUG2', `checking match for '${words.join(' ')}' host ${subject.host} originally ${subject.originalHost}`);
  for (let next = 0; next < words.length; ) {
    const written = words[next++] as string;
    if (written.startsWith('#')) break;
    const negated = written.startsWith('!');
    const { name, attached } = cutCriterion(negated ? written.slice(1) : written);
    const decide = (hit: boolean, shown: string, why = ''): boolean => {
      const fits = hit !== negated;
      if (!fits && matched) reason = `not ${shown}${why}`;
      if (!fits) matched = false;
      return fits;
    };
    if (name === 'all') {
      const following = words[next];
      if (attributes > 1 || (following !== undefined && following !== '' && !following.startsWith('#'))) {
        return bad(`${at}: '${written}' cannot be combined with other Match attributes`);
      }
      decide(true, written);
      return { verdict: matched, reason, wantsFinalPass };
    }
    attributes++;
    if (name === 'canonical' || name === 'final') {
      if (name === 'final') wantsFinalPass = true;
      const fits = decide(subject.finalPass, written);
      log('DEBUG3', `${at}: ${fits ? '' : 'not '}matched '${written}'`);
      continue;
    }
    const argument = attached ?? words[next++];
    const criterion = Object.hasOwn(criteria, name) ? criteria[name] : undefined;
    if (argument === undefined || argument.startsWith('#')) return bad(`${at}: missing argument for Match '${written}'`);
    if (argument === '' && criterion?.mayBeEmpty !== true) return bad(`Missing Match criteria for ${name}`);
    if (name === 'exec') {
      const command = expandConfiguredTokens(argument, subject.tokens(), environment);
      if (!matched) {
        log('DEBUG3', `${at}: skipped exec "${command.slice(0, 100)}"`);
        continue;
      }
      const status = environment.run(command);
      if (status === undefined) throw fatal(log, `${at}: match exec '${command.slice(0, 100)}' error`);
      const fits = decide(status === 0, `${written} "${argument}"`, ': it failed');
      log('DEBUG3', `${at}: ${fits ? '' : 'not '}matched '${written} "${command.slice(0, 100)}"' `);
      continue;
    }
    if (criterion === undefined) return bad(`Unsupported Match attribute ${negated ? written.slice(1) : written}`);
    const hit = criterion.test(argument, subject, environment);
    if (hit === undefined) return { verdict: 'bad', reason: `${written} ${argument}`, wantsFinalPass };
    const value = criterion.value(subject, environment);
    const fits = decide(
      hit,
      `${written} ${argument === '' ? '""' : argument}`,
      value === undefined ? '' : `: it is ${value === '' ? 'not set' : value}`,
    );
    log('DEBUG3', `${at}: ${fits ? '' : 'not '}matched '${written}${value === undefined ? '' : ` "${value.slice(0, 100)}"`}' `);
  }
  if (attributes === 0) return bad('One or more attributes required for Match');
  return { verdict: matched, reason: matched ? words.join(' ') : reason, wantsFinalPass };
}

/** The name of a criterion in lower case, and its argument where that is attached by `=`. */
function cutCriterion(text: string): { name: string; attached: string | undefined } {
  const equals = text.indexOf('=');
  const name = lowerCase(equals < 0 ? text : text.slice(0, equals));
  const takesOne = name === 'exec' || Object.hasOwn(criteria, name);
  return equals < 0 || !takesOne ? { name: lowerCase(text), attached: undefined } : { name, attached: text.slice(equals + 1) };
}
