import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { clientKeywords, clientOptions } from '../../src/config/client-keywords.ts';
import { ConfigError, type ConfigEnvironment, type ConfigFile } from '../../src/config/environment.ts';
import { finalizeClient } from '../../src/config/finalize-client.ts';
import { optionOf, parseCommandLineOption, parseFile } from '../../src/config/parse.ts';
import { Settings } from '../../src/config/settings.ts';
import { loadClientConfig, type ClientConfig } from '../../src/client/config.ts';
import { refusals } from '../../src/client/refusals.ts';
import { versionLine } from '../../src/cli/version.ts';
import { retiredKeywords } from '../../src/config/aliases.ts';

/** A world made of a few files. */
function world(files: Readonly<Record<string, string | ConfigFile>>, log: string[] = []): ConfigEnvironment {
  return {
    user: { name: 'me', uid: 1000, home: '/home/me' },
    hostname: 'here.example',
    variable: (name) => (name === 'SET' ? 'value' : undefined),
    servicePort: (name) => (name === 'ssh' ? 22 : undefined),
    log: (level, text) => {
      if (level === 'ERROR' || level === 'FATAL') log.push(text);
    },
    readFile: (path) => {
      const file = files[path];
      return file === undefined ? { problem: 'missing' } : typeof file === 'string' ? { text: file } : file;
    },
    glob: (pattern) => Object.keys(files).filter((path) => path === pattern.replace('~', '/home/me')),
    run: () => 0,
    localAddresses: () => ['192.0.2.7'],
    homeOf: (name) => (name === 'you' ? '/home/you' : undefined),
  };
}

async function load(files: Readonly<Record<string, string | ConfigFile>>, host = 'host', log: string[] = []): Promise<ClientConfig> {
  const settings = new Settings();
  return loadClientConfig({
    settings,
    host,
    command: undefined,
    configFile: undefined,
    stdinIsTerminal: true,
    environment: world(files, log),
  });
}

const user = '/home/me/.ssh/config';
const system = '/etc/ssh/ssh_config';

describe('the table of keywords', () => {
  test('no name stands for two things', () => {
    const names = clientOptions.flatMap((option) => {
      const row = clientKeywords[option];
      return [row.name.toLowerCase(), ...('aliases' in row ? row.aliases : [])];
    });
    const all = [...names, ...Object.keys(retiredKeywords), 'host', 'match', 'include'];
    expect(all.filter((name, at) => all.indexOf(name) !== at)).toEqual([]);
    expect(optionOf('PORT')).toBe('port');
  });

  test('a value that is shown can be read again', () => {
    const environment = world({});
    const defaults = finalizeClient(new Settings(), { host: 'host', hasStdioForward: false }, environment);
    for (const option of clientOptions) {
      const value: unknown = defaults[option];
      if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
      const row = clientKeywords[option] as { name: string; kind: { format(value: unknown): readonly string[] } };
      for (const shown of row.kind.format(value)) {
        const settings = new Settings();
        parseCommandLineOption(`${row.name} ${shown}`, settings, environment);
      }
    }
  });
});

describe('files', () => {
  test('the user’s comes before the system’s, and each value knows where it stands', async () => {
    const config = await load({ [user]: 'Host host\n  Port 1\n', [system]: 'Port 2\nUser sys\n' });
    expect(config.port).toBe(1);
    expect(config.user).toBe('sys');
    expect(config.settings.origins('port')).toMatchObject([
      { file: user, line: 2, block: { kind: 'Host', text: 'host', line: 1, applies: true } },
    ]);
    expect(config.settings.origins('user')).toMatchObject([{ file: system, line: 2, block: undefined }]);
    expect(config.settings.shadowed).toMatchObject([{ option: 'port', shown: ['2'], origin: { file: system, line: 1 } }]);
  });

  test('Match version sees the version of OpenSSH that -V names', async () => {
    const named = /\((OpenSSH_\S+) compatible\)/.exec(versionLine())?.[1] ?? '';
    expect((await load({ [user]: `Match version ${named}\n  User right\nMatch all\n  User wrong\n` })).user).toBe('right');
  });

  test('a file that others can write ends everything', async () => {
    const log: string[] = [];
    await expect(load({ [user]: { problem: 'permissions' } }, 'host', log)).rejects.toThrow(ConfigError);
    expect(log).toEqual([`Bad owner or permissions on ${user}`]);
  });

  test('includes are looked for beside the file of the user or the system', async () => {
    const config = await load({
      [user]: 'Include more\n',
      '/home/me/.ssh/more': 'Port 5\n',
      [system]: 'Include sys\n',
      '/etc/ssh/sys': 'User s\n',
    });
    expect([config.port, config.user]).toEqual([5, 's']);
    const log: string[] = [];
    await expect(load({ [system]: 'Include ~/x\n' }, 'host', log)).rejects.toThrow(ConfigError);
    expect(log[0]).toBe(`${system} line 1: bad include path ~/x.`);
  });

  test('home folders are those of the user database', async () => {
    const config = await load({ [user]: 'UserKnownHostsFile ~/a ~you/b %d/c ${SET}/d\n' });
    expect(config.options.userKnownHostsFile).toEqual(['/home/me/a', '/home/you/b', '/home/me/c', 'value/d']);
  });

  test('a second pass starts from the canonical name', async () => {
    const config = await loadClientConfig({
      settings: new Settings(),
      host: 'short',
      command: undefined,
      configFile: undefined,
      stdinIsTerminal: true,
      environment: world({ [user]: 'CanonicalizeHostname yes\nHost long.example\n  Port 7\nMatch canonical\n  User c\n' }),
      canonicalize: () => Promise.resolve({ host: 'long.example' }),
    });
    expect([config.host, config.originalHost, config.port, config.user]).toEqual(['long.example', 'short', 7, 'c']);
  });
});

