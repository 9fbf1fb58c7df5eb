import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parsePrivateKeyFile } from '../../src/core/keys/formats.ts';
import type { PrivateKey } from '../../src/core/keys/private-key.ts';
import { securityKeyFlags } from '../../src/core/keys/sk-flags.ts';
import { concat, hex, latin1Text, utf8Bytes, utf8Text } from '../../src/core/util/bytes.ts';
import { SshError } from '../../src/core/util/errors.ts';
import { WireReader } from '../../src/core/wire/reader.ts';
import { WireWriter } from '../../src/core/wire/writer.ts';
import { loadResidentKeys, type SecurityKeyAccess, signInDialogue, signWithSecurityKey } from '../../src/node/sk-helper.ts';
import { peerProgram, softwareSecurityKey } from '../peer-programs.ts';
import { describePeer } from '../peers.ts';

const data = utf8Bytes('what is signed');
const kept = { ...process.env };
let folder: string;
let logged: string[];
let access: SecurityKeyAccess;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tsh-sk-'));
  logged = [];
  access = { provider: softwareSecurityKey, log: (level, text) => void logged.push(`${level} ${text}`), level: 'QUIET' };
});

afterEach(() => {
  process.env = { ...kept };
  rmSync(folder, { recursive: true });
});

async function keyOf(name: string): Promise<PrivateKey> {
  const { key } = await parsePrivateKeyFile(readFileSync(`test/vectors/keys/${name}`));
  return key;
}

async function problem(action: Promise<unknown>): Promise<string> {
  const error: unknown = await action.then(
    () => 'none',
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof SshError)) throw new Error(`no SshError: ${String(error)}`);
  return error.message;
}

describePeer('openssh-10', 'ssh-sk-helper', () => {
  test.each(['sk-ed25519', 'sk-ecdsa'])('signs with %s', async (name) => {
    process.env['SSH_SK_HELPER'] = peerProgram('openssh-10', 'ssh-sk-helper');
    const key = await keyOf(name);
    const signature = await signWithSecurityKey(key, data, access);
    const [algorithm = ''] = key.publicKey.signatureAlgorithms;
    expect(key.publicKey.verify(signature, data, algorithm).securityKey?.userPresent).toBe((securityKeyFlags(key) & 1) !== 0);
    expect(logged.filter((line) => line.startsWith('ERROR'))).toEqual([]);
  });

  test('tells why a library is none', async () => {
    process.env['SSH_SK_HELPER'] = peerProgram('openssh-10', 'ssh-sk-helper');
    expect(await problem(signWithSecurityKey(await keyOf('sk-ed25519'), data, { ...access, provider: '/nowhere' }))).toBe('invalid format');
    expect(await problem(loadResidentKeys(access, utf8Bytes('')))).toBe('requested feature not supported');
  });
});

