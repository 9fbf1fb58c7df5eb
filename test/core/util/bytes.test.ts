import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  base64,
  bigintBytes,
  bigintOf,
  concat,
  equalBytes,
  fromBase64,
  fromHex,
  hex,
  trimZeros,
  utf8Bytes,
  utf8Text,
} from '../../../src/core/util/bytes.ts';

describe('bytes', () => {
  test('join and compare', () => {
    const joined = concat(fromHex('01 02'), new Uint8Array(0), fromHex('03'));
    expect(hex(joined)).toBe('010203');
    expect(equalBytes(joined, fromHex('010203'))).toBe(true);
    expect(equalBytes(joined, fromHex('010204'))).toBe(false);
    expect(equalBytes(joined, fromHex('0102'))).toBe(false);
  });

  test.each(['', 'Zg==', 'Zm8=', 'Zm9v', 'Zm9vYg=='])('base64 %s comes back', (text) => {
    const bytes = fromBase64(text);
    expect(bytes && base64(bytes)).toBe(text);
  });

  test.each(['Zg', 'Zg=', 'Zg =', 'Z===', '****'])('%s is not base64', (text) => {
    expect(fromBase64(text)).toBeUndefined();
  });

  test('text keeps every byte, and is the usual one where it is UTF-8', () => {
    fc.assert(fc.property(fc.uint8Array(), (bytes) => hex(utf8Bytes(utf8Text(bytes))) === hex(bytes)));
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(hex(utf8Bytes(text))).toBe(Buffer.from(text).toString('hex'));
        expect(utf8Text(Buffer.from(text))).toBe(text);
      }),
    );
    expect(utf8Text(fromHex('61 e9 c3a9 efbfbd c3'))).toBe('a\udce9é\ufffd\udcc3');
  });

  test('unsigned numbers', () => {
    expect(bigintOf(fromHex('0100'))).toBe(256n);
    expect(hex(bigintBytes(256n))).toBe('0100');
    expect(hex(bigintBytes(256n, 4))).toBe('00000100');
    expect(hex(bigintBytes(0n))).toBe('');
    expect(hex(trimZeros(fromHex('000001')))).toBe('01');
  });
});