describe('what is not there yet', () => {
  test('is refused wherever it is asked for, but sharing only on the command line', async () => {
    const asked = { muxCommand: undefined, action: 'connect', why: false, useSyslog: false };
    const file = await load({ [user]: 'ControlMaster auto\nControlPath /tmp/x\nControlPersist yes\nRemoteForward 1 h:1\n' });
    expect(refusals(file.options, file.settings, asked)).toEqual([
      `${user} line 4: remoteforward: remote forwarding (-R) is not available in this version`,
    ]);
    const settings = new Settings();
    parseCommandLineOption('ControlMaster=auto', settings, world({}));
    const options = finalizeClient(settings, { host: 'host', hasStdioForward: false }, world({}));
    expect(refusals(options, settings, { ...asked, muxCommand: 'check' })).toEqual([
      '-O check: sharing a connection is not available in this version',
      'command line: controlmaster: sharing a connection (-M) is not available in this version',
    ]);
    const plain = await load({});
    expect(refusals(plain.options, plain.settings, asked)).toEqual([]);
  });
});

describe('hostile files', () => {
  const keyword = fc.constantFrom(
    ...clientOptions.map((option) => clientKeywords[option].name),
    'Host',
    'Match',
    'Include',
    'Nonsense',
    'Protocol',
  );
  const scrap = fc.constantFrom(
    ...[
      '"',
      "'",
      '\\',
      '%h',
      '%q',
      '%',
      '${SET}',
      '${NOPE}',
      '${',
      '#',
      '=',
      '!',
      '*',
      ',',
      '+',
      '-',
      '^',
      ':',
      '[',
      ']',
      '/',
      '~',
      '\0',
      '\x1b',
    ],
    ...[
      'none',
      'yes',
      'any',
      '1',
      '99999999999999999999',
      'host',
      'final',
      'exec',
      'localnetwork',
      '::1',
      'ssh://',
      'a@b',
      '1h',
      '1G',
      'aes128-ctr',
      'é',
    ],
  );
  const line = fc
    .tuple(keyword, fc.constantFrom(' ', '=', '\t', ''), fc.array(fc.oneof(scrap, fc.constant(' ')), { maxLength: 6 }))
    .map(([name, gap, rest]) => name + gap + rest.join(''));
  const text = fc.oneof(
    fc.array(line, { maxLength: 6 }).map((lines) => lines.join('\n')),
    fc.string({ unit: 'binary', maxLength: 200 }),
  );

  test('nothing but the one error comes out of the parser', async () => {
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        try {
          await load({ [user]: content });
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('a file that includes itself ends', () => {
    const log: string[] = [];
    const environment = world({ [user]: `Include ${user}\nInclude ${user}\n` }, log);
    const target = {
      settings: new Settings(),
      environment,
      host: 'host',
      subject: () => ({
        originalHost: 'host',
        host: 'host',
        user: 'me',
        tag: undefined,
        command: undefined,
        sessionType: 'shell' as const,
        version: 'x',
        finalPass: false,
        tokens: () => ({}),
      }),
    };
    expect(() => parseFile(user, { ofUser: true, strict: true }, target)).toThrow(ConfigError);
    expect(log).toEqual(['Too many recursive configuration includes']);
  });
});
