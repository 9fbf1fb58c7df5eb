import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { type Ended, type Given, run } from '../run.ts';
import { type Served, serve } from './serve.ts';

describePeer('openssh-10', 'our server without native calls', () => {
  let served: Served;
  beforeAll(async () => {
    // read when the first native call is wanted
    process.env['TSH_NO_NATIVE'] = '1';
    served = await serve();
  });
  afterAll(() => served.stop());

  const ssh = (args: readonly string[], given: Given = {}): Promise<Ended> =>
    run(peerProgram('openssh-10', 'ssh'), ['-F', served.config, ...args], given);

  test('runs commands all the same', async () => {
    const { out, err, code } = await ssh(['server', 'cat; echo err >&2; exit 4'], { stdin: 'in' });
    expect({ out, err, code }).toEqual({ out: 'in', err: 'err\n', code: 4 });
  });

  test('refuses a terminal', async () => {
    expect((await ssh(['-tt', 'server', 'echo here'])).err).toContain('PTY allocation request failed on channel 0');
  });
});
