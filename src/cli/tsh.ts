import { ConfigError } from '../config/environment.ts';
import type { NoteLevel, TshEvent } from '../core/events.ts';
import { isLogged, type Log, type LogLevel, type LogSource, stderrLog, systemLog } from '../core/util/log.ts';
import { visibleText } from '../core/util/vis.ts';
import { DebugView } from '../client/debug-view.ts';
import { refusals } from '../client/refusals.ts';
import { localEnvironment } from '../files/config-files.ts';
import { SystemError } from '../node/errno.ts';
import { servicePort, terminalTakesUtf8 } from '../node/local-host.ts';
import { appendingFile, expandTilde, whyInaccessible, writeTo } from '../node/files.ts';
import { ownCommand } from '../node/own-program.ts';
import { type HostCommandLine, parseCommandLine } from './command-line.ts';
import { FailureView } from './failure-view.ts';
import { loadLineConfig } from './line-config.ts';
import { runProgram } from './program.ts';
import { runQuery } from './tsh-query.ts';
import { tshHelp } from './usage.ts';
import { version, versionLine } from './version.ts';

/** What ssh exits with for every failure of its own. */
const FAILED = 255;

/** OpenSSH's log levels by the names that events have for them. */
const levels: Readonly<Record<NoteLevel, LogLevel>> = {
  fatal: 'FATAL',
  error: 'ERROR',
  info: 'INFO',
  verbose: 'VERBOSE',
  debug1: 'DEBUG',
  debug2: 'DEBUG2',
  debug3: 'DEBUG3',
};

/** The log of a run: its level and its destination are known only once the options are read. */
class RunLog {
  level: LogLevel = 'INFO';
  write: (line: string) => void = (line) => writeTo(2, line);
  /** -y: the system's log takes everything in the place of stderr. */
  system: ((level: LogLevel, line: string) => void) | undefined;
  /** LogVerbose: patterns of sources whose lines are written whatever their level, and what tells a line's source. */
  verbose: { readonly patterns: readonly string[]; readonly sourceOf: (text: string) => LogSource } | undefined;
  readonly log: Log = (level, text) => {
    const { verbose } = this;
    const settings = { level: this.level, verbose: verbose?.patterns ?? [] };
    const log = this.system === undefined ? stderrLog({ ...settings, write: this.write }) : systemLog(settings, this.system);
    log(level, text, verbose?.sourceOf(text));
  };
}

async function main(argv: readonly string[]): Promise<number> {
  const run = new RunLog();
  const line = parseCommandLine(argv, {
    log: run.log,
    writeError: (text) => writeTo(2, text),
    servicePort,
    variable: (name) => process.env[name],
    expandTilde,
    inaccessible: whyInaccessible,
  });
  switch (line.action) {
    case 'exit':
      return line.status;
    case 'version':
      writeTo(2, `${versionLine()}\n`);
      return 0;
    case 'help':
      writeTo(1, tshHelp);
      return 0;
    case 'query':
      return runQuery(
        line.list,
        (text) => writeTo(1, text),
        (text) => run.log('FATAL', text),
      );
    case 'completion': {
      const { completionScript } = await import('./completion.ts');
      writeTo(1, completionScript(line.shell));
      return 0;
    }
    case 'connect':
    case 'dump':
    case 'doctor':
      return await withHost(line, run);
  }
}

async function withHost(line: HostCommandLine, run: RunLog): Promise<number> {
  run.level = line.settings.get('logLevel') ?? 'INFO';
  const { logFile } = line;
  if (logFile !== undefined) {
    try {
      run.write = appendingFile(logFile);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      writeTo(2, `Couldn't open logfile ${logFile}: ${error.message}\n`);
      return 1;
    }
  }
  const syslog = line.useSyslog ? await import('../node/syslog.ts') : undefined;
  const problem = syslog?.syslogProblem();
  if (problem !== undefined) {
    run.log('FATAL', problem);
    return FAILED;
  }
  run.system = syslog?.openSyslog('tsh', line.settings.get('syslogFacility') ?? 'USER');
  run.log('DEBUG', versionLine());
  try {
    const environment = localEnvironment(run.log);
    if (line.action === 'doctor') {
      const { runDoctor } = await import('./tsh-doctor.ts');
      return await runDoctor(line, environment);
    }
    const config = await loadLineConfig(line, environment, (options) => {
      run.level = options.logLevel;
      run.system = syslog?.openSyslog('tsh', options.syslogFacility);
    });
    const { logVerbose } = config.options;
    if (logVerbose.length > 0) {
      const { logSource } = await import('../client/log-sources.ts');
      run.verbose = { patterns: logVerbose, sourceOf: (text) => `${logSource(text)} (bin=tsh, pid=${process.pid})` };
    }
    if (line.action === 'dump') {
      const { printConfig, printConfigOrigins } = await import('./tsh-dump.ts');
      (line.why ? printConfigOrigins : printConfig)(config, (text) => writeTo(1, text));
      return 0;
    }
    if (line.showKeys) {
      const { keyLines } = await import('../client/show-keys.ts');
      for (const text of await keyLines(config, environment, run.log)) writeTo(1, `${visibleText(text)}\n`);
      return 0;
    }
    const refused = refusals(config.options, config.settings, line);
    for (const text of refused) run.log('FATAL', text);
    if (refused.length > 0) return FAILED;
    const { runClient } = await import('../client/run.ts');
    const failure = new FailureView(line, config, environment);
    const views = await eventViews(line, run);
    const events = (event: TshEvent): void => {
      failure.tell(event);
      views(event);
    };
    const addendum = config.options.versionAddendum ?? '';
    const code = await runClient({
      config,
      environment,
      ident: `SSH-2.0-tsh_${version}${addendum === '' ? '' : ` ${addendum}`}`,
      program: { command: ownCommand('tsh'), configFile: line.configFile, verbosity: line.verbosity },
      stdioForward: line.stdioForward,
      events,
      log: run.log,
      tracePackets: run.level === 'DEBUG3' || logVerbose.length > 0,
      level: { get: () => run.level, set: (level) => void (run.level = level) },
    });
    if (code === FAILED) await failure.end(run.level, views);
    return code;
  } catch (error) {
    // what is wrong has been told
    if (error instanceof ConfigError) return FAILED;
    throw error;
  }
}

/** Everyone who is told what happens: -v's lines, and what --explain asks for. */
async function eventViews(line: HostCommandLine, run: RunLog): Promise<(event: TshEvent) => void> {
  const debug = new DebugView('client');
  const explain = await explainer(line.explain);
  return (event) => {
    for (const { level, text } of debug.lines(event)) run.log(levels[level], text);
    // a banner is for people: it goes to stderr even where the log does not
    if (event.type === 'banner' && isLogged('INFO', run.level)) writeTo(2, visibleText(event.text, terminalTakesUtf8(process.env)));
    explain?.(event);
  };
}

async function explainer(kind: HostCommandLine['explain']): Promise<((event: TshEvent) => void) | undefined> {
  if (kind === undefined) return undefined;
  const begun = performance.now();
  if (kind === 'json') return (event) => writeTo(2, `${JSON.stringify({ ms: Math.round(performance.now() - begun), ...event })}\n`);
  const [{ ExplainView }, { terminalPalette }] = await Promise.all([import('../client/explain-view.ts'), import('./palette.ts')]);
  const view = new ExplainView(
    (text) => writeTo(2, text),
    () => performance.now(),
    terminalPalette(2),
  );
  return (event) => view.tell(event);
}

runProgram('tsh', FAILED, main);
