import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { parseCommandLine } from '../../src/cli/command-line.ts';
import { printConfig, printConfigOrigins } from '../../src/cli/tsh-dump.ts';
import { runQuery } from '../../src/cli/tsh-query.ts';
import { loadClientConfig } from '../../src/client/config.ts';
import { ConfigError } from '../../src/config/environment.ts';
import { stderrLog, type LogLevel } from '../../src/core/util/log.ts';
import { localEnvironment } from '../../src/files/config-files.ts';
import { errnoOf, errnoText } from '../../src/node/errno.ts';
import { expandTilde } from '../../src/node/files.ts';
import { servicePort } from '../../src/node/local-host.ts';
import { peerProgram } from '../peers.ts';

/** What a run of a program gave. */
export interface Run {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the parts of `tsh` that need no connection, with nothing on stdin. */
export async function ours(argv: readonly string[]): Promise<Run> {
  let stdout = '';
  let stderr = '';
  const write = (text: string): void => {
    stdout += text;
  };
  const settings: { level: LogLevel; write: (line: string) => void } = {
    level: 'INFO',
    write: (line) => {
      stderr += line;
    },
  };
  const log = stderrLog(settings);
  const line = parseCommandLine(argv, {
    log,
    writeError: settings.write,
    servicePort,
    variable: (name) => process.env[name],
    expandTilde,
    inaccessible,
  });
  const done = (status: number): Run => ({ status, stdout, stderr });
  if (line.action === 'exit') return done(line.status);
  if (line.action === 'query') return done(runQuery(line.list, write, (text) => log('FATAL', text)));
  if (line.action === 'version' || line.action === 'help' || line.action === 'completion') return done(0);
  settings.level = line.settings.get('logLevel') ?? 'INFO';
  const quiet = line.useSyslog ? () => undefined : log;
  try {
    const config = await loadClientConfig({
      settings: line.settings,
      host: line.host,
      command: line.command,
      configFile: line.configFile,
      hasStdioForward: line.stdioForward !== undefined,
      muxCommand: line.muxCommand,
      stdinIsTerminal: false,
      environment: localEnvironment(quiet),
      settled: (options) => {
        settings.level = options.logLevel;
      },
    });
    (line.why ? printConfigOrigins : printConfig)(config, write);
    return done(0);
  } catch (error) {
    if (error instanceof ConfigError) return done(255);
    throw error;
  }
}

/** Runs OpenSSH 10.0's ssh with nothing on stdin. */
export function theirs(argv: readonly string[]): Run {
  const { status, stdout, stderr } = spawnSync(peerProgram('openssh-10', 'ssh'), argv, {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
  });
  return { status: status ?? -1, stdout, stderr };
}

function inaccessible(path: string): string | undefined {
  try {
    statSync(path);
    return undefined;
  } catch (error) {
    return errnoText(errnoOf(error) ?? '');
  }
}
