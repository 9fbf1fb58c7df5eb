import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkHostKey,
  formatKnownHostsLine,
  hashHost,
  knownHostsEntries,
  knownHostsKey,
  knownHostsName,
  knownKeyOfType,
  hostMatcher,
  parseKnownHostsLine,
} from '../../../src/core/keys/known-hosts.ts';
import { formatPublicKeyLine } from '../../../src/core/keys/public-key.ts';
import { peerProgram, testPeer } from '../../peers.ts';
import { errorCode, publicKeyFile } from './vectors.ts';

const ed25519 = publicKeyFile('ed25519.pub').key;
const ecdsa = publicKeyFile('ecdsa-256.pub').key;
const rsa = publicKeyFile('rsa-2048.pub').key;
const certificate = publicKeyFile('host-rsa-1024-cert.pub').key;

const line = (hosts: string, key = ed25519): string => `${hosts} ${formatPublicKeyLine(key)}`;

function entriesOf(lines: readonly string[], name: string) {
  return knownHostsEntries([{ file: 'known_hosts', text: lines.join('\n') }], name);
}

describe('a line', () => {
  test('has its marker, names, key and comment', () => {
    expect(parseKnownHostsLine('\t@revoked \t a,b\tssh-ed25519  AAAA  a comment \r\n')).toEqual({
      at: 'entry',
      marker: 'revoked',
      hosts: 'a,b',
      keyType: 'ssh-ed25519',
      encodedKey: 'AAAA',
      comment: 'a comment \r',
    });
    expect(parseKnownHostsLine('host ssh-rsa AAAA')).toMatchObject({ at: 'entry', comment: '' });
  });

  test.each(['', '  ', '# host ssh-rsa AAAA', '\t#', '\n'])('%j is a comment', (text) => {
    expect(parseKnownHostsLine(text)).toEqual({ at: 'comment' });
  });

  test.each([
    '@revoked',
    '@revoked @cert-authority host ssh-rsa AAAA',
    '@Revoked host ssh-rsa AAAA',
    '@ host ssh-rsa AAAA',
    '@other host ssh-rsa AAAA',
    'host',
    'host ssh-rsa',
    'host\u00a0ssh-rsa\u00a0AAAA',
    'host\u000bssh-rsa\u000bAAAA',
    `host ssh-rsa ${'A'.repeat(70_000)}`,
  ])('%j is invalid', (text) => {
    expect(parseKnownHostsLine(text).at).toBe('invalid');
  });

  test('no text throws', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.string(), (text, name) => {
        entriesOf([text, `${name} ${text}`, line(name)], name);
      }),
    );
  });
});

test('a line’s key is decoded when it is asked for', () => {
  const parsed = parseKnownHostsLine(line('host', rsa));
  expect(parsed.at === 'entry' && knownHostsKey(parsed).blob).toEqual(rsa.blob);
});

describe('names', () => {
  test.each([
    ['host', 'host', true],
    ['HOST', 'host', true],
    ['host', 'hos', false],
    ['*.example.com', 'www.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*,!www.example.com', 'www.example.com', false],
    ['!www.example.com,*', 'ftp.example.com', true],
    ['192.0.2.?', '192.0.2.7', true],
    ['[host]:2222', '[host]:2222', true],
    ['[host]:2222', 'host', false],
    ['[*.example.com]:*', '[a.example.com]:22022', true],
    ['|1|bad|USECr3SWf1JUPsms5AqfD5QfxkM=', 'host', false],
    ['|2|JfKTdBh7rNbXkVAQCRp4OQoPfmI=|USECr3SWf1JUPsms5AqfD5QfxkM=', 'host', false],
  ])('%s names %s: %s', (hosts, name, expected) => {
    expect(hostMatcher(name)(hosts)).toBe(expected);
  });

  test('a hashed name is found again, and only it', () => {
    const hashed = hashHost('[server.example.com]:2222');
    expect(hashed).toMatch(/^\|1\|[A-Za-z0-9+/]{27}=\|[A-Za-z0-9+/]{27}=$/);
    expect(hashHost('[server.example.com]:2222')).not.toBe(hashed);
    expect(hostMatcher('[server.example.com]:2222')(hashed)).toBe(true);
    expect(hostMatcher('server.example.com')(hashed)).toBe(false);
  });

  test('the port stands with the name where it is not 22', () => {
    expect([knownHostsName('Host.Example', 22), knownHostsName('Host', 2222), knownHostsName('::1', 22)]).toEqual([
      'host.example',
      '[host]:2222',
      '::1',
    ]);
  });

  test.each([
    'a b',
    'a,b',
    'a*',
    'a?',
    '!a',
    '[a',
    'a]',
    '|1|x',
    "a'b",
    'a"b',
    'a\\b',
    'a\nb',
    '#a',
    '@a',
    '',
    'a\tb',
    'a\u0000',
    '[]:22',
    '[a*]:22',
  ])('%j is never written', (name) => {
    expect(errorCode(() => formatKnownHostsLine([name], ed25519))).toBe('SSH_ERR_INVALID_ARGUMENT');
  });

  test('a written line is read back', () => {
    const hashed = hashHost('host');
    for (const names of [['host', '192.0.2.1'], ['[host]:2222', '::1'], [hashed]]) {
      expect(parseKnownHostsLine(formatKnownHostsLine(names, rsa, 'note'))).toMatchObject({ hosts: names.join(','), comment: 'note' });
    }
  });
});

