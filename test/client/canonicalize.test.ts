import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { canonicalHost } from '../../src/client/canonicalize.ts';
import type { FinalOptions } from '../../src/config/finalize-client.ts';
import { ResolveError } from '../../src/node/resolve.ts';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';

const names = ['www.one.example.', 'db.two.example.', 'alias', 'anchored.'];
const aliases: Readonly<Record<string, string>> = { 'www.one.example': 'web7.farm.example', alias: 'web7.farm.example' };

async function canonical(host: string, options: Partial<FinalOptions> = {}) {
  const said: string[] = [];
  const asked: string[] = [];
  const all = {
    ...{ canonicalizeHostname: 'true', canonicalDomains: ['one.example', 'two.example'], canonicalizeMaxDots: 1 },
    ...{ canonicalizeFallbackLocal: true, canonicalizePermittedCNAMEs: [], proxyCommand: undefined, proxyJump: undefined },
    ...options,
  } as unknown as FinalOptions;
  const found = await canonicalHost(
    host,
    all,
    (level, text) => {
      if (!level.startsWith('DEBUG')) said.push(text);
    },
    {
      lookUp: (name) => {
        asked.push(name);
        return names.includes(name) ? Promise.resolve() : Promise.reject(new ResolveError(name, 'Name or service not known'));
      },
      canonicalName: (name) => Promise.resolve(aliases[name.replace(/\.$/, '')]),
    },
  ).catch(() => 'failed');
  return { found, said, asked };
}

describe('a host`s canonical name', () => {
  test('has the first domain that knows it', async () => {
    expect(await canonical('db')).toEqual({ found: 'db.two.example', said: [], asked: ['db.one.example.', 'db.two.example.'] });
  });

  test('is itself where it has dots enough, and where it ends in one', async () => {
    expect(await canonical('db.two.example')).toMatchObject({ found: 'db.two.example', asked: [] });
    expect((await canonical('anchored.')).found).toBe('anchored');
  });

  test('is itself where no domain knows it, unless that is not wanted', async () => {
    expect((await canonical('none')).found).toBe('none');
    const strict = await canonical('none', { canonicalizeFallbackLocal: false });
    expect(strict).toMatchObject({ found: 'failed', said: ['ssh: Could not resolve host "none"'] });
  });

  test('is not looked for where another host makes the connection, unless always', async () => {
    expect((await canonical('db', { proxyCommand: 'nc %h %p' })).asked).toEqual([]);
    expect((await canonical('db', { proxyCommand: 'NONE' })).found).toBe('db.two.example');
    expect((await canonical('db', { proxyCommand: 'nc %h %p', canonicalizeHostname: 'always' })).found).toBe('db.two.example');
  });

  test('follows aliases that are permitted, no others', async () => {
    const rule = (source: string, target: string): Partial<FinalOptions> => ({ canonicalizePermittedCNAMEs: [{ source, target }] });
    const followed = await canonical('www', rule('*.one.example', '*.farm.example'));
    expect(followed).toMatchObject({
      found: 'web7.farm.example',
      said: ['Canonicalized DNS aliased hostname "www.one.example" => "web7.farm.example"'],
    });
    expect((await canonical('www', rule('*.one.example', '*.else.example'))).found).toBe('www.one.example');
    expect((await canonical('alias', rule('alias', '*'))).found).toBe('web7.farm.example');
    expect((await canonical('none', rule('*', '*'))).said).toEqual(['ssh: Could not resolve hostname none: Name or service not known']);
  });
});

describePeer(['openssh-10', 'root'], 'a canonical name from /etc/hosts', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-hosts-'));
  const hosts = path.join(folder, 'hosts');
  writeFileSync(hosts, '127.0.0.1 localhost\n127.0.0.1 real.farm.example short alias.one.example\n127.0.0.1 Mixed.Case other\n');
  afterAll(() => rmSync(folder, { recursive: true }));

  const rules = ['CanonicalizeHostname yes', 'CanonicalDomains one.example', 'CanonicalizeMaxDots 0', 'AddressFamily inet'];
  test.each<[string, readonly string[], string, string | undefined]>([
    ['is followed', ['CanonicalizePermittedCNAMEs *:*.farm.example'], 'short', 'real.farm.example'],
    ['is followed from a whole name', ['CanonicalizePermittedCNAMEs *.one.example:*'], 'alias.one.example', 'real.farm.example'],
    ['keeps its letters as they are', ['CanonicalizePermittedCNAMEs *:*'], 'other', 'Mixed.Case'],
    ['is not where its letters are others', ['CanonicalizePermittedCNAMEs *:*.case'], 'other', undefined],
    ['is not where no rule permits it', ['CanonicalizePermittedCNAMEs other:*'], 'short', undefined],
    ['is not without rules', [], 'short', undefined],
    ['is not asked for by a proxy', ['CanonicalizePermittedCNAMEs *:*', 'ProxyCommand nc %h %p'], 'short', undefined],
  ])('%s', async (_, lines, host, expected) => {
    const config = path.join(folder, 'config');
    writeFileSync(config, [...rules, ...lines, ''].join('\n'));
    const asked = async (program: string): Promise<string> => {
      const mount = 'mount --bind "$1" /etc/hosts && shift && exec "$@"';
      const { out, err } = await run('unshare', ['--mount', 'sh', '-c', mount, 'sh', hosts, program, '-G', '-F', config, host]);
      return `${/^hostname .*$/m.exec(out)?.[0] ?? ''}\n${err.replace(/^Pseudo-terminal.*\r?\n/m, '')}`;
    };
    const ours = await asked(own('tsh'));
    expect(ours).toBe(await asked(peerProgram('openssh-10', 'ssh')));
    if (expected !== undefined) expect(ours).toBe(`hostname ${expected}\n`);
  });
});
