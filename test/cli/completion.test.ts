import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { completedPrograms } from '../../src/cli/completion-flags.ts';
import { letters, withValue } from '../../src/cli/copy-id-options.ts';
import { keygenFlags } from '../../src/cli/keygen/options.ts';
import { addOptionRows } from '../../src/cli/tsh-add-options.ts';
import { agentOptionRows } from '../../src/cli/tsh-agent-options.ts';
import { tshFlags } from '../../src/cli/tsh-options.ts';
import { completedKeywords } from '../../src/config/complete.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { own } from '../run.ts';
import { Tmux } from '../terminal/tmux.ts';

describe('what is completed', () => {
  const rows = (table: Readonly<Record<string, { value?: unknown }>>): readonly (readonly [string, boolean])[] =>
    Object.entries(table).map(([flag, { value }]) => [flag, value !== undefined]);
  const tables: Readonly<Record<string, readonly (readonly [string, boolean])[]>> = {
    tsh: rows(tshFlags),
    'tsh-keygen': rows(keygenFlags),
    'tsh-agent': agentOptionRows.map(({ flag, hasValue }) => [flag, hasValue === true]),
    'tsh-add': addOptionRows.map(({ flag, hasValue }) => [flag, hasValue === true]),
    'tsh-copy-id': Array.from(letters, (letter) => [letter, `${withValue}i`.includes(letter)]),
  };

  test.each(completedPrograms())('$name: its flags, and the values of those that have one', ({ name, flags, values }) => {
    const table = tables[name] ?? [];
    expect(flags).toEqual(table.map(([flag]) => (flag.length === 1 ? `-${flag}` : flag)));
    expect(Object.keys(values).sort()).toEqual(table.flatMap(([flag, hasValue]) => (hasValue ? [flag] : [])).sort());
  });

  test('keywords: choices, algorithms and files', () => {
    const values = new Map(completedKeywords().map(({ name, value }) => [name, value]));
    expect(values.get('BatchMode')).toEqual({ is: 'words', words: ['yes', 'no'] });
    expect(values.get('StrictHostKeyChecking')).toEqual({ is: 'words', words: ['yes', 'no', 'off', 'ask', 'accept-new'] });
    expect(values.get('Ciphers')).toMatchObject({ is: 'list' });
    expect(values.get('IdentityFile')).toEqual({ is: 'file' });
    expect(values.get('User')).toEqual({ is: 'any' });
  });
});

const home = mkdtempSync(path.join(tmpdir(), 'tsh-complete-'));
const file = (name: string): string => path.join(home, name);
let count = 0;
const script = (shell: string): string => file(`tsh.${shell}`);

beforeAll(() => {
  mkdirSync(file('.ssh/config.d'), { recursive: true });
  writeFileSync(
    file('.ssh/config'),
    [
      'Host alpha "two words" *.wild !not',
      'host=equal',
      '  Include config.d/*.conf "~/.ssh/other file" \'config\'',
      'Match host matched',
      `Host $(touch\${IFS}${file('pwned')}) \`id\` -oProxyCommand=x a;b`,
    ].join('\n'),
  );
  // includes itself and what includes it
  writeFileSync(file('.ssh/config.d/a.conf'), 'Host included\nInclude config.d/*.conf\nInclude config\n');
  writeFileSync(file('.ssh/other file'), 'Host spaced\n');
  writeFileSync(
    file('.ssh/known_hosts'),
    'known.example,192.0.2.1 ssh-ed25519 A\n[ported.example]:2222 ssh-ed25519 A\n|1|YQ==|Yg== ssh-ed25519 A\n',
  );
  writeFileSync(file('named.conf'), 'Host named\n');
  writeFileSync(file('an odd name'), "Host 'ofodd'\n");
  writeFileSync(file('key-of-a-friend'), '');
  for (const shell of ['bash', 'zsh', 'fish']) writeFileSync(script(shell), execFileSync(own('tsh'), [`--completion=${shell}`]));
}, 60_000);

afterAll(() => rmSync(home, { recursive: true }));

