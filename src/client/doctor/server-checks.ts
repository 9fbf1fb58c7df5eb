/** What a server offers, asked without logging in: key exchange, ciphers, host key, ways to log in. */
import { authenticate, PermissionDenied } from '../../core/auth/client.ts';
import { cipherNames, defaultCiphers, defaultKex, kexNames, macNames } from '../../core/crypto/names.ts';
import type { OfferedAlgorithms } from '../../core/events.ts';
import type { PublicKey } from '../../core/keys/key.ts';
import { checkHostKey, knownHostsEntries, knownHostsName } from '../../core/keys/known-hosts.ts';
import { fingerprint } from '../../core/keys/fingerprint.ts';
import { signatureNames } from '../../config/algorithm-lists.ts';
import { readKnownHosts } from '../../files/known-hosts-files.ts';
import { systemClock } from '../../node/clock.ts';
import { attachTransport } from '../attach.ts';
import type { ClientConfig } from '../config.ts';
import { connect } from '../connect.ts';
import { type OwnProgram, proxyCommand } from '../plans.ts';
import { bad, type DoctorScene, type Finding } from './finding.ts';

/** How long a server may take for each step, unless ConnectTimeout says so. */
const PATIENCE_MS = 15_000;

/** What is said to whom when a server is looked at. */
export interface ProbeSurroundings {
  readonly ident: string;
  readonly program: OwnProgram;
}

interface Probed {
  readonly offer: OfferedAlgorithms | undefined;
  readonly hostKey: PublicKey | undefined;
  /** The ways to log in, for this user. */
  readonly methods: readonly string[] | undefined;
  /** Why nothing more was learnt. */
  readonly problem: string | undefined;
}

/** Looks at a server: a row for each thing that is worth knowing, also for what is well. */
export async function serverFindings(scene: DoctorScene, config: ClientConfig, around: ProbeSurroundings): Promise<readonly Finding[]> {
  const { offer, hostKey, methods, problem } = await probe(scene, config, around);
  const subject = `${config.host} port ${config.port}`;
  return [
    ...(problem === undefined ? [] : [bad('server', subject, problem, `tsh --why ${config.originalHost} true`)]),
    ...(offer === undefined ? [] : [...postQuantum(subject, offer), ...weakOffers(subject, offer)]),
    ...(hostKey === undefined ? [] : hostKeyFindings(config, hostKey)),
    ...(methods === undefined ? [] : logins(subject, methods)),
  ];
}

async function probe(scene: DoctorScene, config: ClientConfig, { ident, program }: ProbeSurroundings): Promise<Probed> {
  const { options } = config;
  let offer: OfferedAlgorithms | undefined;
  let hostKey: PublicKey | undefined;
  const timeoutMs = (options.connectTimeout ?? PATIENCE_MS / 1000) * 1000;
  const log = (): void => undefined;
  try {
    const reached = await connect(
      {
        hostname: config.host,
        port: config.port,
        addressFamily: options.addressFamily,
        bindAddress: options.bindAddress,
        bindInterface: options.bindInterface,
        attempts: 1,
        timeoutMs,
        keepAlive: options.tcpKeepAlive,
        proxyCommand: proxyCommand(config, scene.environment, program),
        proxyPassesSocket: options.proxyUseFdpass,
      },
      log,
      log,
    );
    const events = (event: { readonly type: string; readonly by?: string; readonly offer?: OfferedAlgorithms }): void => {
      if (event.type === 'kexinit' && event.by === 'peer') offer ??= event.offer;
    };
    const transport = attachTransport(
      reached.stream,
      {
        role: 'client',
        ident,
        rekeyLimit: { bytes: 0, seconds: 0 },
        tracePackets: false,
        proposal: everything(),
        // nothing secret is sent to whoever this is: its key is only looked at
        verifyHostKey: (key: PublicKey) => {
          hostKey = key;
          return Promise.resolve();
        },
      },
      events,
    );
    const timer = systemClock.after(timeoutMs, () => transport.fail(new Error('it took too long to answer')));
    try {
      await transport.start();
      await authenticate(transport, {
        user: config.user,
        host: config.host,
        methods: [],
        emit: () => undefined,
        succeeded: () => undefined,
      });
      return { offer, hostKey, methods: ['none'], problem: undefined };
    } finally {
      timer.stop();
      reached.abandon();
    }
  } catch (error) {
    if (error instanceof PermissionDenied) return { offer, hostKey, methods: error.methods, problem: undefined };
    return { offer, hostKey, methods: undefined, problem: error instanceof Error ? error.message : String(error) };
  }
}