describe('a helper', () => {
  test('that is not there', async () => {
    process.env['SSH_SK_HELPER'] = `${folder}/none`;
    expect(await problem(signWithSecurityKey(await keyOf('sk-ed25519'), data, access))).toBe('No such file or directory');
    expect(logged).toEqual([`ERROR start_helper: helper "${folder}/none" unusable: No such file or directory`]);
  });

  test.each([
    [
      'that ends without a word',
      '',
      1,
      'unexpected internal error',
      ['client_converse: receive: unexpected internal error', 'with non-zero'],
    ],
    ['that answers and fails', frame('05', '00000001', '00000000'), 1, 'agent refused operation', ['with non-zero']],
    ['of another version', frame('04', '00000001'), 0, 'invalid format', ['unsupported version: got 4, expected 5']],
    ['that answers something else', frame('05', '00000002'), 0, 'unexpected internal error', ['incorrect message type 2, expecting 1']],
    ['that answers more', frame('05', '00000001', '00000001', 'aa', 'bb'), 0, 'unexpected bytes remain after decoding', []],
    ['that answers less', frame('05', '00000001', '00000009', 'aa'), 0, 'incomplete message', []],
    ['that sends too much', 'ffffffff', 0, 'unexpected internal error', ['client_converse: receive']],
    ['with a known error', frame('05', '00000000', '0000003c'), 0, 'device not found', []],
    ['with an unknown error', frame('05', '00000000', '000000ff'), 0, 'unexpected internal error', []],
  ])('%s', async (_name, answer, status, message, lines) => {
    helperThatAnswers([answer], status);
    expect(await problem(signWithSecurityKey(await keyOf('sk-ed25519'), data, access))).toBe(message);
    const errors = logged.filter((line) => line.startsWith('ERROR'));
    expect(errors.length).toBe(lines.length);
    for (const [i, line] of lines.entries()) expect(errors[i]).toContain(line);
  });

  test('gets the request as ssh-sk-helper reads it', async () => {
    const request = helperThatAnswers([frame('05', '00000001', '00000003', 'abcdef')], 0);
    const key = await keyOf('sk-ed25519');
    const signature = await signWithSecurityKey(key, data, { ...access, quiet: true, level: 'DEBUG3' }, utf8Bytes('123456'));
    expect(hex(signature)).toBe('abcdef');
    const reader = new WireReader(request(1));
    expect([reader.uint32(), reader.byte(), reader.uint32(), reader.byte(), reader.uint32()]).toEqual([request(1).length - 4, 5, 1, 0, 7]);
    const serial = new WireReader(reader.string());
    expect(latin1Text(serial.string())).toBe('sk-ssh-ed25519@openssh.com');
    expect(hex(serial.rest())).toBe(hex(key.fields));
    expect([utf8Text(reader.string()), utf8Text(reader.string()), utf8Text(reader.string())]).toEqual([
      softwareSecurityKey,
      'what is signed',
      '',
    ]);
    expect([reader.uint32(), utf8Text(reader.string()), reader.remaining]).toEqual([0, '123456', 0]);
  });

  test('gets the PIN that it asks for, once', async () => {
    const wrong = frame('05', '00000000', '0000002b');
    const request = helperThatAnswers([wrong, frame('05', '00000001', '00000001', 'aa')], 0);
    const shown = askpass('123456');
    const dialogue = { notice: 'Touch', noticeByAskpass: true, pinQuestion: 'PIN?', pinByAskpass: true };
    expect(hex(await signInDialogue(await keyOf('sk-ed25519'), data, access, dialogue))).toBe('aa');
    expect(latin1Text(request(1)).endsWith('123456')).toBe(false);
    expect(latin1Text(request(2)).endsWith('123456')).toBe(true);
    expect(readFileSync(shown, 'utf8')).toContain('PIN?: \n');
    helperThatAnswers([wrong, wrong, frame('05', '00000001', '00000001', 'aa')], 0);
    expect(await problem(signInDialogue(await keyOf('sk-ed25519'), data, access, dialogue))).toBe(
      'incorrect passphrase supplied to decrypt private key',
    );
  });

  test('gives resident keys', async () => {
    const keys = [await keyOf('sk-ed25519'), await keyOf('sk-ecdsa')];
    const residents = keys.map(({ publicKey: { name }, fields }) => {
      const key = new WireWriter().string(utf8Bytes(name)).raw(fields).bytes();
      return hex(new WireWriter().string(key).string(utf8Bytes('')).string(utf8Bytes('user')).bytes());
    });
    const request = helperThatAnswers([frame('05', '00000003', ...residents)], 0);
    const loaded = await loadResidentKeys(access, utf8Bytes('123456'));
    expect(loaded.map((key) => hex(key.publicKey.blob))).toEqual(keys.map((key) => hex(key.publicKey.blob)));
    const reader = new WireReader(request(1), 14);
    expect([1, 2, 3].map(() => utf8Text(reader.string()))).toEqual([softwareSecurityKey, '', '123456']);
    expect([reader.uint32(), reader.remaining]).toEqual([0, 0]);
    helperThatAnswers([frame('05', '00000003', residents[0] ?? '', '00000004')], 0);
    expect(await problem(loadResidentKeys(access, utf8Bytes('')))).toBe('incomplete message');
  });
});

/** A message with its length, in hex. */
function frame(...parts: readonly string[]): string {
  const body = parts.join('');
  return hex(new WireWriter().uint32(body.length / 2).bytes()) + body;
}

/** Makes the helper a script that keeps its request and gives the next answer; what it gives is the n-th request, from 1. */
function helperThatAnswers(answers: readonly string[], status: number): (n: number) => Uint8Array {
  const file = `${folder}/helper`;
  rmSync(`${folder}/count`, { force: true });
  for (const [i, answer] of answers.entries()) writeFileSync(`${folder}/answer.${i + 1}`, Buffer.from(answer, 'hex'));
  const lines = [
    `cd ${folder}`,
    'n=$(($(cat count 2>/dev/null || echo 0) + 1)); echo $n >count',
    'cat >request.$n; cat answer.$n',
    `exit ${status}`,
  ];
  writeFileSync(file, `#!/bin/sh\n${lines.join('\n')}\n`);
  chmodSync(file, 0o755);
  process.env['SSH_SK_HELPER'] = file;
  return (n) => concat(readFileSync(`${folder}/request.${n}`));
}

/** Makes SSH_ASKPASS a script that answers; what it was asked, and with which hint, is in the file that it gives. */
function askpass(answer: string): string {
  const file = `${folder}/askpass`;
  writeFileSync(file, `#!/bin/sh\necho "$1: $SSH_ASKPASS_PROMPT" >>${folder}/asked\necho '${answer}'\n`);
  chmodSync(file, 0o755);
  process.env['SSH_ASKPASS'] = file;
  process.env['SSH_ASKPASS_REQUIRE'] = 'force';
  return `${folder}/asked`;
}
