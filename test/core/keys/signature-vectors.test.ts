import { readFileSync } from 'node:fs';
import { ed25519 as nobleEd25519 } from '@noble/curves/ed25519.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { describe, expect, test } from 'vitest';
import { ed25519Fields } from '../../../src/core/keys/ed25519.ts';
import { privateKeyOf } from '../../../src/core/keys/private-key.ts';
import { parsePublicKey } from '../../../src/core/keys/public-key.ts';
import { remainder } from '../../../src/core/keys/remainder.ts';
import { bigintBytes, bigintOf, concat, fromHex, utf8Bytes } from '../../../src/core/util/bytes.ts';
import { mpint } from '../../../src/core/wire/codec.ts';
import { WireReader } from '../../../src/core/wire/reader.ts';
import { WireWriter } from '../../../src/core/wire/writer.ts';
import fc from 'fast-check';
import { errorCode } from './vectors.ts';

interface Vectors {
  readonly ed25519: { readonly vectors: readonly { secret: string; public: string; message: string; signature: string }[] };
  readonly ecdsa: { readonly vectors: readonly { curve: string; secret: string; x: string; y: string; r: string; s: string }[] };
  readonly rsa: {
    readonly n: string;
    readonly e: string;
    readonly vectors: readonly { message: string; valid: boolean; signature: string }[];
  };
}

const vectors = JSON.parse(readFileSync(new URL('../../vectors/signatures.json', import.meta.url), 'utf8')) as Vectors;

const nobleCurves = { nistp256: p256, nistp384: p384, nistp521: p521 };

/** The string after the algorithm's name in a signature. */
function rawOf(signature: Uint8Array): Uint8Array {
  const reader = new WireReader(signature);
  reader.string();
  return reader.string();
}

describe.each(vectors.ed25519.vectors)('Ed25519 of $message', ({ secret, public: publicHex, message, signature }) => {
  const key = privateKeyOf('ssh-ed25519', ed25519Fields(fromHex(secret)));

  test('has the public key', () => {
    expect(key.publicKey.blob.subarray(-32)).toEqual(fromHex(publicHex));
    expect(nobleEd25519.getPublicKey(fromHex(secret))).toEqual(fromHex(publicHex));
  });

  test('has the signature, from node:crypto and from noble', async () => {
    const made = await key.sign(fromHex(message), 'ssh-ed25519');
    expect(rawOf(made)).toEqual(fromHex(signature));
    expect(nobleEd25519.sign(fromHex(message), fromHex(secret))).toEqual(fromHex(signature));
    key.publicKey.verify(made, fromHex(message), 'ssh-ed25519');
    expect(nobleEd25519.verify(fromHex(signature), fromHex(message), fromHex(publicHex))).toBe(true);
  });
});

describe.each(vectors.ecdsa.vectors)('ECDSA on $curve', ({ curve, secret, x, y, r, s }) => {
  const name = `ecdsa-sha2-${curve}`;
  const data = utf8Bytes('sample');
  const noble = nobleCurves[curve as keyof typeof nobleCurves];
  const point = concat(Uint8Array.of(4), fromHex(x), fromHex(y));
  const fields = new WireWriter().string(utf8Bytes(curve)).string(point);
  mpint.write(fields, fromHex(secret));
  const key = privateKeyOf(name, fields.take());

  test('the signature verifies, by node:crypto and by noble', () => {
    const parts = new WireWriter();
    mpint.write(parts, fromHex(r));
    mpint.write(parts, fromHex(s));
    const signature = new WireWriter().string(utf8Bytes(name)).string(parts.bytes()).bytes();
    expect(errorCode(() => key.publicKey.verify(signature, data, name))).toBeUndefined();
    expect(noble.verify(concat(fromHex(r), fromHex(s)), data, point, { lowS: false })).toBe(true);
  });

  test('what we sign noble verifies, and the other way round', async () => {
    const reader = new WireReader(rawOf(await key.sign(data, name)));
    const size = x.length / 2;
    const raw = concat(bigintBytes(bigintOf(mpint.read(reader)), size), bigintBytes(bigintOf(mpint.read(reader)), size));
    expect(noble.verify(raw, data, point, { lowS: false })).toBe(true);
    const theirs = noble.sign(data, bigintBytes(bigintOf(fromHex(secret)), size), { lowS: false });
    const parts = new WireWriter();
    mpint.write(parts, theirs.subarray(0, size));
    mpint.write(parts, theirs.subarray(size));
    const signature = new WireWriter().string(utf8Bytes(name)).string(parts.bytes()).bytes();
    expect(errorCode(() => key.publicKey.verify(signature, data, name))).toBeUndefined();
  });

  test('r and s of 0 or of the order are no signature', () => {
    const order = bigintBytes(noble.Point.Fn.ORDER);
    for (const bad of [new Uint8Array(0), order]) {
      const parts = new WireWriter();
      mpint.write(parts, bad);
      mpint.write(parts, fromHex(s));
      const signature = new WireWriter().string(utf8Bytes(name)).string(parts.bytes()).bytes();
      expect(errorCode(() => key.publicKey.verify(signature, data, name))).toBe('SSH_ERR_SIGNATURE_INVALID');
    }
  });
});

describe('RSA', () => {
  const blob = new WireWriter().string(utf8Bytes('ssh-rsa'));
  mpint.write(blob, fromHex(vectors.rsa.e));
  mpint.write(blob, fromHex(vectors.rsa.n));
  const key = parsePublicKey(blob.bytes());
  const encode = (raw: Uint8Array): Uint8Array => new WireWriter().string(utf8Bytes('rsa-sha2-256')).string(raw).bytes();

  test.each(vectors.rsa.vectors)('$message is valid: $valid', ({ message, valid, signature }) => {
    const code = errorCode(() => key.verify(encode(fromHex(signature)), fromHex(message), 'rsa-sha2-256'));
    expect(code).toBe(valid ? undefined : 'SSH_ERR_SIGNATURE_INVALID');
  });

  test('a signature longer than the modulus is refused, an empty one too', () => {
    const { message = '', signature = '' } = vectors.rsa.vectors[0] ?? {};
    const data = fromHex(message);
    expect(errorCode(() => key.verify(encode(concat(Uint8Array.of(0), fromHex(signature))), data, 'rsa-sha2-256'))).toBe(
      'SSH_ERR_KEY_BITS_MISMATCH',
    );
    expect(errorCode(() => key.verify(encode(new Uint8Array(0)), data, 'rsa-sha2-256'))).toBe('SSH_ERR_SIGNATURE_INVALID');
  });

  test('a signature that lost its leading zeros is taken', async () => {
    const { privateKeyFile } = await import('./vectors.ts');
    const own = await privateKeyFile('rsa-1024');
    // one of 256 begins with a zero
    for (let i = 0; i < 10_000; i++) {
      const data = utf8Bytes(`message ${i}`);
      const raw = rawOf(await own.sign(data, 'rsa-sha2-256'));
      if (raw[0] !== 0) continue;
      expect(errorCode(() => own.publicKey.verify(encode(raw.subarray(1)), data, 'rsa-sha2-256'))).toBeUndefined();
      return;
    }
    expect.unreachable('no signature with a leading zero');
  });
});

test('the remainder is that of bigints', () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
  fc.assert(
    fc.property(
      bytes,
      bytes.filter((modulus) => modulus.some((byte) => byte !== 0)),
      (value, modulus) => {
        expect(bigintOf(remainder(value, modulus))).toBe(bigintOf(value) % bigintOf(modulus));
      },
    ),
  );
});
