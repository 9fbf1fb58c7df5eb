import { heedIgnored } from '../node/ignored-signals.ts';
import { ownArguments } from '../node/own-words.ts';

/**
 * Runs a program's main function and ends the process with its exit code, whatever else the event loop still waits for.
 *
 * An error that nobody expected is told in one line, without a stack that would mean nothing to a user.
 */
export function runProgram(name: string, failure: number, main: (argv: readonly string[]) => Promise<number>): void {
  const broken = (error: unknown): void => {
    process.stderr.write(`${name}: internal error: ${error instanceof Error ? error.message : String(error)}\r\n`);
    if (process.env['TSH_DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`);
    process.exit(failure);
  };
  process.on('uncaughtException', broken);
  process.on('unhandledRejection', broken);
  // It ends other programs; the debugger that the runtime opens at it has no place in one that holds keys.
  process.once('SIGUSR1', () => {
    if (process.listenerCount('SIGUSR1') === 0) process.kill(process.pid, 'SIGUSR1');
  });
  heedIgnored();
  main(ownArguments()).then((code) => process.exit(code), broken);
}
