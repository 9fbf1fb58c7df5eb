import { matchPatternList } from './pattern.ts';
import { visibleLog } from './vis.ts';

/** The levels of a log, quietest first, as LogLevel names them. */
export const logLevels = ['QUIET', 'FATAL', 'ERROR', 'INFO', 'VERBOSE', 'DEBUG', 'DEBUG2', 'DEBUG3'] as const;

/** How much a log says, and how weighty a line of it is. `DEBUG1` of a configuration file is `DEBUG`. */
export type LogLevel = (typeof logLevels)[number];

/** Where log lines come from that LogVerbose can pick: `file:function():line`. */
export type LogSource = string;

/** A destination of log lines; the text is not escaped yet. */
export type Log = (level: LogLevel, text: string, source?: LogSource) => void;

/** How a log is set up. */
export interface LogSettings {
  /** Lines above this level are dropped. */
  readonly level: LogLevel;
  /** Pattern lists of LogVerbose: lines whose source matches one are written whatever their level. */
  readonly verbose?: readonly string[];
  /** Takes each line whole: escaped, with its prefix and its line end. */
  readonly write: (line: string) => void;
}

/** OpenSSH cuts a log line to this many bytes; on stderr its line end is counted too. */
const longestLine = 1023;
const longestOnStderr = longestLine - 2;

const prefixes: Readonly<Record<LogLevel, string>> = {
  QUIET: '',
  FATAL: '',
  ERROR: '',
  INFO: '',
  VERBOSE: '',
  DEBUG: 'debug1: ',
  DEBUG2: 'debug2: ',
  DEBUG3: 'debug3: ',
};

/**
 * A log as a program of OpenSSH writes it to stderr: `debug1: ` and the like in front, everything escaped, each line ended by CR and LF,
 * because the terminal may be in raw mode.
 */
export function stderrLog(settings: LogSettings): Log {
  return (level, text, source) => {
    const forced = isForced(settings, source);
    if (!forced && !isLogged(level, settings.level)) return;
    const line = forced ? `${prefixes[level]}${source}: ${text}` : `${prefixes[level]}${text}`;
    settings.write(`${visibleLog(line).slice(0, longestOnStderr)}\r\n`);
  };
}

/** What a line for the system's log begins with, where it begins with something. */
const syslogPrefixes: Readonly<Record<LogLevel, string>> = { ...prefixes, FATAL: 'fatal: ', ERROR: 'error: ' };

/** The same for the system's log, which is given each line's level with it; there are no line ends. */
export function systemLog(settings: Omit<LogSettings, 'write'>, write: (level: LogLevel, line: string) => void): Log {
  return (one, text, source) => {
    const forced = isForced(settings, source);
    if (!forced && !isLogged(one, settings.level)) return;
    const said = forced ? `${source}: ${text}` : text;
    write(one, visibleLog(`${syslogPrefixes[one]}${said}`).slice(0, longestLine));
  };
}

function isForced({ verbose = [] }: Omit<LogSettings, 'write'>, source: LogSource | undefined): boolean {
  return source !== undefined && verbose.some((list) => matchPatternList(source, list) === 'match');
}

/** Whether a line of the first level is written at the second. */
export function isLogged(level: LogLevel, threshold: LogLevel): boolean {
  return level !== 'QUIET' && logLevels.indexOf(level) <= logLevels.indexOf(threshold);
}

/** The level that a LogLevel argument names, without regard to case; `DEBUG1` is `DEBUG`, `SILENT` is `QUIET`. */
export function parseLogLevel(name: string): LogLevel | undefined {
  const upper = name.toUpperCase();
  if (upper === 'SILENT') return 'QUIET';
  return upper === 'DEBUG1' ? 'DEBUG' : logLevels.find((level) => level === upper);
}

/** The level that this many `-v` give. */
export function verboseLevel(count: number): LogLevel {
  if (count <= 0) return 'INFO';
  return count === 1 ? 'DEBUG' : count === 2 ? 'DEBUG2' : 'DEBUG3';
}
