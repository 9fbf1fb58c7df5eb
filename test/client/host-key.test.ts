import { beforeAll, describe, expect, test } from 'vitest';
import { verifyHostKey } from '../../src/client/host-key.ts';
import type { DnsVerdict, HostKeyOutcome, HostKeyPolicy } from '../../src/client/host-key-policy.ts';
import { askDns } from '../../src/client/host-key-dns.ts';
import { certify } from '../../src/core/keys/certify.ts';
import type { PublicKey } from '../../src/core/keys/key.ts';
import { formatKnownHostsLine, type KnownHostsFile } from '../../src/core/keys/known-hosts.ts';
import { generatePrivateKey, type PrivateKey } from '../../src/core/keys/private-key.ts';
import { sshfpRecords } from '../../src/core/keys/sshfp.ts';
import { DnsError } from '../../src/node/dns-query.ts';

const NOW = 1_000_000;

let own: PublicKey;
let other: PublicKey;
let rsa: PublicKey;
let authority: PrivateKey;

beforeAll(async () => {
  [own, other] = [(await generatePrivateKey('ssh-ed25519')).publicKey, (await generatePrivateKey('ssh-ed25519')).publicKey];
  rsa = (await generatePrivateKey('ssh-rsa', 2048)).publicKey;
  authority = await generatePrivateKey('ssh-ed25519');
});

interface Case {
  readonly key?: PublicKey;
  readonly policy?: Partial<HostKeyPolicy>;
  readonly user?: string;
  readonly system?: string;
  readonly command?: string;
  readonly revokes?: (key: PublicKey) => boolean;
  readonly dns?: DnsVerdict;
  readonly answers?: readonly string[];
}

interface Judged {
  readonly outcome: HostKeyOutcome | string;
  /** What the log says at INFO and above. */
  readonly said: readonly string[];
  readonly asked: readonly string[];
  readonly remembered: readonly string[];
}

async function judge(what: Case): Promise<Judged> {
  const said: string[] = [];
  const asked: string[] = [];
  const remembered: string[] = [];
  const answers = [...(what.answers ?? [])];
  const policy: HostKeyPolicy = {
    ...{ strict: 'ask', alias: undefined, hostname: 'host', address: '192.0.2.1', port: 22, fingerprintHash: 'sha256', visual: false },
    hostKeyAlgorithms: ['ssh-ed25519', 'ssh-ed25519-cert-v01@openssh.com', 'rsa-sha2-512'],
    caAlgorithms: ['ssh-ed25519'],
    ...{ requiredRsaBits: 1024, checkHostIp: false, trustsLocalhost: false, dns: 'false', revokedFile: undefined },
    ...{ userFile: '/home/known_hosts', systemFile: undefined },
    ...what.policy,
  };
  const file = (name: string, text: string | undefined): KnownHostsFile[] => (text === undefined ? [] : [{ file: name, text }]);
  const outcome = await verifyHostKey(what.key ?? own, policy, {
    log: (level, text) => {
      if (!level.startsWith('DEBUG') && level !== 'VERBOSE') said.push(text);
    },
    events: () => undefined,
    seconds: () => NOW,
    files: () => ({ user: file('/home/known_hosts', what.user), system: file('/etc/known_hosts', what.system) }),
    command: () => Promise.resolve(file('KnownHostsCommand-HOSTNAME', what.command)[0]),
    revokes: what.revokes ?? (() => false),
    dns: () => Promise.resolve(what.dns ?? { verdict: 'nothing', secure: false }),
    ask: (question) => {
      asked.push(question);
      return Promise.resolve(answers.shift());
    },
    abbreviate: (path) => path,
    remember: (names, key) => void remembered.push(formatKnownHostsLine(names, key)),
  }).catch((error: unknown) => (error as Error).message);
  return { outcome, said, asked, remembered };
}

const line = (names: string, key: PublicKey, marker = ''): string =>
  `${marker}${names} ${key.name} ${Buffer.from(key.blob).toString('base64')}\n`;
const REFUSED = 'Host key verification failed.';

