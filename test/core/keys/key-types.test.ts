import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import {
  authoritySignatureNames,
  certificateKeyNames,
  defaultAuthoritySignatures,
  defaultSignatures,
  keyNames,
  plainKeyNames,
  signatureNames,
} from '../../../src/core/crypto/names.ts';
import { keyTypes, plainAlgorithm } from '../../../src/core/keys/key-types.ts';
import { peerProgram, testPeer } from '../../peers.ts';

const names = (rows: typeof keyTypes): string[] => rows.map((type) => type.name);

test('the names that are listed are the types that are built', () => {
  expect(keyNames).toEqual(names(keyTypes.filter((type) => !type.signatureOnly)));
  expect(plainKeyNames).toEqual(names(keyTypes.filter((type) => !type.signatureOnly && !type.certificate)));
  expect(certificateKeyNames).toEqual(names(keyTypes.filter((type) => !type.signatureOnly && type.certificate)));
  expect(signatureNames).toEqual(names(keyTypes));
  expect(authoritySignatureNames).toEqual(names(keyTypes.filter((type) => !type.certificate)));
});

test('each certificate algorithm has its plain one', () => {
  for (const type of keyTypes.filter((one) => one.certificate)) {
    expect(plainAlgorithm(type.name)).toBe(type.name.replace('-cert-v01@openssh.com', type.name.startsWith('sk-') ? '@openssh.com' : ''));
  }
});

test('SHA-1 signatures are in no default', () => {
  const defaults = [...defaultSignatures, ...defaultAuthoritySignatures];
  expect(defaults.filter((name) => name.startsWith('ssh-rsa') || name.includes('dss'))).toEqual([]);
});

testPeer('openssh-10', 'the lists and defaults are OpenSSH 10.0’s', () => {
  const ssh = (...args: string[]): string => execFileSync(peerProgram('openssh-10', 'ssh'), args, { encoding: 'utf8' });
  const query = (what: string): string[] => ssh('-Q', what).trim().split('\n');
  expect(query('key')).toEqual(keyNames);
  expect(query('key-plain')).toEqual(plainKeyNames);
  expect(query('key-cert')).toEqual(certificateKeyNames);
  expect(query('key-sig')).toEqual(signatureNames);
  expect(query('key-ca-sign')).toEqual(authoritySignatureNames);
  const dump = ssh('-G', '-F', 'none', 'host');
  expect(dump).toContain(`\nhostkeyalgorithms ${defaultSignatures.join(',')}\n`);
  expect(dump).toContain(`\npubkeyacceptedalgorithms ${defaultSignatures.join(',')}\n`);
  expect(dump).toContain(`\nhostbasedacceptedalgorithms ${defaultSignatures.join(',')}\n`);
  expect(dump).toContain(`\ncasignaturealgorithms ${defaultAuthoritySignatures.join(',')}\n`);
});
