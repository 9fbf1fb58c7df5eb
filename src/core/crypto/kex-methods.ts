import type { DhGroup, HashName, KexAlgorithm, KexMethod } from './kex.ts';
import type { KexName } from './names.ts';

/** What a row says beside its name. */
type Row = Omit<KexMethod, 'name'>;

/** The key exchange methods by their names; the arithmetic is loaded when a method has been negotiated. */
const rows: Readonly<Record<KexName, Row>> = {
  'diffie-hellman-group1-sha1': group('sha1', async () => (await import('./dh-groups.ts')).group1),
  'diffie-hellman-group14-sha1': group('sha1', async () => (await import('./dh-groups.ts')).group14),
  'diffie-hellman-group14-sha256': group('sha256', async () => (await import('./dh-groups.ts')).group14),
  'diffie-hellman-group16-sha512': group('sha512', async () => (await import('./dh-groups.ts')).group16),
  'diffie-hellman-group18-sha512': group('sha512', async () => (await import('./dh-groups.ts')).group18),
  'diffie-hellman-group-exchange-sha1': { hash: 'sha1', publicValue: 'mpint', secret: 'mpint' },
  'diffie-hellman-group-exchange-sha256': { hash: 'sha256', publicValue: 'mpint', secret: 'mpint' },
  'ecdh-sha2-nistp256': curve('sha256', async () => (await import('./kex-ecdh.ts')).ecdhNistp256),
  'ecdh-sha2-nistp384': curve('sha384', async () => (await import('./kex-ecdh.ts')).ecdhNistp384),
  'ecdh-sha2-nistp521': curve('sha512', async () => (await import('./kex-ecdh.ts')).ecdhNistp521),
  'curve25519-sha256': curve('sha256', async () => (await import('./kex-curve25519.ts')).curve25519),
  'curve25519-sha256@libssh.org': curve('sha256', async () => (await import('./kex-curve25519.ts')).curve25519),
  'sntrup761x25519-sha512': hybrid('sha512', async () => (await import('./kex-sntrup.ts')).sntrup761x25519()),
  'sntrup761x25519-sha512@openssh.com': hybrid('sha512', async () => (await import('./kex-sntrup.ts')).sntrup761x25519()),
  'mlkem768x25519-sha256': hybrid('sha256', async () => (await import('./kex-mlkem.ts')).mlkem768x25519()),
  'mlkem768nistp256-sha256': hybrid('sha256', async () => (await import('./kex-mlkem.ts')).mlkem768nistp256()),
};

/** The method of a name, or undefined where there is none. */
export function kexMethod(name: string): KexMethod | undefined {
  const row = Object.hasOwn(rows, name) ? rows[name as KexName] : undefined;
  return row === undefined ? undefined : { name, ...row };
}

/** Diffie-Hellman in a fixed group. */
function group(hash: HashName, load: () => Promise<DhGroup>): Row {
  return {
    hash,
    publicValue: 'mpint',
    secret: 'mpint',
    load: async () => {
      const { dhAlgorithm } = await import('./kex-dh.ts');
      return dhAlgorithm(await load());
    },
  };
}

/** Diffie-Hellman on a curve. */
function curve(hash: HashName, load: () => Promise<KexAlgorithm>): Row {
  return { hash, publicValue: 'string', secret: 'mpint', load };
}

/** A post-quantum method and a curve, whose joint secret is a hash. */
function hybrid(hash: HashName, load: () => Promise<KexAlgorithm>): Row {
  return { hash, publicValue: 'string', secret: 'string', load };
}
