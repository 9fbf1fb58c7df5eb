import { describe, expect, test } from 'vitest';
import type { Candidate } from '../../../src/core/auth/candidates.ts';
import { arrangeCandidates } from '../../../src/core/auth/candidates.ts';
import type { PublicKey, Signer } from '../../../src/core/keys/key.ts';
import { ed25519Key } from './test-keys.ts';

const [one, two, three] = [ed25519Key(), ed25519Key(), ed25519Key()];

function file(source: string, signer: Signer, publicKey: PublicKey | undefined = signer.publicKey): Candidate {
  return { source, publicKey, explicit: true, agent: false, load: () => Promise.resolve(signer) };
}

function held(source: string, signer: Signer): Candidate {
  return { ...file(source, signer), explicit: false, agent: true };
}

/** A certificate of the key, as far as the order of keys is concerned. */
function certificateOf({ publicKey }: Signer): PublicKey {
  const blob = new Uint8Array([...publicKey.blob, 1]);
  return {
    ...publicKey,
    name: 'ssh-ed25519-cert-v01@openssh.com',
    blob,
    plain: publicKey,
    certificate: {} as NonNullable<PublicKey['certificate']>,
  };
}

describe('the order of keys', () => {
  test('is: named certificates, keys that agent and files share, the agent’s others, the other files', async () => {
    const sources = {
      certificates: [{ source: 'cert', publicKey: certificateOf(two), explicit: true, agent: false }],
      files: [file('f1', one), file('f2', two)],
      agent: [held('a3', three), held('a2', two)],
      identitiesOnly: false,
    };
    const arranged = arrangeCandidates(sources);
    expect(arranged.map(({ source, agent }) => [source, agent])).toEqual([
      ['cert', false],
      ['f2', true],
      ['a3', true],
      ['f1', false],
    ]);
    // the agent signs for the certificate, whose key it holds
    expect(await arranged[0]?.load()).toBe(two);
  });

  test('leaves the agent’s other keys out with IdentitiesOnly', () => {
    const arranged = arrangeCandidates({
      certificates: [],
      files: [file('f1', one)],
      agent: [held('a3', three), held('a1', one)],
      identitiesOnly: true,
    });
    expect(arranged.map(({ source, agent }) => [source, agent])).toEqual([['f1', true]]);
  });

  test('lets a certificate of a file be signed for by its own private half where nobody else has it', async () => {
    const arranged = arrangeCandidates({ certificates: [], files: [file('c', one, certificateOf(one))], agent: [], identitiesOnly: false });
    expect(await arranged[0]?.load()).toBe(one);
  });

  test('keeps a certificate without a private half, which then is not signed for', async () => {
    const certificates = [{ source: 'c', publicKey: certificateOf(one), explicit: true, agent: false }];
    const arranged = arrangeCandidates({ certificates, files: [file('f', two)], agent: [], identitiesOnly: false });
    expect(await arranged[0]?.load()).toBeUndefined();
  });
});
