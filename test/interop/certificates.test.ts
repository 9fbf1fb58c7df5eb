import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describePeer, peerProgram } from '../peers.ts';
import { own, run } from '../run.ts';
import { type KeyType, keyPair, type Sshd, startSshd } from '../sshd.ts';
import { certify, eventsOf, signatures } from './matrix.ts';

describePeer(['openssh-10', 'openssh'], 'certificates', () => {
  const types: readonly KeyType[] = ['ed25519', 'rsa', 'ecdsa-256', 'ecdsa-384', 'ecdsa-521'];
  const servers: Sshd[] = [];
  const folder = (): string => servers[0]?.folder ?? '';
  const file = (name: string): string => path.join(folder(), name);

  beforeAll(async () => {
    // the keys are the same for all servers; so the first one's folder holds their certificates
    servers.push(await startSshd({ peer: 'openssh-10', hostKeys: types }));
    for (const name of ['ca', 'other-ca']) {
      const pair = keyPair(name === 'ca' ? 'ecdsa-256' : 'rsa');
      writeFileSync(file(name), pair.privateKey, { mode: 0o600 });
      writeFileSync(file(`${name}.pub`), pair.publicKey);
    }
    for (const type of types) {
      for (const role of ['host', 'user']) {
        writeFileSync(file(`${role}-${type}`), keyPair(type).privateKey, { mode: 0o600 });
        writeFileSync(file(`${role}-${type}.pub`), keyPair(type).publicKey);
      }
      certify(file(`host-${type}`), file('ca'), ['-h', '-n', '127.0.0.1']);
      certify(file(`user-${type}`), file('ca'), ['-n', servers[0]?.user ?? '']);
    }
    const lines = [
      ...types.map((type) => `HostCertificate ${file(`host-${type}-cert.pub`)}`),
      `TrustedUserCAKeys ${file('ca.pub')}`,
      'HostKeyAlgorithms +ssh-rsa-cert-v01@openssh.com',
      'PubkeyAcceptedAlgorithms +ssh-rsa-cert-v01@openssh.com',
      'CASignatureAlgorithms +ssh-rsa',
    ];
    for (const peer of ['openssh-10', 'openssh'] as const) {
      const server = await startSshd({ peer, hostKeys: types, lines });
      // only certificates help here
      writeFileSync(server.authorizedKeys, '');
      writeFileSync(server.knownHosts, `@cert-authority [127.0.0.1]:* ${readFileSync(file('ca.pub'), 'utf8')}`);
      servers.push(server);
    }
  });
  afterAll(async () => {
    for (const server of servers) await server.stop();
  });

  const config = (server: Sshd, identity: string): string => {
    const text = readFileSync(server.config, 'utf8').replace(/IdentityFile .*/, `IdentityFile ${identity}`);
    writeFileSync(path.join(server.folder, 'certified'), text);
    return path.join(server.folder, 'certified');
  };

  const cases = signatures.map(([algorithm, type]) => [`${algorithm}-cert-v01@openssh.com`, type] as const);
  test.each(
    cases.flatMap((one) => [[1, ...one] as const, [2, ...one] as const]),
  )('server %d, %s of host and user', async (index, algorithm, type) => {
    const server = servers[index];
    if (server === undefined) throw new Error('no server');
    const args = ['-o', `HostKeyAlgorithms=${algorithm}`, '-o', `PubkeyAcceptedAlgorithms=${algorithm}`];
    const { out, err, code } = await run(own('tsh'), [
      '-F',
      config(server, file(`user-${type}`)),
      '--explain=json',
      ...args,
      'server',
      'echo in',
    ]);
    const events = eventsOf(err);
    expect({ out, code }, err.slice(-1500)).toEqual({ out: 'in\n', code: 0 });
    expect(events).toContainEqual(expect.objectContaining({ type: 'host-key-checked', verdict: 'certified' }));
    expect(events.flatMap((event) => (event.type === 'agreed' ? [event.algorithms.hostKey] : []))).toEqual([algorithm]);
    const signed = events.flatMap((event) =>
      event.type === 'authentication-try' && event.attempt.outcome === 'signed' ? [event.attempt.algorithm] : [],
    );
    expect(signed).toEqual([algorithm]);
  });

  test.each([
    ['for another host', ['-h', '-n', 'elsewhere'], 'ca'],
    ['that has expired', ['-h', '-n', '127.0.0.1', '-V', '20200101:20200102'], 'ca'],
    ['of a user', ['-n', '127.0.0.1'], 'ca'],
    ['of an authority that is not known', ['-h', '-n', '127.0.0.1'], 'other-ca'],
  ])('a host`s certificate %s is no proof', async (_, args, authority) => {
    copyFileSync(file('host-ed25519.pub'), file('bad.pub'));
    copyFileSync(file('host-ed25519'), file('bad'));
    certify(file('bad'), file(authority), args);
    const server = await startSshd({ peer: 'openssh-10', lines: [`HostCertificate ${file('bad-cert.pub')}`] });
    try {
      writeFileSync(server.knownHosts, `@cert-authority [127.0.0.1]:* ${readFileSync(file('ca.pub'), 'utf8')}`);
      const theirs = await run(peerProgram('openssh-10', 'ssh'), ['-F', server.config, 'server', 'true']);
      const ours = await run(own('tsh'), ['-F', server.config, 'server', 'true']);
      expect([ours.err, ours.code]).toEqual([theirs.err, 255]);
    } finally {
      await server.stop();
    }
  });
});
