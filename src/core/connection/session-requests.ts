import type { ChannelRequestName, ChannelRequestValues } from '../wire/connection-messages.ts';
import { channelRequests } from '../wire/connection-messages.ts';
import { encodeTerminalModes, type TerminalModes } from '../wire/terminal-modes.ts';
import type { IncomingRequest } from './answer-queue.ts';
import type { Channel } from './channel.ts';

/** The size of a terminal; where pixels are not known they are 0. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

/** Signals that have a name in the protocol (RFC 4254 section 6.10), without the SIG before it. */
export const signalNames = ['ABRT', 'ALRM', 'FPE', 'HUP', 'ILL', 'INT', 'KILL', 'PIPE', 'QUIT', 'SEGV', 'TERM', 'USR1', 'USR2'] as const;

/** How a remote command ended: with a status, or by a signal. */
export type SessionExit = { readonly status: number } | { readonly signal: string; readonly coreDumped: boolean; readonly message: string };

/** Asks for a terminal (RFC 4254 section 6.2); whether it was granted. */
export function requestPty(channel: Channel, terminal: string, size: TerminalSize, modes: TerminalModes): Promise<boolean> {
  return channel.ask('pty-req', { terminal, ...dimensions(size), terminalModes: encodeTerminalModes(modes) });
}

/** Sets a variable for what is started afterwards (RFC 4254 section 6.4). As with OpenSSH nobody waits for the answer: servers refuse most. */
export function setEnv(channel: Channel, variableName: string, variableValue: string): void {
  channel.send('env', { variableName, variableValue });
}

/** Starts the user's shell (RFC 4254 section 6.5); whether it was granted. */
export function shell(channel: Channel): Promise<boolean> {
  return channel.ask('shell', {});
}

/** Starts a command in the user's shell (RFC 4254 section 6.5); whether it was granted. */
export function exec(channel: Channel, command: string): Promise<boolean> {
  return channel.ask('exec', { command });
}

/** Starts a subsystem such as sftp (RFC 4254 section 6.5); whether it was granted. */
export function subsystem(channel: Channel, subsystemName: string): Promise<boolean> {
  return channel.ask('subsystem', { subsystemName });
}

/** Tells of the terminal's new size (RFC 4254 section 6.7). */
export function windowChange(channel: Channel, size: TerminalSize): void {
  channel.send('window-change', dimensions(size));
}

/** Sends a signal to what was started (RFC 4254 section 6.9). */
export function signal(channel: Channel, name: (typeof signalNames)[number]): void {
  channel.send('signal', { signalName: name });
}

/** Tells how the command ended (RFC 4254 section 6.10); to be sent before the channel is closed. */
export function sendExit(channel: Channel, exit: SessionExit): void {
  if ('status' in exit) {
    channel.send('exit-status', { exitStatus: exit.status });
    return;
  }
  const known: readonly string[] = signalNames;
  const signalName = known.includes(exit.signal) ? exit.signal : `${exit.signal}@openssh.com`;
  channel.send('exit-signal', { signalName, coreDumped: exit.coreDumped, errorMessage: exit.message, languageTag: '' });
}

/** Answers to channel requests by name, each given its values; for pty-req the modes are still to be decoded (decodeTerminalModes). */
export type RequestAnswers = { readonly [K in ChannelRequestName]?: (values: ChannelRequestValues[K]) => boolean | Promise<boolean> };

/**
 * Answers a channel's requests from a table: a handler's `onRequest`. What has no row fails.
 *
 * The function throws SshError where a request that has a row is malformed: the connection ends.
 */
export function answerRequests(answers: RequestAnswers): (request: IncomingRequest) => boolean | Promise<boolean> {
  return ({ name, body }) => (channelRequests.has(name) && Object.hasOwn(answers, name) ? answer(answers, name, body) : false);
}

/**
 * The rows by which a client learns how the command ended; `ended` is called at most once per exit request that comes.
 */
export function exitAnswers(ended: (exit: SessionExit) => void): RequestAnswers {
  return {
    'exit-status': ({ exitStatus }) => {
      ended({ status: exitStatus });
      return true;
    },
    'exit-signal': ({ signalName, coreDumped, errorMessage }) => {
      ended({ signal: signalName, coreDumped, message: errorMessage });
      return true;
    },
  };
}

function answer<K extends ChannelRequestName>(answers: RequestAnswers, name: K, body: Uint8Array): boolean | Promise<boolean> {
  return answers[name]?.(channelRequests.decode(name, body)) ?? false;
}

function dimensions(size: TerminalSize): ChannelRequestValues['window-change'] {
  return { widthColumns: size.columns, heightRows: size.rows, widthPixels: size.widthPixels, heightPixels: size.heightPixels };
}
