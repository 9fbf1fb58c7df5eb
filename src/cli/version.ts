import process from 'node:process';
import { openSshVersion } from '../core/util/openssh.ts';

/** The program's version, as package.json has it. */
export const version = '0.1.0';

/** What `-V` prints: which OpenSSH's flags and behaviour these are, and whose cryptography. */
export function versionLine(): string {
  return `tsh_${version} (${openSshVersion} compatible), OpenSSL ${process.versions.openssl}`;
}
