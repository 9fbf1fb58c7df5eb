import fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { programs as held } from '../../src/cli/programs.ts';
import { programOf } from '../../src/node/own-program.ts';

const programs = ['tsh', 'tsh-keygen', 'tsh-agent', 'tsh-add', 'tsh-copy-id', 'tscp', 'tsftp', 'tshd'];

describe('which program the single binary is', () => {
  test.each([
    ['tsh', 'tsh'],
    ['/usr/local/bin/tsh-add', 'tsh-add'],
    ['./tsh-keygen', 'tsh-keygen'],
    ['C:\\Program Files\\tsh\\tsh-agent.exe', 'tsh-agent'],
    ['TSH.EXE', 'tsh'],
    ['ssh', 'tsh'],
    ['/opt/bin/ssh-copy-id', 'tsh-copy-id'],
    ['-tsh-agent', 'tsh-agent'],
    ['scp', 'tscp'],
    ['sftp', 'tsftp'],
    ['sshd', 'tshd'],
  ])('%s is %s', (name, program) => {
    expect(programOf(name, programs)).toBe(program);
  });

  test.each(['', '/', 'work', 'tsh-0.1.0', 'tsh-keygen.old', 'ssh-keyscan'])('%j is the first', (name) => {
    expect(programOf(name, programs)).toBe('tsh');
  });

  test('it holds every program that the package has', () => {
    const bin = Object.keys((JSON.parse(fs.readFileSync('package.json', 'utf8')) as { bin: object }).bin);
    expect(Object.keys(held).sort()).toEqual(bin.sort());
  });
});
