import process from 'node:process';

/** The program's version, as package.json has it. */
export const version = '0.1.0';

/** What `-V` prints: which OpenSSH's flags and behaviour these are, and whose cryptography. */
export function versionLine(): string {
  return `tsh_${version} (OpenSSH_10.5 compatible), OpenSSL ${process.versions.openssl}`;
}
