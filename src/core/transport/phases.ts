import { SshError } from '../util/errors.ts';

/** Where a connection stands, for the question of which message is in its place. */
export type Phase =
  /** Before the peer's identification. */
  | 'ident'
  /** Before the peer's first KEXINIT. */
  | 'kexinit'
  /** During the first key exchange. */
  | 'exchange'
  /** Between key exchanges. */
  | 'open'
  /** During a later exchange, after the peer's KEXINIT. */
  | 'rekey'
  | 'closed';

/** What is done with a message: handed upward, refused (which ends the connection), dropped, answered UNIMPLEMENTED, or one of the transport's own. */
export type Verdict = 'upward' | 'refuse' | 'drop' | 'unimplemented' | TransportVerdict;

/** The messages that the transport itself handles. */
export type TransportVerdict = 'disconnect' | 'ignore' | 'debug' | 'extInfo' | 'kexInit' | 'exchange' | 'ping';

/** A range of numbers and the verdict in each phase. */
type Row = readonly [first: number, last: number, kexinit: Verdict, exchange: Verdict, open: Verdict, rekey: Verdict];

/**
 * Which message is legal in which phase (RFC 4253 sections 7 to 11, RFC 8308 section 2.4, PROTOCOL section 1.8). After the peer's KEXINIT
 * and before its NEWKEYS, only messages of the exchange are (RFC 4253 section 7.1); a ping is dropped there, never queued.
 */
const legal: readonly Row[] = [
  [0, 0, 'refuse', 'refuse', 'refuse', 'refuse'],
  [1, 1, 'disconnect', 'disconnect', 'disconnect', 'disconnect'],
  [2, 3, 'ignore', 'ignore', 'ignore', 'ignore'],
  [4, 4, 'debug', 'debug', 'debug', 'debug'],
  [5, 6, 'refuse', 'refuse', 'upward', 'refuse'],
  [7, 7, 'refuse', 'refuse', 'extInfo', 'refuse'],
  [8, 19, 'unimplemented', 'unimplemented', 'unimplemented', 'unimplemented'],
  [20, 20, 'kexInit', 'refuse', 'kexInit', 'refuse'],
  [21, 21, 'refuse', 'exchange', 'refuse', 'exchange'],
  [22, 29, 'unimplemented', 'unimplemented', 'unimplemented', 'unimplemented'],
  [30, 49, 'refuse', 'exchange', 'refuse', 'exchange'],
  [50, 191, 'refuse', 'refuse', 'upward', 'refuse'],
  [192, 192, 'drop', 'drop', 'ping', 'drop'],
  [193, 193, 'drop', 'drop', 'drop', 'drop'],
  [194, 255, 'unimplemented', 'unimplemented', 'upward', 'refuse'],
];

/** The columns of {@link legal}. */
const columns = { kexinit: 2, exchange: 3, open: 4, rekey: 5 } as const;

/** The columns once more, with a verdict for each number: every packet's is looked up. */
const verdicts: Partial<Record<keyof typeof columns, readonly Verdict[]>> = {};

function byNumber(column: (typeof columns)[keyof typeof columns]): readonly Verdict[] {
  return legal.flatMap((row) => Array.from({ length: row[1] - row[0] + 1 }, () => row[column]));
}

/** What strict key exchange does not tolerate during the first exchange (PROTOCOL section 1.10). */
const loose: ReadonlySet<Verdict> = new Set(['ignore', 'debug', 'unimplemented', 'drop']);

/** What is to be done with a message of this number. */
export function verdictOn(number: number, phase: Phase, strict: boolean): Verdict {
  if (phase === 'ident' || phase === 'closed') return 'refuse';
  const verdict = (verdicts[phase] ??= byNumber(columns[phase]))[number] ?? 'refuse';
  return strict && phase === 'exchange' && loose.has(verdict) ? 'refuse' : verdict;
}

/** Whether a message may be sent between the own KEXINIT and NEWKEYS (RFC 4253 section 7.1). */
export function maySendDuringKex(number: number): boolean {
  return number < 50 && (number < 5 || number > 7);
}

/** The error of a message that is refused. */
export function outOfPlace(number: number, phase: Phase): SshError {
  return new SshError('SSH_ERR_PROTOCOL_ERROR', `message ${String(number)} is out of place (${phase})`);
}
