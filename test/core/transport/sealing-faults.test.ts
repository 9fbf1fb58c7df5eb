import { describe, expect, test } from 'vitest';
import type { BulkCiphers } from '../../../src/core/crypto/packet-bulk.ts';
import type { CipherName } from '../../../src/core/crypto/names.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { type Libcrypto, libcrypto } from '../../../src/node/native/libcrypto.ts';
import { libcryptoCiphers } from '../../../src/node/native/libcrypto-ciphers.ts';
import { gcmSource } from '../../../src/node/native/libcrypto-gcm.ts';
import { Pair, roles } from './pair.ts';

const DATA = 94;
const GCM = 'aes128-gcm@openssh.com';
const real = libcrypto();
const secret = Buffer.alloc(32_768, 'this is not to be read by anyone ');
const other = { client: 'server', server: 'client' } as const;

/** libcrypto whose function fails from some time on. */
function failing(
  name: 'EVP_CipherInit_ex' | 'EVP_CipherUpdate' | 'EVP_CipherFinal_ex' | 'EVP_CIPHER_CTX_ctrl',
  when: () => boolean,
): BulkCiphers {
  const crypto = real as Libcrypto;
  const call = crypto[name] as (...args: unknown[]) => number;
  const broken = { ...crypto, [name]: (...args: unknown[]) => (when() ? 0 : call(...args)) };
  const cipher = crypto.EVP_CIPHER_fetch(null, 'AES-128-GCM', null) as bigint;
  return () => gcmSource(broken, cipher);
}

async function connected(options: ConstructorParameters<typeof Pair>[0], cipher: CipherName): Promise<Pair> {
  const pair = new Pair({ ...options, both: { proposal: { ciphers: [cipher] } } });
  await pair.authenticate();
  return pair;
}

describe.skipIf(real === undefined).each(roles)('where libcrypto fails as the %s seals', (role) => {
  test.each([
    'EVP_CipherInit_ex',
    'EVP_CipherUpdate',
    'EVP_CipherFinal_ex',
    'EVP_CIPHER_CTX_ctrl',
  ] as const)('in %s: the connection ends, and what was to be sealed is not sent', async (name) => {
    let broken = false;
    const pair = await connected({ [role]: { bulk: failing(name, () => broken) } }, GCM);
    const end = pair[role];
    let sent = 0;
    let seen = 0;
    pair[other[role]].onMessage = () => {
      seen++;
      return undefined;
    };
    for (; sent < 200; sent++) {
      end.transport.sendData(Uint8Array.of(DATA), secret);
      await pair.until(() => seen === sent + 1);
    }
    broken = true;
    end.transport.sendData(Uint8Array.of(DATA), secret);
    end.transport.sendData(Uint8Array.of(DATA), secret);
    expect([end.code, end.ended, end.endings]).toEqual(['SSH_ERR_LIBCRYPTO_ERROR', true, 1]);
    expect(Buffer.from(end.take()).length).toBe(0);
    await pair.over();
    expect(seen).toBe(sent);
  });

  test('at the change-over: likewise', async () => {
    const pair = await connected({ [role]: { bulk: failing('EVP_CipherInit_ex', () => true) } }, GCM);
    const end = pair[role];
    let tries = 0;
    for (; tries < 1000 && !end.ended; tries++) {
      end.transport.sendData(Uint8Array.of(DATA), secret);
      for (const bytes of end.outbox) expect(Buffer.from(bytes).includes(secret.subarray(0, 16))).toBe(false);
      pair.step();
    }
    expect(tries).toBeGreaterThan(100);
    expect(end.code).toBe('SSH_ERR_LIBCRYPTO_ERROR');
    for (const bytes of end.outbox) expect(Buffer.from(bytes).includes(secret.subarray(0, 16))).toBe(false);
    await pair.over();
  });

  test.each([
    GCM,
    'aes256-ctr',
    'chacha20-poly1305@openssh.com',
  ] as const)('no: %s goes over with small packets too, each as it was', async (cipher) => {
    let changed = 0;
    const source: BulkCiphers = (name) => {
      changed++;
      return libcryptoCiphers(name);
    };
    const pair = await connected({ [role]: { bulk: source } }, cipher);
    const got: number[] = [];
    pair[other[role]].onMessage = (payload) => void got.push(payload.length);
    let sent = 0;
    for (; changed === 0 && sent < 2000; sent++) {
      pair[role].transport.send(new Uint8Array(1 + (sent % 50)).fill(DATA));
      await pair.until(() => got.length === sent + 1);
    }
    for (const last = sent + 20; sent < last; sent++) {
      pair[role].transport.send(new Uint8Array(1 + (sent % 50)).fill(DATA));
      await pair.until(() => got.length === sent + 1);
    }
    expect(changed).toBeGreaterThan(0);
    expect(sent).toBeLessThan(400);
    expect(got).toEqual(Array.from({ length: sent }, (_, i) => 1 + (i % 50)));
  });
});

test.each(roles)('an error of the %s as it says good-bye leaves it ended, once', async (role) => {
  let broken = false;
  const pair = await connected(
    {
      [role]: {
        bulk: () => ({
          sealer: () => ({
            blockBytes: 16,
            lengthApart: true,
            tagBytes: 16,
            mostBlocks: 2 ** 32,
            seal: () => {
              broken = true;
              throw new SshError('SSH_ERR_LIBCRYPTO_ERROR');
            },
            wipe: () => undefined,
          }),
          opener: () => {
            throw new SshError('SSH_ERR_LIBCRYPTO_ERROR');
          },
        }),
      },
    },
    GCM,
  );
  const end = pair[role];
  while (!broken) end.transport.sendData(Uint8Array.of(DATA), secret);
  end.transport.disconnect(11, '');
  expect([end.code, end.endings]).toEqual(['SSH_ERR_LIBCRYPTO_ERROR', 1]);
});
