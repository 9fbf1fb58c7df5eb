import { describe, expect, test } from 'vitest';
import { ciphers } from '../../../src/core/crypto/ciphers.ts';
import { defaultCiphers, defaultKex, defaultMacs, defaultSignatures, type CipherName } from '../../../src/core/crypto/names.ts';
import { type Agreement, negotiate, NegotiationError, offerOf, proposalMessage } from '../../../src/core/transport/negotiate.ts';
import { kexInit, type KexInit } from '../../../src/core/wire/transport-messages.ts';
import { roles } from './pair.ts';

const base: KexInit = {
  cookie: new Uint8Array(16),
  kexAlgorithms: ['k1', 'k2'],
  serverHostKeyAlgorithms: ['h1', 'h2'],
  encryptionClientToServer: ['aes128-ctr', 'aes256-ctr'],
  encryptionServerToClient: ['aes128-ctr', 'aes256-ctr'],
  macClientToServer: ['m1', 'm2'],
  macServerToClient: ['m1', 'm2'],
  compressionClientToServer: ['none', 'zlib@openssh.com'],
  compressionServerToClient: ['none', 'zlib@openssh.com'],
  languagesClientToServer: [],
  languagesServerToClient: [],
  firstKexPacketFollows: false,
  reserved: 0,
};

function agree(client: Partial<KexInit>, server: Partial<KexInit>, role: 'client' | 'server' = 'client', strict?: boolean): Agreement {
  const isAuthenticated = (name: string) => name in ciphers && ciphers[name as CipherName].authenticated;
  return negotiate({ ...base, ...client }, { ...base, ...server }, role, isAuthenticated, strict);
}

describe('what is agreed on', () => {
  test('is the first of the client’s that the server knows, each direction by itself', () => {
    const agreed = agree(
      {
        kexAlgorithms: ['k0', 'k2', 'k1'],
        serverHostKeyAlgorithms: ['h2', 'h1'],
        macClientToServer: ['m2'],
        compressionServerToClient: ['x', 'none'],
      },
      { encryptionServerToClient: ['aes256-ctr'], compressionServerToClient: ['zlib@openssh.com', 'none'] },
    );
    expect(agreed).toMatchObject({
      kex: 'k2',
      hostKey: 'h2',
      clientToServer: { cipher: 'aes128-ctr', mac: 'm2', compression: 'none' },
      serverToClient: { cipher: 'aes256-ctr', mac: 'm1', compression: 'none' },
      strict: false,
      guessedWrong: false,
      peerTakesExtInfo: false,
    });
  });

  test('is the same from both sides', () => {
    const lists = { kexAlgorithms: ['k2', 'k1'], encryptionClientToServer: ['aes256-ctr'] };
    expect(agree(lists, {}, 'client')).toEqual(agree(lists, {}, 'server'));
  });

  test('needs no MAC with a cipher that authenticates', () => {
    const gcm = { encryptionClientToServer: ['aes128-gcm@openssh.com'], macClientToServer: [] };
    expect(agree(gcm, { ...gcm, macClientToServer: ['m9'] })).toMatchObject({
      clientToServer: { cipher: 'aes128-gcm@openssh.com', mac: undefined },
      serverToClient: { cipher: 'aes128-ctr', mac: 'm1' },
    });
  });

  test.each([
    ['SSH_ERR_NO_KEX_ALG_MATCH', 'kexAlgorithms', 'Unable', 'no matching key exchange method found'],
    ['SSH_ERR_NO_HOSTKEY_ALG_MATCH', 'serverHostKeyAlgorithms', '', 'no matching host key type found'],
    ['SSH_ERR_NO_CIPHER_ALG_MATCH', 'encryptionClientToServer', '', 'no matching cipher found'],
    ['SSH_ERR_NO_CIPHER_ALG_MATCH', 'encryptionServerToClient', '', 'no matching cipher found'],
    ['SSH_ERR_NO_MAC_ALG_MATCH', 'macClientToServer', '', 'no matching MAC found'],
    ['SSH_ERR_NO_MAC_ALG_MATCH', 'macServerToClient', '', 'no matching MAC found'],
    ['SSH_ERR_NO_COMPRESS_ALG_MATCH', 'compressionClientToServer', '', 'no matching compression method found'],
    ['SSH_ERR_NO_COMPRESS_ALG_MATCH', 'compressionServerToClient', '', 'no matching compression method found'],
  ] as const)('%s where %s has nothing in common', (code, field, _, message) => {
    for (const [theirs, shown] of [
      [['x', 'y'], 'x,y'],
      [[], ''],
      [['K1', 'k1 ', 'none,'], 'K1,k1 ,none,'],
    ] as const) {
      let caught: unknown;
      try {
        agree({}, { [field]: theirs });
      } catch (error) {
        caught = error;
      }
      expect(caught).toBeInstanceOf(NegotiationError);
      const { code: found, message: text, detail, own, peer } = caught as NegotiationError;
      expect([found, text, detail, own, peer]).toEqual([code, message, `Their offer: ${shown}`, base[field], theirs]);
    }
    expect(() => agree({}, { [field]: [] }, 'server')).toThrow(message);
  });

  test('is never a marker', () => {
    const markers = ['ext-info-c', 'ext-info-s', 'kex-strict-c-v00@openssh.com', 'kex-strict-s-v00@openssh.com'];
    for (const marker of markers) {
      expect(() => agree({ kexAlgorithms: [marker, 'a'] }, { kexAlgorithms: [marker, 'b'] })).toThrow('no matching key exchange method');
    }
  });
});