describe('a key by known_hosts', () => {
  test('of the user`s file may be updated, of the system`s or a command`s not', async () => {
    expect((await judge({ user: line('host', own) })).outcome).toEqual({ trusted: true, updatable: true });
    expect((await judge({ system: line('host', own) })).outcome).toEqual({ trusted: true, updatable: false });
    expect((await judge({ command: line('host', own) })).outcome).toEqual({ trusted: true, updatable: false });
  });

  test('known without its port only is trusted, but not updated', async () => {
    const { outcome, remembered } = await judge({ user: line('host', own), policy: { port: 2222 } });
    expect({ outcome, remembered }).toEqual({ outcome: { trusted: true, updatable: false }, remembered: [] });
  });

  test('revoked without its port is not accepted under the port', async () => {
    expect((await judge({ user: line('host', own, '@revoked '), policy: { port: 2222, strict: 'true' } })).outcome).toBe(REFUSED);
  });

  test('a new one is written with its address where that is checked', async () => {
    const policy = { checkHostIp: true, strict: 'accept-new' } as const;
    expect((await judge({ policy })).remembered).toEqual([formatKnownHostsLine(['host', '192.0.2.1'], own)]);
    const known = await judge({ policy, user: line('host', own) });
    expect(known.remembered).toEqual([formatKnownHostsLine(['192.0.2.1'], own)]);
    expect(known.said).toEqual(["Warning: Permanently added the ED25519 host key for IP address '192.0.2.1' to the list of known hosts."]);
  });

  test('a name that would be a pattern is neither written nor trusted', async () => {
    expect(await judge({ policy: { hostname: 'a*', strict: 'accept-new' } })).toMatchObject({ outcome: REFUSED, remembered: [] });
  });

  test('an answer ends at its first white space', async () => {
    expect((await judge({ answers: ['  YES please'] })).outcome).toEqual({ trusted: true, updatable: true });
    expect((await judge({ answers: ['what', 'no'] })).asked[1]).toBe("Please type 'yes', 'no' or the fingerprint: ");
    expect((await judge({})).outcome).toBe(REFUSED);
  });
});

describe('CheckHostIP', () => {
  const policy = { checkHostIp: true } as const;

  test('tells of spoofing where the host`s key changed and its address` not', async () => {
    const { said, outcome } = await judge({ policy, user: line('host', other) + line('192.0.2.1', own) });
    expect(said.join('\n')).toMatch(
      /POSSIBLE DNS SPOOFING DETECTED![^]*is unchanged[^]*Offending key for IP in .*:2\n[^]*IDENTIFICATION HAS CHANGED/,
    );
    expect(outcome).toBe(REFUSED);
  });

  test('asks where the address has another key', async () => {
    const user = line('host', own) + line('192.0.2.1', other);
    const { asked, outcome } = await judge({ policy, user, answers: ['yes'] });
    expect(outcome).toEqual({ trusted: true, updatable: true });
    expect(asked).toEqual([
      "Warning: the ED25519 host key for 'host' differs from the key for the IP address '192.0.2.1'\n" +
        'Offending key for IP in /home/known_hosts:2\nMatching host key in /home/known_hosts:1\n' +
        'Are you sure you want to continue connecting (yes/no)? ',
    ]);
    expect((await judge({ policy: { ...policy, strict: 'true' }, user })).said.at(-1)).toBe('Exiting, you have requested strict checking.');
  });
});

describe('a certificate', () => {
  const request = { role: 'host', serial: 1n, keyId: 'id', criticalOptions: [], extensions: [] } as const;
  const certificate = (principals: readonly string[], validBefore = BigInt(NOW + 1)): Promise<PublicKey> =>
    certify(authority, own, { ...request, principals, validAfter: 1n, validBefore });
  const trust = (): string => line('host', authority.publicKey, '@cert-authority ');

  test('of a known authority is trusted, but tells no other keys', async () => {
    expect((await judge({ key: await certificate(['h?st']), user: trust() })).outcome).toEqual({ trusted: true, updatable: false });
  });

  test.each([
    ['for another name', ['other'], undefined, 'Certificate invalid: name is not a listed principal'],
    ['for nobody', [], undefined, 'Certificate lacks principal list'],
    ['that is over', ['host'], BigInt(NOW), 'Certificate invalid: expired'],
  ])('%s is as good as its plain key', async (_, principals, validBefore, reason) => {
    const key = await certificate(principals, validBefore);
    expect(await judge({ key, user: trust(), policy: { strict: 'true' } })).toMatchObject({
      outcome: REFUSED,
      said: [reason, 'No ED25519 host key is known for host and you have requested strict checking.'],
    });
    expect((await judge({ key, user: trust() + line('host', own) })).outcome).toEqual({ trusted: true, updatable: true });
  });

  test('signed with an algorithm that is not allowed', async () => {
    const { said } = await judge({ key: await certificate(['host']), user: trust(), policy: { caAlgorithms: ['rsa-sha2-512'] } });
    expect(said[0]).toBe('Certificate signed with disallowed algorithm');
  });

  test('of an authority that signs for others says nothing, and is no reason for words', async () => {
    const { said, outcome } = await judge({
      key: await certificate(['else']),
      user: line('elsewhere', authority.publicKey, '@cert-authority '),
    });
    expect({ said, outcome }).toEqual({ said: [], outcome: REFUSED });
  });

  test('whose authority is revoked is refused, whatever else is known', async () => {
    const user = line('host', own) + trust() + line('*', authority.publicKey, '@revoked ');
    expect((await judge({ key: await certificate(['host']), user })).outcome).toBe(REFUSED);
  });

  test('a plain key is not taken for its authority`s', async () => {
    expect((await judge({ key: authority.publicKey, user: trust(), policy: { strict: 'true' } })).outcome).toBe(REFUSED);
  });
});

