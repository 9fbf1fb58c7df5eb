import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { addOptionRows } from '../../src/cli/tsh-add-options.ts';
import { agentOptionRows } from '../../src/cli/tsh-agent-options.ts';
import { sshAddUsage, sshAgentUsage } from '../../src/cli/usage.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { run } from '../run.ts';

const programs = {
  'tsh-agent': { rows: agentOptionRows, usage: sshAgentUsage, silent: ['V'] },
  'tsh-add': { rows: addOptionRows, usage: sshAddUsage, silent: [] as string[] },
};

for (const [name, { rows, usage, silent }] of Object.entries(programs)) {
  const manual = fileURLToPath(new URL(`../../man/${name}.1`, import.meta.url));

  test(`the manual of ${name} describes every flag, each with a value where it has one`, () => {
    const [list = ''] = /^\.Bl -tag[^]*?^\.El$/m.exec(readFileSync(manual, 'utf8')) ?? [];
    const described = [...list.matchAll(/^\.It Fl ([A-Za-z])( Ar .*)?$/gm)].map(([, flag, value]) => [flag, value !== undefined]);
    expect(described.sort()).toEqual(rows.map(({ flag, hasValue }) => [flag, hasValue === true]).sort());
  });

  test(`the usage text of ${name} has every flag`, () => {
    for (const { flag } of rows) if (!silent.includes(flag)) expect(usage).toMatch(new RegExp(`-[A-Za-z]*${flag}`));
  });

  describePeer('mandoc', 'mandoc', () => {
    test(`finds no fault with the manual of ${name}`, async () => {
      const { out, err } = await run(peerProgram('mandoc', 'mandoc'), ['-T', 'lint', manual]);
      // which manuals are installed beside it is not its fault
      const faults = `${out}${err}`.split('\n').filter((line) => line !== '' && !/mandoc\.db|referenced manual not found/.test(line));
      expect(faults).toEqual([]);
    });
  });
}
