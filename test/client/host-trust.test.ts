import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { allowed } from '../known-differences.ts';
import { describePeer, peerProgram } from '../peers.ts';
import type { Given } from '../run.ts';
import { keyPair, type Sshd, startSshd } from '../sshd.ts';
import { both, held, type Seen, tsh } from './common.ts';

describePeer('openssh-10', 'a host is trusted as ssh trusts it', () => {
  let server: Sshd;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10', hostKeys: ['ed25519', 'rsa'] });
  });
  afterAll(() => server.stop());

  const file = (name: string, text?: string): string => {
    const at = path.join(server.folder, name);
    if (text !== undefined) writeFileSync(at, text);
    return at;
  };
  const name = (): string => `[127.0.0.1]:${server.port}`;
  const [ed25519, rsa] = [(): string => server.hostKeys[0] ?? '', (): string => server.hostKeys[1] ?? ''];

  /** Runs both with these known hosts; what they write there must be the same but for its salts. */
  async function same(known: string, args: readonly string[], given?: Given): Promise<Seen & { readonly known: string }> {
    const files: string[] = [];
    const again = (): void => {
      files.push(readFileSync(file('known'), 'utf8'));
      file('known', known);
    };
    file('known', known);
    const options = ['-F', server.config, '-o', `UserKnownHostsFile=${file('known')}`];
    const { ours, theirs } = await both([...options, ...args], given, again);
    again();
    expect(held(ours)).toEqual(held(theirs));
    const [first = '', second = ''] = files.map((text) => text.replace(/\|1\|\S+/g, 'HASHED'));
    expect(second).toBe(first);
    return { ...ours, known: first };
  }
  const option = (...settings: readonly string[]): string[] => settings.flatMap((one) => ['-o', one]);

  test.each([
    ['that fails', '/bin/false %H', 255],
    ['without a whole path', 'false', 255],
    ['that is not there', '/no/such/program %h', 255],
    ['that a signal ends', "/bin/sh -c 'kill -9 $$'", 255],
    ['that knows nothing', '/bin/true', 255],
    ['that knows the key', '/bin/sh -c "test %I = ORDER || echo %H %t %K"', 0],
  ])('KnownHostsCommand %s', async (_, command, code) => {
    expect((await same('', [...option(`KnownHostsCommand=${command}`), 'server', 'true'])).code).toBe(code);
  });

  test('RevokedHostKeys: a list of keys, a KRL, nonsense, nothing', async () => {
    file('keys', `# old\n\n${ed25519()}\n`);
    file('others', keyPair('ecdsa-256').publicKey);
    file('nonsense', 'nonsense\n');
    file('revoked.pub', ed25519());
    execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-k', '-f', file('krl'), file('revoked.pub')]);
    const codes: (number | null)[] = [];
    for (const list of ['keys', 'krl', 'nonsense', 'missing', 'others']) {
      const args = [...option(`RevokedHostKeys=${file(list)}`, 'HostKeyAlgorithms=ssh-ed25519'), 'server', 'true'];
      codes.push((await same(`${name()} ${ed25519()}\n`, args)).code);
    }
    expect(codes).toEqual([255, 255, 255, 255, 0]);
  });

  test('a host that is not trusted gets no password, no forwarding and no new keys', async () => {
    const other = `${name()} ${keyPair('ecdsa-256').publicKey}`;
    const more = option('PasswordAuthentication=yes', 'UpdateHostKeys=yes', 'StrictHostKeyChecking=no', 'LocalForward=7 localhost:7');
    const { err, code } = await same(other, [...more, 'server', 'true']);
    expect(code).toBe(0);
    expect(err).toContain('Port forwarding is disabled to avoid man-in-the-middle attacks.');
    expect((await same(other, [...more, ...option('ExitOnForwardFailure=yes'), 'server', 'true'])).code).toBe(255);
  });

  test('where no file is there to write to, a new host is refused', async () => {
    expect((await same('', [...option('UserKnownHostsFile=none', 'StrictHostKeyChecking=no'), 'server', 'true'])).code).toBe(0);
    const { ours, theirs } = await both([
      '-F',
      server.config,
      ...option('UserKnownHostsFile=none', 'StrictHostKeyChecking=no'),
      'server',
      'true',
    ]);
    expect(ours).toEqual(theirs);
    expect(ours.code).toBe(255);
  });

  test('RequiredRSASize, of the host`s key and the user`s', async () => {
    const size = option('RequiredRSASize=8192');
    expect((await same(`${name()} ${rsa()}\n`, [...size, ...option('HostKeyAlgorithms=rsa-sha2-512'), 'server', 'true'])).code).toBe(255);
    const key = file('rsa', keyPair('rsa').privateKey);
    execFileSync('chmod', ['600', key]);
    expect((await same(`${name()} ${ed25519()}\n`, [...size, '-i', key, 'server', 'true'])).err).toContain('Invalid key length');
  });

  test.each([
    [[]],
    [['HashKnownHosts=yes']],
    [['CheckHostIP=yes']],
    [['HostKeyAlgorithms=ssh-ed25519']],
  ])('UpdateHostKeys learns and forgets keys, with %j', async (more) => {
    const before = `else ${keyPair('ecdsa-521').publicKey}${name()} ${ed25519()}\n${name()} ${keyPair('ecdsa-256').publicKey}`;
    const { known } = await same(before, [...option('UpdateHostKeys=yes', ...more), 'server', 'sleep 0.5']);
    expect(known).not.toContain('nistp256');
    expect(known.includes('ssh-rsa')).toBe(!more.includes('HostKeyAlgorithms=ssh-ed25519'));
    expect(readFileSync(`${file('known')}.old`, 'utf8')).toBe(before);
  });

  test.each([
    ['BindAddress=192.0.2.77'],
    ['BindAddress=nowhere.invalid'],
    ['BindInterface=none0'],
    ['BindInterface=lo'],
    ['BindAddress=127.0.0.5'],
  ])('%s', async (setting) => {
    const { out } = await same(`${name()} ${ed25519()}\n`, [...option(setting), 'server', 'echo ${SSH_CLIENT%% *}']);
    if (setting.includes('127')) expect(out).toBe('127.0.0.5\n');
  });

  test.each([
    ['PermitLocalCommand=yes', 'echo %h %n %r %T >&2; echo out; exit 3'],
    ['PermitLocalCommand=no', 'echo never'],
    ['PermitLocalCommand=yes', 'echo %q'],
  ])('LocalCommand, with %s: %s', async (permit, command) => {
    await same(`${name()} ${ed25519()}\n`, [...option(permit, `LocalCommand=${command}`), 'server', 'echo hi']);
  });
});

