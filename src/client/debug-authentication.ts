import type { AuthenticationTry, NoteLevel } from '../core/events.ts';

/** What `-v` tells of one try to authenticate, in OpenSSH's words. */
export function authenticationLines(attempt: AuthenticationTry): readonly { readonly level: NoteLevel; readonly text: string }[] {
  const row = rows[attempt.outcome];
  if (row === undefined || (row.keys && attempt.method !== 'publickey')) return [];
  return row.lines(attempt).map((text) => ({ level: row.level, text }));
}

interface Row {
  readonly level: NoteLevel;
  /** Whether it tells of keys only. */
  readonly keys: boolean;
  readonly lines: (attempt: AuthenticationTry) => readonly string[];
}

const rows: Readonly<Partial<Record<AuthenticationTry['outcome'], Row>>> = {
  planned: { level: 'debug1', keys: true, lines: (attempt) => [`Will attempt key: ${keyIdentity(attempt)}`] },
  offered: { level: 'debug1', keys: true, lines: (attempt) => [`Offering public key: ${keyIdentity(attempt)}`] },
  trying: { level: 'debug1', keys: true, lines: ({ source }) => [`Trying private key: ${source ?? ''}`] },
  accepted: { level: 'debug1', keys: true, lines: (attempt) => [`Server accepts key: ${keyIdentity(attempt)}`] },
  signed: {
    level: 'debug3',
    keys: true,
    lines: ({ algorithm, fingerprint }) => [`sign_and_send_pubkey: signing using ${algorithm ?? ''} ${fingerprint ?? ''}`],
  },
  skipped: { level: 'debug1', keys: true, lines: skipped },
  failed: { level: 'error', keys: true, lines: failed },
  partial: { level: 'verbose', keys: false, lines: ({ method }) => [`Authenticated using "${method}" with partial success.`] },
};

/** A key as OpenSSH names it: path or comment, type, fingerprint, and where it comes from. */
export function keyIdentity({ source, keyType, fingerprint, explicit, agent }: AuthenticationTry): string {
  const type = keyType === undefined ? ' ' : ` ${keyType} ${fingerprint ?? ''}`;
  const notes = [explicit === true && ' explicit', /-SK(?:-CERT)?$/.test(keyType ?? '') && ' authenticator', agent === true && ' agent'];
  return `${source ?? ''}${type}${notes.filter((note) => note !== false).join('')}`;
}

/** Reasons for which OpenSSH names the key. */
function skipped({ source, algorithm, reason }: AuthenticationTry): readonly string[] {
  if (reason === undefined) return [];
  if (reason.startsWith('corresponding algorithm')) return [`Skipping ${algorithm ?? ''} key ${source ?? ''} - ${reason}`];
  return reason === 'no mutual signature algorithm' ? [`send_pubkey_test: ${reason}`] : [];
}

function failed({ source, keyType, agent, reason }: AuthenticationTry): readonly string[] {
  if (reason === 'no mutual signature supported') return [`sign_and_send_pubkey: ${reason}`];
  if (reason?.startsWith('private key') === true) return [`identity_sign: ${reason}`];
  const from = agent === true ? ' from agent' : '';
  return [`sign_and_send_pubkey: signing failed for ${keyType ?? ''} "${source ?? ''}"${from}: ${reason ?? ''}`];
}
