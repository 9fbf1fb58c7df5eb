/** What ssh(1) says of a host's key, in its own words (sshconnect.c). */
import { fingerprint, type FingerprintHash, randomArt } from '../core/keys/fingerprint.ts';
import type { PublicKey } from '../core/keys/key.ts';
import type { KnownHostsEntry } from '../core/keys/known-hosts.ts';

const rule = '@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@';

/** The banner of a key that is another than was expected. */
export function changedKeyLines(key: PublicKey, hash: FingerprintHash): readonly string[] {
  return [
    rule,
    '@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @',
    rule,
    'IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!',
    'Someone could be eavesdropping on you right now (man-in-the-middle attack)!',
    'It is also possible that a host key has just been changed.',
    `The fingerprint for the ${key.shortName} key sent by the remote host is\n${fingerprint(key, hash)}.`,
    'Please contact your system administrator.',
  ];
}

/** The banner of a key that is marked as revoked. */
export function revokedKeyLines(key: PublicKey, host: string): readonly string[] {
  return [
    rule,
    '@       WARNING: REVOKED HOST KEY DETECTED!               @',
    rule,
    `The ${key.shortName} host key for ${host} is marked as revoked.`,
    'This could mean that a stolen key is being used to',
    'impersonate this host.',
  ];
}

/** What the files know of the address beside the name. */
export type AddressStatus = 'ok' | 'new' | 'changed';

const spoofed: Readonly<Record<AddressStatus, string>> = {
  ok: 'is unchanged',
  new: 'is unknown',
  changed: 'has a different value',
};

/** The banner of a key that changed where the address' key says something else. */
export function spoofingLines(
  key: PublicKey,
  names: { readonly host: string; readonly address: string },
  status: AddressStatus,
  entry: KnownHostsEntry | undefined,
): readonly string[] {
  return [
    rule,
    '@       WARNING: POSSIBLE DNS SPOOFING DETECTED!          @',
    rule,
    `The ${key.shortName} host key for ${names.host} has changed,`,
    `and the key for the corresponding IP address ${names.address}`,
    `${spoofed[status]}. This could either mean that`,
    'DNS SPOOFING is happening or the IP address for the host',
    'and its host key have changed at the same time.',
    ...(status === 'new' || entry === undefined ? [] : [`Offending key for IP in ${entry.file}:${entry.line}`]),
  ];
}

/** What a question about a new key tells. */
export interface NewKey {
  readonly key: PublicKey;
  readonly host: string;
  readonly address: string;
  readonly hash: FingerprintHash;
  readonly visual: boolean;
  /** Whether DNS has the key; undefined where it was not asked. */
  readonly inDns: boolean | undefined;
  /** Lines that name this key by other names, with their names as they may be shown. */
  readonly others: readonly { readonly file: string; readonly line: number; readonly hosts: string }[];
}

/** How many other names of a key are shown. */
const MOST_NAMES = 8;

/** The question about a key that no file knows. */
export function newKeyQuestion({ key, host, address, hash, visual, inDns, others }: NewKey): string {
  const more = others.length > MOST_NAMES ? [`    (${others.length - MOST_NAMES} additional names omitted)`] : [];
  const shown = others.slice(0, MOST_NAMES).map(({ file, line, hosts }) => `    ${file}:${line}: ${hosts}`);
  return [
    `The authenticity of host '${host} (${address})' can't be established.`,
    `${key.shortName} key fingerprint is ${fingerprint(key, hash)}.`,
    ...(visual ? [randomArt(key, hash)] : []),
    ...(inDns === undefined ? [] : [`${inDns ? 'Matching' : 'No matching'} host key fingerprint found in DNS.`]),
    ...(others.length === 0
      ? ['This key is not known by any other names.']
      : ['This host key is known by the following other names/addresses:', ...shown, ...more]),
    'Are you sure you want to continue connecting (yes/no/[fingerprint])? ',
  ].join('\n');
}

/** A certificate's validity as ssh prints it. */
export function validityText(validAfter: bigint, validBefore: bigint): string {
  const from = validAfter === 0n ? undefined : timeText(validAfter);
  const to = validBefore === FOREVER ? undefined : timeText(validBefore);
  if (from === undefined && to === undefined) return 'forever';
  if (from === undefined) return `before ${to ?? ''}`;
  return to === undefined ? `after ${from}` : `from ${from} to ${to}`;
}

const FOREVER = 0xffff_ffff_ffff_ffffn;
/** The last second that OpenSSH shows; later ones it shows as this. */
const LAST_SHOWN = 0x7fff_ffff_ffff_ffffn;

function timeText(seconds: bigint): string {
  const date = new Date(Number(seconds > LAST_SHOWN ? LAST_SHOWN : seconds) * 1000);
  if (Number.isNaN(date.getTime())) return 'UNKNOWN-TIME';
  const two = (number: number): string => String(number).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
