/** Lists of key types and signature algorithms, as keywords and `-Q` know them. */

/** One key type or signature algorithm. */
interface KeyName {
  readonly name: string;
  /** A signature algorithm of another key type, not a type of key itself. */
  readonly signatureOnly?: true;
  readonly certificate?: true;
}

/** Key types and signature algorithms in the order of `-Q`. */
const keyNames: readonly KeyName[] = [
  { name: 'ssh-ed25519' },
  { name: 'ssh-ed25519-cert-v01@openssh.com', certificate: true },
  { name: 'sk-ssh-ed25519@openssh.com' },
  { name: 'sk-ssh-ed25519-cert-v01@openssh.com', certificate: true },
  { name: 'ecdsa-sha2-nistp256' },
  { name: 'ecdsa-sha2-nistp256-cert-v01@openssh.com', certificate: true },
  { name: 'ecdsa-sha2-nistp384' },
  { name: 'ecdsa-sha2-nistp384-cert-v01@openssh.com', certificate: true },
  { name: 'ecdsa-sha2-nistp521' },
  { name: 'ecdsa-sha2-nistp521-cert-v01@openssh.com', certificate: true },
  { name: 'sk-ecdsa-sha2-nistp256@openssh.com' },
  { name: 'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com', certificate: true },
  { name: 'webauthn-sk-ecdsa-sha2-nistp256@openssh.com', signatureOnly: true },
  { name: 'ssh-rsa' },
  { name: 'ssh-rsa-cert-v01@openssh.com', certificate: true },
  { name: 'rsa-sha2-256', signatureOnly: true },
  { name: 'rsa-sha2-256-cert-v01@openssh.com', signatureOnly: true, certificate: true },
  { name: 'rsa-sha2-512', signatureOnly: true },
  { name: 'rsa-sha2-512-cert-v01@openssh.com', signatureOnly: true, certificate: true },
];

/** Which names a list of keys holds. */
export interface KeyFilter {
  readonly certificates?: boolean;
  readonly signatures?: boolean;
}

/** The names that fit: `certificates` picks those of certificates or those without, `signatures` lets signature algorithms in. */
export function keyNamesOf(filter: KeyFilter): string[] {
  return keyNames
    .filter((key) => filter.certificates === undefined || (key.certificate === true) === filter.certificates)
    .filter((key) => filter.signatures === true || key.signatureOnly !== true)
    .map((key) => key.name);
}

/** Every signature algorithm that a keyword may name. */
export function signatureNames(): readonly string[] {
  return keyNames.map((key) => key.name);
}
