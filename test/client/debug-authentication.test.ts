import { expect, test } from 'vitest';
import type { AuthenticationTry } from '../../src/core/events.ts';
import { authenticationLines } from '../../src/client/debug-authentication.ts';

const key = { method: 'publickey', source: '/k', keyType: 'ED25519', fingerprint: 'SHA256:x' };

test.each<[AuthenticationTry, string | undefined]>([
  [{ ...key, outcome: 'planned', explicit: true, agent: true }, 'debug1 Will attempt key: /k ED25519 SHA256:x explicit agent'],
  [{ ...key, outcome: 'offered' }, 'debug1 Offering public key: /k ED25519 SHA256:x'],
  [{ ...key, outcome: 'accepted', keyType: 'ED25519-SK' }, 'debug1 Server accepts key: /k ED25519-SK SHA256:x authenticator'],
  [{ method: 'publickey', source: '/k', outcome: 'planned', explicit: true }, 'debug1 Will attempt key: /k  explicit'],
  [{ method: 'publickey', source: '/k', outcome: 'trying' }, 'debug1 Trying private key: /k'],
  [{ ...key, outcome: 'signed', algorithm: 'ssh-ed25519' }, 'debug3 sign_and_send_pubkey: signing using ssh-ed25519 SHA256:x'],
  [
    { ...key, outcome: 'skipped', algorithm: 'ssh-rsa', reason: 'corresponding algorithm not supported by server' },
    'debug1 Skipping ssh-rsa key /k - corresponding algorithm not supported by server',
  ],
  [
    { ...key, outcome: 'failed', agent: true, reason: 'agent refused operation' },
    'error sign_and_send_pubkey: signing failed for ED25519 "/k" from agent: agent refused operation',
  ],
  [{ ...key, outcome: 'failed', reason: 'no mutual signature supported' }, 'error sign_and_send_pubkey: no mutual signature supported'],
  [{ method: 'password', outcome: 'partial' }, 'verbose Authenticated using "password" with partial success.'],
  [{ method: 'password', outcome: 'offered' }, undefined],
])('%o is told as OpenSSH 10.0 tells it', (attempt, expected) => {
  const lines = authenticationLines(attempt).map(({ level, text }) => `${level} ${text}`);
  expect(lines).toEqual(expected === undefined ? [] : [expected]);
});
