import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type AllowedSigner, checkAllowedSigner, parseAllowedSigner, principalsOf } from '../../../src/core/keys/allowed-signers.ts';
import { formatPublicKeyLine } from '../../../src/core/keys/public-key.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { errorCode, publicKeyFile } from './vectors.ts';

const { key } = publicKeyFile('ed25519.pub');
const authority = publicKeyFile('rsa-2048.pub').key;
const certificate = publicKeyFile('user-by-rsa-2048-cert.pub').key;
const line = formatPublicKeyLine(key);
const time = Date.UTC(2030, 0, 1) / 1000;
const use = { key, namespace: 'git', time };

function signer(text: string): AllowedSigner {
  return parseAllowedSigner(text) as AllowedSigner;
}

function reason(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof SshError) return error.detail ?? error.message;
    throw error;
  }
}

describe('a line', () => {
  test('has principals, options and key', () => {
    expect(signer(`alice@example.com,*@example.org  ${line} comment`)).toMatchObject({
      principals: 'alice@example.com,*@example.org',
      certAuthority: false,
      key: { blob: key.blob },
    });
    expect(
      signer(`"a b" Cert-Authority,namespaces="file,git*",valid-after="20200101Z",valid-before="20400101Z"\t${line}\r\n`),
    ).toMatchObject({
      principals: 'a b',
      certAuthority: true,
      namespaces: 'file,git*',
      validAfter: Date.UTC(2020, 0, 1) / 1000,
      validBefore: Date.UTC(2040, 0, 1) / 1000,
    });
  });

  test.each(['', '  ', '# comment'])('%j is none', (text) => {
    expect(parseAllowedSigner(text)).toBeUndefined();
  });

  test.each([
    ['alice', 'invalid line'],
    ['"alice', 'invalid line'],
    [`alice restrict ${line}`, 'unknown key option'],
    [`alice namespaces=git ${line}`, 'unknown key option'],
    [`alice namespaces="git ${line}`, 'unknown key option'],
    [`alice cert-authority="x" ${line}`, 'unknown key option'],
    [`alice namespaces="a",namespaces="b" ${line}`, 'multiple "namespaces" clauses'],
    [`alice valid-after="soon" ${line}`, 'invalid "valid-after" time'],
    [`alice valid-before="soon" ${line}`, 'invalid "valid-before" time'],
    [`alice valid-after="20300101Z",valid-before="20290101Z" ${line}`, '"valid-before" time is before "valid-after"'],
    ['alice cert-authority', 'invalid options'],
    ['alice cert-authority ssh-rsa', 'invalid key'],
  ])('%j is refused: %s', (text, expected) => {
    expect(reason(() => parseAllowedSigner(text))).toBe(expected);
  });

  test('no text makes anything but an SshError', () => {
    const word = fc.constantFrom('alice ', 'cert-authority', 'namespaces=', 'valid-after=', '"', '\\', ',', ' ', line);
    fc.assert(fc.property(fc.array(fc.oneof(word, fc.string())), (words) => void errorCode(() => parseAllowedSigner(words.join('')))));
  });
});

describe('a key', () => {
  test.each([
    ['is allowed', `alice ${line}`, undefined],
    ['is allowed by a pattern', `*,!bob ${line}`, undefined],
    ['is not another’s', `bob ${line}`, 'principal'],
    ['is not excluded', `*,!alice ${line}`, 'principal'],
    ['is not the line’s', `alice ${formatPublicKeyLine(authority)}`, 'key'],
    ['does not sign itself as an authority', `alice cert-authority ${line}`, 'key'],
    ['is allowed in its namespaces', `alice namespaces="file,g*" ${line}`, undefined],
    ['is not in others', `alice namespaces="file" ${line}`, 'namespace'],
    ['is not before its time', `alice valid-after="20310101Z" ${line}`, 'not yet valid'],
    ['is not after its time', `alice valid-before="20290101Z" ${line}`, 'expired'],
  ])('%s', (_what, text, expected) => {
    expect(
      reason(() => {
        checkAllowedSigner(signer(text), 'alice', use);
      }),
    ).toBe(expected);
  });

  test('is known by the line’s patterns', () => {
    expect(principalsOf(signer(`alice,*@x ${line}`), use)).toEqual(['alice,*@x']);
    expect(principalsOf(signer(`alice namespaces="file" ${line}`), use)).toEqual([]);
  });
});

describe('a certificate', () => {
  const authorityLine = signer(`*,!carol cert-authority ${formatPublicKeyLine(authority)}`);

  test('is allowed by its authority for its principals', () => {
    const certified = { ...use, key: certificate };
    expect(
      reason(() => {
        checkAllowedSigner(authorityLine, 'alice', certified);
      }),
    ).toBeUndefined();
    expect(
      reason(() => {
        checkAllowedSigner(authorityLine, 'dave', certified);
      }),
    ).toBe('Certificate invalid: name is not a listed principal');
    expect(
      reason(() => {
        checkAllowedSigner(signer(`bob cert-authority ${formatPublicKeyLine(authority)}`), 'alice', certified);
      }),
    ).toBe('principal');
    expect(
      reason(() => {
        checkAllowedSigner(authorityLine, 'alice', { ...certified, time: 0 });
      }),
    ).toBe('Certificate invalid: not yet valid');
    expect(
      reason(() => {
        checkAllowedSigner(signer(`alice ${formatPublicKeyLine(authority)}`), 'alice', certified);
      }),
    ).toBe('key');
    expect(
      reason(() => {
        checkAllowedSigner(signer(`alice ${line}`), 'alice', certified);
      }),
    ).toBe('key');
    expect(principalsOf(signer(`a* cert-authority ${formatPublicKeyLine(authority)}`), certified)).toEqual(['alice']);
  });
});