describe('a host’s key is', () => {
  test('new where the host is not known', () => {
    expect(checkHostKey(entriesOf([line('other')], 'host'), ed25519)).toEqual({ status: 'new' });
    expect(checkHostKey([], ed25519)).toEqual({ status: 'new' });
  });

  test('ok with file and line where it is known', () => {
    const entries = entriesOf(['# comment', line('host', rsa), line('host,192.0.2.1')], 'host');
    expect(checkHostKey(entries, ed25519)).toMatchObject({ status: 'ok', entry: { file: 'known_hosts', line: 3 } });
  });

  test('changed where another is known, whatever its type', () => {
    const entries = entriesOf([line('host', rsa), line('host', ecdsa)], 'host');
    expect(checkHostKey(entries, ed25519)).toMatchObject({ status: 'changed', entry: { line: 2 } });
  });

  test('revoked whatever other lines say', () => {
    const entries = entriesOf([line('host'), line('@revoked *')], 'host');
    expect(checkHostKey(entries, ed25519)).toMatchObject({ status: 'revoked', entry: { line: 2 } });
    expect(checkHostKey(entries, rsa)).toMatchObject({ status: 'changed' });
    expect(knownKeyOfType(entries, 'ssh-ed25519')).toBeUndefined();
  });

  test('trusted as a certificate by its authority alone', () => {
    expect(checkHostKey(entriesOf([line('@cert-authority *')], 'host'), certificate)).toMatchObject({ status: 'ok' });
    expect(checkHostKey(entriesOf([line('*')], 'host'), certificate)).toEqual({ status: 'new' });
    expect(checkHostKey(entriesOf([line('@cert-authority *', rsa)], 'host'), certificate)).toEqual({ status: 'new' });
    expect(checkHostKey(entriesOf([line('@cert-authority *')], 'host'), ed25519)).toEqual({ status: 'new' });
    const revoked = [line('@cert-authority *'), line('@revoked *')];
    expect(checkHostKey(entriesOf(revoked, 'host'), certificate)).toMatchObject({ status: 'revoked' });
    const keyRevoked = [line('@cert-authority *'), line('@revoked *', certificate.plain)];
    expect(checkHostKey(entriesOf(keyRevoked, 'host'), certificate)).toMatchObject({ status: 'revoked' });
  });

  test('not taken from a line that declares another type, or can’t be read', () => {
    const skipped: string[] = [];
    const text = [
      `host ssh-rsa ${formatPublicKeyLine(ed25519).split(' ')[1]}`,
      'host ssh-ed25519 AAAA',
      'host ssh-ed25519',
      line('host'),
    ].join('\n');
    const entries = knownHostsEntries([{ file: 'f', text }], 'host', (file, number, reason) => skipped.push(`${file}:${number} ${reason}`));
    expect(entries.map((entry) => entry.line)).toEqual([4]);
    expect(skipped).toEqual(['f:1 key type does not match', 'f:2 invalid format', 'f:3 missing host key']);
  });

  test('found by type', () => {
    const entries = entriesOf([line('host', rsa), line('host', ecdsa)], 'host');
    expect(knownKeyOfType(entries, 'ecdsa-sha2-nistp256')).toMatchObject({ line: 2 });
    expect(knownKeyOfType(entries, 'ssh-ed25519')).toBeUndefined();
  });
});

testPeer('openssh-10', 'ssh-keygen -F finds the lines that we find, hashed by either side', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tsh-known-hosts-'));
  try {
    const file = path.join(folder, 'known_hosts');
    const keygen = (...args: string[]): string =>
      execFileSync(peerProgram('openssh-10', 'ssh-keygen'), [...args, '-f', file], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
    const names = ['host', '[host]:2222', 'www.example.com', '::1', 'other'];
    const lines = ['host', '*.example.com,!ftp.example.com', '[host]:2222', '::1', hashHost('host'), hashHost('[host]:2222')].map((hosts) =>
      line(hosts),
    );
    const found = (text: string, name: string): number[] => knownHostsEntries([{ file, text }], name).map((entry) => entry.line);
    const theirs = (name: string): number[] => {
      try {
        return [...keygen('-F', name).matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
      } catch {
        return [];
      }
    };
    writeFileSync(file, `${lines.join('\n')}\n`);
    expect(names.map((name) => found(lines.join('\n'), name))).toEqual(names.map(theirs));
    execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-H', '-f', file], { stdio: 'ignore' });
    const text = readFileSync(file, 'utf8');
    expect(text).toMatch(/^\|1\|/);
    expect(found(text, 'host')).toEqual([1, 5]);
    expect(found(text, '::1')).toEqual([4]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
