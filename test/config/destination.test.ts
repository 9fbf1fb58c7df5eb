import { describe, expect, test } from 'vitest';
import { formatJump, isValidHostname, isValidUser, parseDestination, parseJump } from '../../src/config/destination.ts';
import { formatForward, parseForward, parsePort, parseStdioForward, type ForwardKind } from '../../src/config/forward-spec.ts';
import { LineError, type Lookups } from '../../src/config/kind.ts';

const log: string[] = [];
const lookups: Lookups = {
  servicePort: (name) => (name === 'http' ? 80 : undefined),
  variable: (name) => (name === 'DIR' ? '/run' : undefined),
  log: (_level, text) => void log.push(text),
};

describe('destinations', () => {
  test.each([
    ['host', undefined, 'host', undefined],
    ['a@b@host', 'a@b', 'host', undefined],
    ['host:22', undefined, 'host:22', undefined],
    ['ssh://host', undefined, 'host', undefined],
    ['SSH://u@host:2222/', 'u', 'host', 2222],
    ['ssh://a%40b@host.:22', 'a@b', 'host', 22],
    ['ssh://a-b.c_d', undefined, 'a-b.c_d', undefined],
    ['ssh://u;fingerprint=x@host', 'u', 'host', undefined],
    ['ssh://host:http', undefined, 'host', 80],
    ['user@', 'user', '', undefined],
  ])('%s', (text, user, host, port) => {
    expect(parseDestination(text, lookups.servicePort)).toEqual({ user, host, port });
  });

  test.each([
    '@host',
    'ssh://',
    'ssh://@host',
    'ssh://host:0',
    'ssh://host:99999',
    'ssh://host/path',
    'ssh://%00@host',
    'ssh://%zz@host',
    'ssh://[::1',
    // OpenSSH 10.0 takes no address in numbers of IPv6 here, nor anything else with more than letters, digits and .-_
    'ssh://[::1]:22',
    'ssh://a..b',
    'ssh://-a',
    'ssh://a%2eb',
    'ssh://a;b',
  ])('%s is none', (text) => {
    expect(parseDestination(text, lookups.servicePort)).toBeUndefined();
  });

  test.each([
    '-oProxyCommand=x',
    '$(x)',
    '`x`',
    'a;b',
    'a|b',
    'a&b',
    'a b',
    'a\nb',
    'a\\b',
    "a'b",
    'a"b',
    'a(b',
    'a{b',
    'a<b',
    'a\x7fb',
  ])('the host %j could mean something to a shell', (host) => {
    expect(isValidHostname(host)).toBe(false);
  });

  test.each([
    '-x',
    'a;b',
    '`x`',
    'a|b',
    'a&b',
    "a'b",
    'a"b',
    'a(b',
    'a{b',
    'a<b',
    'a\nb',
    'a -x',
    'a\\',
  ])('the user %j could mean something to a shell', (user) => {
    expect(isValidUser(user)).toBe(false);
  });

  test('names that people have are let through', () => {
    for (const host of ['host.example', '192.0.2.1', '::1', 'fe80::1%eth0', 'a_b', 'ö']) expect(isValidHostname(host), host).toBe(true);
    for (const user of ['bob', 'DOM\\bob', 'bob@example', 'a b', 'ö', '$user']) expect(isValidUser(user), user).toBe(true);
  });
});

describe('jumps', () => {
  const strict = { servicePort: lookups.servicePort, report: lookups.log.bind(undefined, 'ERROR') };
  test('the last hop is connected to the host, the others stay as they were written', () => {
    expect(parseJump('a,u@b:22,c@[::1]:23', strict)).toEqual({ user: 'c', host: '::1', port: 23, before: 'a,u@b:22' });
    expect(formatJump({ user: 'c', host: '::1', port: 23, before: 'a' })).toBe('a,c@[::1]:23');
    expect(parseJump('None', strict)).toBeUndefined();
  });

  test.each([
    '',
    ',',
    'a,',
    'u@',
    '@h',
    'a:x',
    '::1',
    '[::1',
    '-x',
    'a,-x',
    'a;b',
    '$(x),a',
    'a,u;@b',
    'ssh://h/p',
  ])('%j is wrong on the command line', (text) => {
    expect(() => parseJump(text, strict)).toThrow(LineError);
  });
});

describe('forwardings', () => {
  test.each<[ForwardKind, string, string | undefined]>([
    ['local', '8080:host:80', '8080 [host]:80'],
    ['local', '*:8080:host:http', '[*]:8080 [host]:80'],
    ['local', '[::1]:8080:[::2]:80', '[::1]:8080 [::2]:80'],
    ['local', '/a:/b', '/a /b'],
    ['local', '8080:/b', '8080 /b'],
    ['local', '/a:host:80', '/a [host]:80'],
    ['local', `\${DIR}/a:/b`, '/run/a /b'],
    ['local', `\${NOPE}/a:/b`, undefined],
    ['local', '8080', undefined],
    ['local', '0:host:80', undefined],
    ['local', '8080:host:0', undefined],
    ['local', '8080:host:80:1:2', undefined],
    ['local', '[::1:8080:host:80', undefined],
    ['local', `/${'a'.repeat(107)}:/b`, undefined],
    ['remote', '0:host:80', '0 [host]:80'],
    ['remoteDynamic', '1080', '1080 [socks]:0'],
    ['dynamic', '1080', '1080 [socks]:0'],
    ['dynamic', 'h:1080', '[h]:1080 [socks]:0'],
    ['dynamic', 'a:b:1080', undefined],
  ])('%s %s', (kind, text, shown) => {
    const forward = parseForward(text, kind, lookups);
    expect(forward === undefined ? undefined : formatForward(forward, true)).toBe(shown);
  });

  test('-W', () => {
    expect(parseStdioForward('[::1]:22', lookups)).toEqual({ host: '::1', port: 22 });
    expect(parseStdioForward('/run/a.sock', lookups)).toEqual({ path: '/run/a.sock' });
    expect(parseStdioForward('22', lookups)).toBe('nothing');
    expect(parseStdioForward('host', lookups)).toBeUndefined();
  });

  test('ports', () => {
    expect(['22', '+22', ' 22', '0', '65535', '65536', '-1', '2x', 'http', ''].map((text) => parsePort(text, lookups.servicePort))).toEqual(
      [22, 22, 22, 0, 65_535, undefined, undefined, undefined, 80, undefined],
    );
  });
});