describePeer('openssh-10', 'a key exchange that a quantum computer breaks', () => {
  test('is warned of where that is asked for, and nobody chose it', async () => {
    const server = await startSshd({ peer: 'openssh-10', lines: ['KexAlgorithms curve25519-sha256'] });
    try {
      const said = async (...args: string[]): Promise<string> => (await tsh(['-F', server.config, ...args, 'server', 'true'])).err;
      expect(await said('-o', 'WarnWeakCrypto=yes')).toMatch(
        /^\*\* WARNING: [^\n]*post-quantum[^\n]*\r\n\*\* [^\n]*\r\n\*\* [^\n]*pq\.html\r\n$/,
      );
      expect(await said()).toBe('');
      expect(await said('-o', 'WarnWeakCrypto=yes', '-o', 'KexAlgorithms=curve25519-sha256')).toBe('');
    } finally {
      await server.stop();
    }
  });
});

describePeer('openssh-10', 'a host with a certificate', () => {
  let server: Sshd;
  let authority: string;
  let ca: string;
  beforeAll(async () => {
    server = await startSshd({ peer: 'openssh-10' });
    const keygen = peerProgram('openssh-10', 'ssh-keygen');
    const at = (name: string): string => path.join(server.folder, name);
    execFileSync(keygen, ['-q', '-t', 'ed25519', '-N', '', '-f', at('ca')]);
    ca = at('ca');
    writeFileSync(at('host.pub'), server.hostKeys[0] ?? '');
    execFileSync(keygen, ['-q', '-s', at('ca'), '-h', '-I', 'id', '-n', 'h.example', '-V', '-1d:+1d', at('host.pub')]);
    authority = readFileSync(at('ca.pub'), 'utf8');
    const certified = await startSshd({
      peer: 'openssh-10',
      lines: [`HostKey ${at('host-ed25519')}`, `HostCertificate ${at('host-cert.pub')}`],
    });
    writeFileSync(certified.knownHosts, '');
    stops.push(() => server.stop());
    server = certified;
  });
  const stops: (() => Promise<void>)[] = [];
  afterAll(async () => {
    await server.stop();
    for (const stop of stops) await stop();
  });

  test.each([
    ['its name', 'h.example', '@cert-authority *.example KEY', 0],
    ['another name', 'x.example', '@cert-authority *.example KEY', 255],
    ['an authority of others', 'h.example', '@cert-authority *.else KEY', 255],
    ['an authority that is revoked', 'h.example', '@cert-authority * KEY\n@revoked * KEY', 255],
  ])('under %s', async (_, alias, lines, code) => {
    writeFileSync(server.knownHosts, `${lines.replaceAll('KEY', authority.trim())}\n`);
    const { ours, theirs } = await both(['-F', server.config, '-o', `HostKeyAlias=${alias}`, 'server', 'echo in']);
    expect(ours).toEqual(theirs);
    expect(ours.code).toBe(code);
  });

  test.each(
    allowed('host-certificate').map(({ rule, what }) => [what, rule] as const),
  )('for %s is taken by %s', async (principals, rule) => {
    const folder = path.join(server.folder, 'other');
    mkdirSync(folder, { recursive: true });
    const at = (name: string): string => path.join(folder, name);
    writeFileSync(at('host.pub'), server.hostKeys[0] ?? '');
    const named = principals === 'none' ? [] : ['-n', principals];
    execFileSync(peerProgram('openssh-10', 'ssh-keygen'), ['-q', '-s', ca, '-h', '-I', 'id', ...named, at('host.pub')]);
    writeFileSync(at('host'), keyPair('ed25519').privateKey, { mode: 0o600 });
    const other = await startSshd({ peer: 'openssh-10', lines: [`HostKey ${at('host')}`, `HostCertificate ${at('host-cert.pub')}`] });
    try {
      writeFileSync(other.knownHosts, `@cert-authority *.example ${authority}`);
      const { ours, theirs } = await both(['-F', other.config, '-o', 'HostKeyAlias=a.wild.example', 'server', 'true']);
      expect({ ours: ours.code, theirs: theirs.code }).toEqual(rule === 'only tsh' ? { ours: 0, theirs: 255 } : { ours: 255, theirs: 0 });
    } finally {
      await other.stop();
    }
  });
});