/** All that tsh could do, the best first: a server that knows only weak methods is to be looked at too. */
function everything() {
  const best = (defaults: readonly string[], all: readonly string[]): readonly string[] => [...new Set([...defaults, ...all])];
  return {
    kex: best(defaultKex, kexNames),
    hostKey: signatureNames(),
    ciphers: best(defaultCiphers, cipherNames),
    macs: macNames,
    compression: ['none', 'zlib@openssh.com'],
  };
}

function ok(check: string, subject: string, problem: string): Finding {
  return { check, status: 'ok', subject, problem, fix: '' };
}

function postQuantum(subject: string, { kex }: OfferedAlgorithms): readonly Finding[] {
  const safe = kex.filter((name) => /^(mlkem|sntrup)/.test(name));
  if (safe.length > 0) return [ok('post-quantum', subject, `a later quantum computer can't read recordings: ${safe.join(', ')}`)];
  return [
    bad(
      'post-quantum',
      subject,
      'no post-quantum key exchange: who records a session now may read it one day',
      'update the server (OpenSSH 9.0 or newer has one)',
    ),
  ];
}

/** Kinds of algorithms that should not be offered any more. */
const weak = /sha1(-|$|@)|^ssh-rsa$|^ssh-dss|-cbc|3des|arcfour|md5|-96|group1-/;

function weakOffers(subject: string, offer: OfferedAlgorithms): readonly Finding[] {
  const lists: readonly (readonly [string, string, readonly string[]])[] = [
    ['KexAlgorithms', 'key exchange', offer.kex],
    ['HostKeyAlgorithms', 'host keys', offer.hostKey],
    ['Ciphers', 'ciphers', offer.cipherServerToClient],
    ['MACs', 'MACs', offer.macServerToClient],
  ];
  const found = lists.flatMap(([keyword, what, names]) => {
    const old = names.filter((name) => weak.test(name));
    if (old.length === 0) return [];
    // SHA-1 in a MAC is old, but not broken, and OpenSSH's servers still offer it
    const status = keyword === 'MACs' && old.every((name) => name.startsWith('hmac-sha1')) ? 'note' : 'bad';
    return [
      {
        check: 'weak',
        status,
        subject,
        problem: `old ${what}: ${old.join(', ')}`,
        fix: `in its sshd_config: ${keyword} -${old.join(',')}`,
      } as const,
    ];
  });
  return found.length === 0 ? [ok('weak', subject, 'offers nothing weak')] : found;
}

function hostKeyFindings({ host, port, options, originalHost }: ClientConfig, key: PublicKey): readonly Finding[] {
  const name = options.hostKeyAlias ?? knownHostsName(host, port);
  const entries = knownHostsEntries(readKnownHosts([...options.userKnownHostsFile, ...options.globalKnownHostsFile]), name);
  const status = checkHostKey(entries, key.plain);
  const subject = `${key.plain.shortName} ${fingerprint(key.plain)}`;
  if (status.status === 'ok') return [ok('host key', subject, `known for ${name} (${status.entry.file} line ${status.entry.line})`)];
  if (status.status === 'new' || !entries.some((entry) => entry.key.name === key.plain.name)) {
    return [
      {
        check: 'host key',
        status: 'note',
        subject,
        problem: `not known for ${name} yet`,
        fix: `compare it with the server's own, then: tsh ${originalHost}`,
      },
    ];
  }
  return [
    bad(
      'host key',
      subject,
      `${status.status} for ${name} (${status.entry.file} line ${status.entry.line})`,
      `tsh --why ${originalHost} true`,
    ),
  ];
}

function logins(subject: string, methods: readonly string[]): readonly Finding[] {
  const asks = methods.filter((method) => method === 'password' || method === 'keyboard-interactive');
  const known = `it takes ${methods.join(', ') || 'nothing'}`;
  if (asks.length === 0) return [ok('login', subject, `${known}: no passwords to guess`)];
  return [
    {
      check: 'login',
      status: 'note',
      subject,
      problem: `${known}: passwords can be guessed`,
      fix: 'once your key works, in its sshd_config: PasswordAuthentication no, KbdInteractiveAuthentication no',
    },
  ];
}
