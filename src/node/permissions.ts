import type { Stats } from 'node:fs';

/** Whether a private key's file is open to nobody but its owner; one that belongs to another user is not judged (authfile.c). */
export function keyFileIsPrivate(stat: Stats, uid: number = process.getuid?.() ?? -1): boolean {
  return stat.uid !== uid || (stat.mode & 0o077) === 0;
}

/** Whether a configuration file may be trusted: it belongs to root or to us, and nobody else may write it (readconf.c). */
export function configFileIsSafe(stat: Stats, uid: number = process.getuid?.() ?? -1): boolean {
  return (stat.uid === 0 || stat.uid === uid) && (stat.mode & 0o022) === 0;
}

/** The banner about a private key's file that others can read, without line ends; `mode` is the file's own. */
export function unprotectedKeyBanner(path: string, mode: number): readonly string[] {
  const rule = '@'.repeat(59);
  return [
    rule,
    '@         WARNING: UNPROTECTED PRIVATE KEY FILE!          @',
    rule,
    `Permissions 0${(mode & 0o777).toString(8).padStart(3, '0')} for '${path}' are too open.`,
    'It is required that your private key files are NOT accessible by others.',
    'This private key will be ignored.',
  ];
}
