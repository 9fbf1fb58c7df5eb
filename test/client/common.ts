import { comparable } from '../known-differences.ts';
import { peerProgram } from '../peers.ts';
import { type Ended, type Given, own, run } from '../run.ts';

/** What both programs are held to: everything that scripts and people see of a run. */
export interface Seen {
  readonly out: string;
  readonly err: string;
  readonly code: number | null;
}

/** Runs tsh. */
export async function tsh(args: readonly string[], given?: Given): Promise<Seen & Ended> {
  return await run(own('tsh'), args, given);
}

/** What tsh and OpenSSH 10.0's ssh make of the same command line, one after the other; `between` undoes what the first did. */
export async function both(
  args: readonly string[],
  given: Given = {},
  between: () => void = () => {},
): Promise<{ ours: Seen; theirs: Seen }> {
  const theirs = seen(await run(peerProgram('openssh-10', 'ssh'), args, given));
  between();
  return { ours: seen(await run(own('tsh'), args, given)), theirs };
}

function seen({ out, err, code }: Ended): Seen {
  return { out, err, code };
}

/** What of a run is compared: all but what test/known-differences lets differ. */
export function held({ out, err, code }: Seen): object {
  return { out, code, err: comparable('stderr', err) };
}