describe('before known_hosts', () => {
  test('a revoked key, and a list that can`t be read', async () => {
    const given = { user: line('host', own), policy: { revokedFile: '/revoked', strict: 'false' } } as const;
    expect((await judge({ ...given, revokes: () => true })).outcome).toBe(REFUSED);
    const unreadable = await judge({
      ...given,
      revokes: () => {
        throw new Error('No such file or directory');
      },
    });
    expect(unreadable.outcome).toBe(REFUSED);
    expect(unreadable.said[0]).toMatch(
      /^Error checking host key ED25519 SHA256:\S+ in revoked keys file \/revoked: No such file or directory$/,
    );
  });

  test('an RSA key that is too short', async () => {
    const { outcome } = await judge({ key: rsa, user: line('host', rsa), policy: { requiredRsaBits: 2049 } });
    expect(outcome).toBe('Bad server host key: Invalid key length');
  });

  test('a key whose algorithms were not proposed', async () => {
    const { said } = await judge({ user: line('host', own), policy: { hostKeyAlgorithms: ['rsa-sha2-512'] } });
    expect(said).toEqual(['host key ssh-ed25519 not permitted by HostkeyAlgorithms']);
  });

  test('a loopback address is trusted where that is wanted', async () => {
    const policy = { trustsLocalhost: true, address: '127.0.0.9' };
    expect((await judge({ policy })).outcome).toEqual({ trusted: true, updatable: false });
    expect((await judge({ policy: { ...policy, alias: 'host' } })).outcome).toBe(REFUSED);
    expect((await judge({ policy: { ...policy, address: '128.0.0.1' } })).outcome).toBe(REFUSED);
  });
});

describe('VerifyHostKeyDNS', () => {
  test('trusts a validated match alone, and only where it is not to ask', async () => {
    const match = { verdict: 'match', secure: true } as const;
    expect(await judge({ policy: { dns: 'true' }, dns: match })).toMatchObject({ outcome: { trusted: true }, asked: [] });
    for (const given of [
      { policy: { dns: 'ask' }, dns: match },
      { policy: { dns: 'true' }, dns: { ...match, secure: false } },
    ] as const) {
      expect((await judge(given)).asked[0]).toContain('\nMatching host key fingerprint found in DNS.\n');
    }
  });

  test('warns of another key, and an error is no match', async () => {
    const { said } = await judge({ policy: { dns: 'true', strict: 'true' }, dns: { verdict: 'mismatch', secure: true } });
    expect(said).toContain('Update the SSHFP RR in DNS with the new host key to get rid of this message.');
    const failed = await askDns(
      'host',
      own,
      () => Promise.reject(new DnsError('general failure')),
      () => undefined,
    );
    expect(failed).toEqual({ verdict: 'nothing', secure: false });
  });

  test('holds the key against every record of its kind', async () => {
    const data = (key: PublicKey): Uint8Array[] =>
      sshfpRecords(key).map((one) => Buffer.from([one.algorithm, one.type, ...one.fingerprint]));
    const ask = async (records: readonly Uint8Array[]): Promise<string> =>
      (
        await askDns(
          'host',
          own,
          () => Promise.resolve({ data: records, validated: true }),
          () => undefined,
        )
      ).verdict;
    expect(await ask(data(own))).toBe('match');
    expect(await ask([...data(own), ...data(rsa)])).toBe('match');
    expect(await ask([...data(own), ...data(other)])).toBe('mismatch');
    expect(await ask(data(rsa))).toBe('mismatch');
    expect(await ask([Buffer.from([4])])).toBe('mismatch');
  });
});
