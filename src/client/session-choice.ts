/** What a session is to be: a command or a shell, with a terminal or without. */
import { fatal } from '../config/environment.ts';
import type { FinalOptions } from '../config/finalize-client.ts';
import type { Log } from '../core/util/log.ts';

/** What decides it beside the options. */
export interface SessionSituation {
  /** The command line's command or subsystem. */
  readonly command: string | undefined;
  /** -O. */
  readonly muxCommand: string | undefined;
  readonly stdinIsTerminal: boolean;
  readonly log: Log;
}

/** A session's shape. */
export interface SessionChoice {
  /** What to run there, of the command line or RemoteCommand; undefined for a shell. */
  readonly command: string | undefined;
  readonly wantsTerminal: boolean;
}

/**
 * Chooses, and says on the log what a user may wonder about.
 *
 * @throws ConfigError where options don't fit together; the log has said so.
 */
export function chooseSession(options: FinalOptions, situation: SessionSituation): SessionChoice {
  const { log, muxCommand } = situation;
  const { requestTTY, remoteCommand } = options;
  const given = situation.command === '' ? undefined : situation.command;
  if (given !== undefined && remoteCommand !== undefined) throw fatal(log, 'Cannot execute command-line and remote command.');
  const command = given ?? remoteCommand;
  if (options.forkAfterAuthentication && command === undefined && options.sessionType !== 'none') {
    throw fatal(log, 'Cannot fork into background without a command to execute.');
  }
  let wantsTerminal = requestTTY === 'true' || requestTTY === 'force' || (command === undefined && requestTTY !== 'false');
  if (requestTTY === 'false' || (muxCommand !== undefined && muxCommand !== 'proxy') || options.sessionType === 'none')
    wantsTerminal = false;
  if ((!situation.stdinIsTerminal || options.stdinNull) && requestTTY !== 'force') {
    if (wantsTerminal) log('INFO', 'Pseudo-terminal will not be allocated because stdin is not a terminal.');
    wantsTerminal = false;
  }
  return { command, wantsTerminal };
}
