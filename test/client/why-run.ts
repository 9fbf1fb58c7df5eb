import type net from 'node:net';
import { expect } from 'vitest';
import type { Diagnosis, TshEvent } from '../../src/core/events.ts';
import { type Given, own, run } from '../run.ts';
import { tsh } from './common.ts';
import { listen } from './wire-peers.ts';

/** The causes that were provoked, to be held against the table at the end. */
export const provoked = new Set<string>();

/** What a failed run is told to have failed of: the text of --why and, by a second run, its JSON. */
export async function why(args: readonly string[], given: Given = {}): Promise<{ readonly text: string; readonly diagnosis: Diagnosis }> {
  const run = await tsh(['--why', ...args], given);
  const text = run.err.slice(run.err.indexOf('\nWhy: ') + 1);
  expect(run.err).toContain('\nWhy: ');
  const diagnosis = await diagnosed(args, given);
  expect(text).toContain(`[${diagnosis.cause}; phase: ${diagnosis.phase}]`);
  if (process.env['SHOW_WHY'] !== undefined) process.stderr.write(`\n=== ${args.join(' ')}\n${text}`);
  return { text, diagnosis };
}

/** Runs a failing command line against a listener of its own. */
export async function whyOf(accept: (socket: net.Socket) => void, args: readonly string[] = []) {
  const listener = await listen((socket) => {
    socket.resume();
    accept(socket);
  });
  try {
    return await why(['-F', 'none', '-o', 'BatchMode=yes', ...args, '-p', `${listener.port}`, '127.0.0.1', 'true']);
  } finally {
    await listener.close();
  }
}

/** The diagnosis alone, by one run; `before` is a program that runs tsh in other surroundings. */
export async function diagnosed(args: readonly string[], given: Given = {}, before: readonly string[] = []): Promise<Diagnosis> {
  const [program = '', ...rest] = [...before, own('tsh'), '--explain=json', ...args];
  const { err } = await run(program, rest, given);
  const events = err.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as TshEvent] : []));
  const diagnosis = events.find((event) => event.type === 'diagnosis');
  if (diagnosis === undefined) throw new Error(`no diagnosis:\n${err}`);
  expect(diagnosis.wayOut.length).toBeGreaterThan(0);
  provoked.add(diagnosis.cause);
  return diagnosis;
}
