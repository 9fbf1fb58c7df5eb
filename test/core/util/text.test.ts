import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalAddress, matchAddressList, matchNetworkList, parseAddress } from '../../../src/core/util/addr.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { isLogged, parseLogLevel, stderrLog, verboseLevel } from '../../../src/core/util/log.ts';
import { expandBoth, expandEnvironment, expandTokens } from '../../../src/core/util/percent.ts';
import { parseSeconds } from '../../../src/core/util/time.ts';
import { visibleBytes, visibleLog, visibleText } from '../../../src/core/util/vis.ts';

describe('times', () => {
  test.each([
    ['600', 600],
    ['10m', 600],
    ['1h30m', 5400],
    ['1H30M', 5400],
    ['1w2d3h4m5', 788_645],
    ['2147483647', 2_147_483_647],
    ['2147483648', undefined],
    ['3551w', undefined],
    ['', undefined],
    ['m', undefined],
    ['-5', undefined],
    ['5x', undefined],
    ['1.5h', undefined],
    ['none', undefined],
  ])('%s', (text, seconds) => {
    expect(parseSeconds(text)).toBe(seconds);
  });

  test('a long text of nonsense is refused', () => {
    expect(parseSeconds('1s'.repeat(100_000))).toBe(100_000);
    expect(parseSeconds('9'.repeat(100_000))).toBeUndefined();
  });
});

describe('tokens', () => {
  test('are replaced once, and what they stand for is not looked at again', () => {
    expect(expandTokens('%h%%h%%%r', { h: '%r', r: 'x' })).toBe('%r%h%x');
    expect(expandBoth(`\${A}-%h-\${B}`, { h: `\${A}` }, (name) => (name === 'A' ? '%h' : ''))).toBe(`%h-\${A}-`);
    expect(expandTokens(`\${A}`, {})).toBe(`\${A}`);
    expect(expandEnvironment('%h $A', () => '')).toBe('%h $A');
  });

  test.each([
    ['%q', 'unknown key %q'],
    ['a%', 'invalid format'],
    ['%constructor', 'unknown key %c'],
    [`\${NOPE}`, `env var \${NOPE} has no value`],
    [`\${NOPE`, "environment variable 'NOPE' missing closing '}'"],
    [`\${}`, 'zero-length environment variable'],
  ])('%s is an error', (text, detail) => {
    expect(() => expandBoth(text, { h: 'x' }, () => undefined)).toThrow(SshError);
    try {
      expandBoth(text, { h: 'x' }, () => undefined);
    } catch (error) {
      expect((error as SshError).detail).toBe(detail);
    }
  });
});

describe('text of the peer', () => {
  test('no control character reaches a terminal', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(visibleBytes(bytes)).not.toMatch(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/);

        expect(visibleLog(Buffer.from(bytes).toString('latin1'))).toMatch(/^[\x07-\x0a\x0d\x20-\x7e]*$/);
      }),
    );
  });

  test.each([
    ['a\x1b[2Jb', 'a\\033[2Jb'],
    ['tab\tnew\r\n', 'tab\tnew\r\n'],
    ['é\\', 'é\\'],
    ['\u202eabc', '\\342\\200\\256abc'],
    ['\x07', '\\007'],
  ])('%j is shown as %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });

  test('a log line doubles backslashes and keeps to ASCII', () => {
    expect(visibleLog('é\\\x1b')).toBe('\\303\\251\\\\\\033');
    expect(visibleText('é', false)).toBe('\\303\\251');
    expect(visibleBytes(Uint8Array.of(0x61, 0xff, 0xc3, 0xa9, 0xc3))).toBe('a\\377é\\303');
  });
});

describe('the log', () => {
  test('writes what is loud enough, with its prefix and CR LF', () => {
    const lines: string[] = [];
    const log = stderrLog({ level: 'DEBUG', verbose: ['kex.c:*'], write: (line) => lines.push(line) });
    log('DEBUG', 'one\x1b');
    log('DEBUG2', 'two');
    log('DEBUG2', 'three', 'kex.c:f():1');
    log('ERROR', 'four');
    log('QUIET', 'five');
    expect(lines).toEqual(['debug1: one\\033\r\n', 'debug2: kex.c:f():1: three\r\n', 'four\r\n']);
  });

  test('levels by name and by -v', () => {
    expect(parseLogLevel('debug1')).toBe('DEBUG');
    expect(parseLogLevel('Verbose')).toBe('VERBOSE');
    expect(parseLogLevel('loud')).toBeUndefined();
    expect([0, 1, 2, 3, 9].map(verboseLevel)).toEqual(['INFO', 'DEBUG', 'DEBUG2', 'DEBUG3', 'DEBUG3']);
    expect(isLogged('FATAL', 'QUIET')).toBe(false);
  });
});

const zeros = (count: number): number[] => Array.from({ length: count }, () => 0);

describe('addresses', () => {
  test.each([
    ['1.2.3.4', [1, 2, 3, 4]],
    ['01.2.3.4', undefined],
    ['1.2.3', undefined],
    ['256.1.1.1', undefined],
    ['::', zeros(16)],
    ['::1', [...zeros(15), 1]],
    ['fe80::1%eth0', [0xfe, 0x80, ...zeros(13), 1]],
    ['::ffff:1.2.3.4', [...zeros(10), 255, 255, 1, 2, 3, 4]],
    ['1:2:3:4:5:6:7:8', [0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8]],
    ['1:2:3:4:5:6:7::8', undefined],
    ['1::2::3', undefined],
    [':1', undefined],
    ['12345::', undefined],
    ['host', undefined],
  ])('%s', (text, bytes) => {
    const address = parseAddress(text);
    expect(address === undefined ? undefined : [...address]).toEqual(bytes);
  });

  test.each([
    ['10.1.2.3', '10.0.0.0/8', 'match'],
    ['10.1.2.3', '10.0.0.0/8,!10.1.0.0/16', 'negated'],
    ['10.1.2.3', '10.0.0.1/8', 'invalid'],
    ['10.1.2.3', '10.0.0.0/33', 'invalid'],
    ['10.1.2.3', '10.1.*', 'match'],
    ['::1', '10.0.0.0/8,::/0', 'match'],
    ['fe80::1', 'fe80::/9', 'match'],
    ['ff80::1', 'fe80::/9', 'none'],
  ] as const)('%s in %s: %s', (address, list, expected) => {
    expect(matchAddressList(address, list)).toBe(expected);
  });

  test('lists of networks take nothing else', () => {
    expect(matchNetworkList('10.1.2.3', '10.0.0.0/8,::/0')).toBe('match');
    expect(matchNetworkList('11.1.2.3', '10.0.0.0/8')).toBe('none');
    expect(matchNetworkList('11.1.2.3', 'host')).toBe('invalid');
    expect(matchNetworkList('10.1.2.3', '!10.0.0.0/8')).toBe('invalid');
    expect(matchNetworkList('10.1.2.3', '10.0.0.0/33')).toBe('invalid');
  });
});

describe('canonical addresses', () => {
  test.each([
    ['127.0.0.1', '127.0.0.1'],
    ['127.1', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    ['010.0.0.1', '8.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['1.2.3', '1.2.0.3'],
    ['4294967296', undefined],
    ['1.2.3.256', undefined],
    ['1.2.3.4.5', undefined],
    ['host', undefined],
    ['', undefined],
    ['0:0::1', '::1'],
    ['::', '::'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['::1.2.3.4', '::1.2.3.4'],
    ['FE80::A%eth0', 'fe80::a%eth0'],
  ])('%s is %s', (host, address) => {
    expect(canonicalAddress(host)).toBe(address);
  });
});