describe('the markers', () => {
  const c = 'kex-strict-c-v00@openssh.com';
  const s = 'kex-strict-s-v00@openssh.com';
  test.each([
    ['both', [c], [s], true],
    ['only the client', [c], [], false],
    ['only the server', [], [s], false],
    ['each the other’s', [s], [c], false],
  ])('strict key exchange where it is offered by %s', (_, client, server, strict) => {
    const lists = [{ kexAlgorithms: ['k1', ...client] }, { kexAlgorithms: [...server, 'k1'] }] as const;
    for (const role of roles) expect(agree(...lists, role).strict).toBe(strict);
    // in a later exchange what is offered does not count
    for (const known of [true, false]) expect(agree(...lists, 'client', known).strict).toBe(known);
  });

  test('EXT_INFO is for who asks for it', () => {
    expect(agree({ kexAlgorithms: ['k1', 'ext-info-c'] }, {}, 'server').peerTakesExtInfo).toBe(true);
    expect(agree({ kexAlgorithms: ['k1', 'ext-info-c'] }, {}, 'client').peerTakesExtInfo).toBe(false);
    expect(agree({}, { kexAlgorithms: ['k1', 'ext-info-s'] }, 'client').peerTakesExtInfo).toBe(true);
    expect(agree({ kexAlgorithms: ['k1', 'ext-info-s'] }, {}, 'server').peerTakesExtInfo).toBe(false);
  });

  test('are offered in the first exchange only', () => {
    const proposal = { kex: defaultKex, hostKey: defaultSignatures, ciphers: defaultCiphers, macs: defaultMacs, compression: ['none'] };
    for (const role of roles) {
      const own = role === 'client' ? ['ext-info-c', c] : ['ext-info-s', s];
      const first = kexInit.decode(proposalMessage(proposal, role, new Uint8Array(16), true));
      expect(first.kexAlgorithms).toEqual([...defaultKex, ...own]);
      const later = kexInit.decode(proposalMessage(proposal, role, new Uint8Array(16), false));
      expect(later.kexAlgorithms).toEqual(defaultKex);
      expect(offerOf(later)).toMatchObject({ hostKey: defaultSignatures, cipherServerToClient: defaultCiphers, firstKexFollows: false });
    }
  });
});

describe('a guess', () => {
  test.each([
    ['right', ['k1', 'k2'], ['k1', 'k3'], ['h1'], ['h1', 'h2'], false],
    ['right behind a marker', ['kex-strict-c-v00@openssh.com', 'k1'], ['k1'], ['h1'], ['h1'], false],
    ['of the wrong method', ['k2', 'k1'], ['k1', 'k2'], ['h1'], ['h1'], true],
    ['of the wrong host key', ['k1'], ['k1'], ['h1', 'h2'], ['h2', 'h1'], true],
    // RFC 4253 section 7.1: wrong where the two prefer different methods, whatever is agreed on
    ['that is agreed on and not preferred', ['k1', 'k2'], ['k3', 'k1'], ['h1'], ['h1'], true],
  ])('%s', (_, clientKex, serverKex, clientKeys, serverKeys, wrong) => {
    const client = { kexAlgorithms: clientKex, serverHostKeyAlgorithms: clientKeys };
    const server = { kexAlgorithms: serverKex, serverHostKeyAlgorithms: serverKeys };
    expect(agree({ ...client, firstKexPacketFollows: true }, server, 'server').guessedWrong).toBe(wrong);
    expect(agree(client, { ...server, firstKexPacketFollows: true }, 'client').guessedWrong).toBe(wrong);
    // of the own guess the peer decides, and where none is sent none is wrong
    expect(agree({ ...client, firstKexPacketFollows: true }, server, 'client').guessedWrong).toBe(false);
    expect(agree(client, server, 'server').guessedWrong).toBe(false);
  });
});
