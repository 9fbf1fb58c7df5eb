/** Types of keys as -t names them. */
import { keyType } from '../../core/keys/key-types.ts';
import { Fatal } from './endings.ts';

/** A type to be generated. */
export interface RequestedType {
  /** On the wire. */
  readonly name: string;
  /** The size of an RSA key. */
  readonly bits: number | undefined;
}

/** The short names of types. */
export const shortNames: ReadonlyMap<string, string> = new Map([
  ['ed25519', 'ssh-ed25519'],
  ['ecdsa', 'ecdsa'],
  ['rsa', 'ssh-rsa'],
  // algorithms of signatures name the key that makes them
  ['rsa-sha2-256', 'ssh-rsa'],
  ['rsa-sha2-512', 'ssh-rsa'],
  ['ed25519-sk', 'sk-ssh-ed25519@openssh.com'],
  ['ecdsa-sk', 'sk-ecdsa-sha2-nistp256@openssh.com'],
]);

/** The keys that a host has, in the order in which -A makes them. */
export const hostKeyKinds: readonly { readonly name: string; readonly shortName: string; readonly file: string }[] = [
  { name: 'rsa', shortName: 'RSA', file: '/etc/ssh/ssh_host_rsa_key' },
  { name: 'ecdsa', shortName: 'ECDSA', file: '/etc/ssh/ssh_host_ecdsa_key' },
  { name: 'ed25519', shortName: 'ED25519', file: '/etc/ssh/ssh_host_ed25519_key' },
];

const LEAST_RSA_BITS = 1024;
const MOST_RSA_BITS = 16384;
const CURVES: readonly number[] = [256, 384, 521];

/**
 * The type of that name and size.
 *
 * @throws Fatal where there is none, or where only hardware makes such keys
 */
export function keyTypeNamed(text: string, bits: number | undefined): RequestedType {
  const lower = text.toLowerCase();
  const name = shortNames.get(lower) ?? lower;
  const type = keyType(name);
  if (name !== 'ecdsa' && (type === undefined || (type.signatureOnly && !type.certificate))) throw new Fatal(`unknown key type ${text}`);
  // a certificate is no pair of keys, which ssh-keygen finds out late
  if (type?.certificate === true) return { name, bits: undefined };
  if (name.startsWith('sk-'))
    throw new Fatal(
      `Key enrollment failed: ${text} keys are made by a security key, which this program does not drive; make it with ssh-keygen`,
    );
  if (name === 'ssh-rsa') {
    if (bits !== undefined && bits < LEAST_RSA_BITS) throw new Fatal(`Invalid RSA key length: minimum is ${LEAST_RSA_BITS} bits`);
    if (bits !== undefined && bits > MOST_RSA_BITS) throw new Fatal(`Invalid RSA key length: maximum is ${MOST_RSA_BITS} bits`);
    return { name, bits };
  }
  if (!name.startsWith('ecdsa')) return { name, bits: undefined };
  const size = bits ?? (name === 'ecdsa' ? 256 : Number(name.slice(-3)));
  if (!CURVES.includes(size)) throw new Fatal('Invalid ECDSA key length: valid lengths are 256, 384 or 521 bits');
  return { name: `ecdsa-sha2-nistp${size}`, bits: undefined };
}

/** The type on the wire that -t names, of whatever size; undefined where there is none. */
export function matchesType(text: string, wireName: string): boolean {
  const name = shortNames.get(text.toLowerCase()) ?? text.toLowerCase();
  return wireName === name || (name === 'ecdsa' && wireName.startsWith('ecdsa-sha2-'));
}