/** What is typed, and what it becomes where there is one way to go on. */
const typed: readonly (readonly [string, string])[] = [
  ['tsh alp', 'tsh alpha '],
  ['tsh user@inclu', 'tsh user@included '],
  ['tsh -v4 spac', 'tsh -v4 spaced '],
  ['tsh equa', 'tsh equal '],
  ['tsh -p 22 known.e', 'tsh -p 22 known.example '],
  ['tsh porte', 'tsh ported.example '],
  ['tsh -J alpha,equa', 'tsh -J alpha,equal '],
  ['tsh -F ~/named.conf name', 'tsh -F ~/named.conf named '],
  ['tsh -F ~/an\\ odd\\ name ofo', 'tsh -F ~/an\\ odd\\ name ofodd '],
  ['tsh -o IdentityFile=~/key-of', 'tsh -o IdentityFile=~/key-of-a-friend '],
  ['tsh -o StrictH', 'tsh -o StrictHostKeyChecking='],
  ['tsh -o StrictHostKeyChecking=acc', 'tsh -o StrictHostKeyChecking=accept-new '],
  ['tsh -oStrictHostKeyChecking=acc', 'tsh -oStrictHostKeyChecking=accept-new '],
  ['tsh -o Ciphers=+aes128-ct', 'tsh -o Ciphers=+aes128-ctr'],
  ['tsh -vc aes128-gcm@openssh.com,aes256-g', 'tsh -vc aes128-gcm@openssh.com,aes256-gcm@openssh.com'],
  ['tsh -m umac-128-', 'tsh -m umac-128-etm@openssh.com'],
  ['tsh alpha -Q key-p', 'tsh alpha -Q key-plain '],
  ['tsh --doc', 'tsh --doctor '],
  ['tsh -i ~/key-of', 'tsh -i ~/key-of-a-friend '],
  ['tsh alpha mkfif', 'tsh alpha mkfifo '],
  ['tsh-keygen -t ecdsa-', 'tsh-keygen -t ecdsa-sk '],
  ['tsh-keygen -Y find', 'tsh-keygen -Y find-principals '],
  ['tsh-keygen -R kno', 'tsh-keygen -R known.example '],
  ['tsh-agent -E sha38', 'tsh-agent -E sha384 '],
  ['tsh-agent mkfif', 'tsh-agent mkfifo '],
  ['tsh-add ~/key-of', 'tsh-add ~/key-of-a-friend '],
  ['tsh-copy-id -o ProxyJ', 'tsh-copy-id -o ProxyJump='],
  ['tsh-copy-id alp', 'tsh-copy-id alpha '],
  ['tsh-copy-id -i ~/key-of', 'tsh-copy-id -i ~/key-of-a-friend '],
  ['tsh-copy-id -i ~/key-of-a-friend alp', 'tsh-copy-id -i ~/key-of-a-friend alpha '],
  ['tsh-copy-id -i alp', 'tsh-copy-id -i alpha '],
  ['tsh-copy-id -fi -p 22 alp', 'tsh-copy-id -fi -p 22 alpha '],
];

/** bash and zsh in a terminal, with what they read before the script. */
const interactive = { bash: ['bash --norc --noprofile', ''], zsh: ['zsh -f -i', 'autoload -U compinit; compinit -D -u; '] } as const;

for (const shell of ['bash', 'zsh'] as const) {
  describePeer(['tmux', shell], `${shell} completes`, () => {
    let tmux: Tmux;
    const [command, setup] = interactive[shell];

    beforeEach(async () => {
      tmux = new Tmux(file(`tmux-${++count}`), { columns: 120, rows: 20 }, { shell: command, home });
      await tmux.see(/^local\$ *$/m);
      tmux.enter(`${setup}. ${script(shell)}; echo re''ady`);
      await tmux.see(/^ready$/m);
      await tmux.clear();
    });
    afterEach(() => tmux.end());

    test('hosts, keywords, algorithms, files and commands', async () => {
      for (const [text, line] of typed) {
        tmux.type(text);
        tmux.press('Tab');
        // a mark shows where the cursor stands
        await tmux.see(new RegExp(`^local\\$ ${escaped(line.trimEnd())}`, 'm'));
        tmux.type('#');
        await tmux.see(new RegExp(`^local\\$ ${escaped(line)}#`, 'm'));
        tmux.press('C-u');
        await tmux.clear();
      }
    }, 120_000);

    test('only hosts that mean nothing to a shell, and runs nothing', async () => {
      tmux.type('tsh ');
      tmux.press('Tab', 'Tab');
      await tmux.see(/ported\.example/);
      expect(tmux.screen).toMatch(/alpha\b[^]*equal/);
      expect(tmux.screen).not.toMatch(/wild|not|two|matched|touch|Proxy|a;b|\|1\|/);
      expect(existsSync(file('pwned'))).toBe(false);
    }, 60_000);
  });
}

describePeer('fish', 'fish completes', () => {
  const candidates = (text: string): readonly string[] =>
    execFileSync(peerProgram('fish', 'fish'), ['--no-config', '-c', `source ${script('fish')}; complete -C '${text}'`], {
      encoding: 'utf8',
      env: { ...process.env, HOME: home },
    })
      .split('\n')
      .flatMap((line) => (line === '' ? [] : [line.replace(/\t.*/, '')]));

  test.each(typed)('%s', (text, line) => {
    // fish offers the whole word, and adds the space where it takes one
    const word = text.slice(text.lastIndexOf(' ') + 1);
    expect(candidates(text).map((candidate) => `${text.slice(0, text.length - word.length)}${candidate}`)).toEqual([line.trimEnd()]);
  });

  test('only hosts that mean nothing to a shell, and runs nothing', () => {
    const hosts = candidates('tsh ');
    expect(hosts).toEqual(expect.arrayContaining(['192.0.2.1', 'alpha', 'equal', 'included', 'known.example', 'ported.example', 'spaced']));
    expect(hosts.filter((host) => /^(?![A-Za-z0-9_.:%-]+$)|wild|not|two|matched|touch|Proxy/.test(host))).toEqual([]);
    expect(existsSync(file('pwned'))).toBe(false);
  });
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
