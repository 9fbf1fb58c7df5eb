/** The time in which a certificate is valid, as -V writes it. */
import { parseAbsoluteTime } from '../../core/util/absolute-time.ts';
import { SshError } from '../../core/util/errors.ts';
import { parseSeconds } from '../../core/util/time.ts';
import { Fatal } from './endings.ts';

/** From which second on and up to which, counted from 1970. */
export interface Validity {
  readonly after: bigint;
  readonly before: bigint;
}

/** The time that never comes. */
const forever = (1n << 64n) - 1n;

/** All of time. */
export const always: Validity = { after: 0n, before: forever };

/**
 * The interval that a text names: `+time` from now on, or `from:to`, each a time of the calendar, one from now (`+`, `-`), one in
 * hexadecimal (`0x`), `always` or `forever`.
 *
 * @throws Fatal with ssh-keygen's complaint
 */
export function parseValidity(text: string, now: number): Validity {
  if (text.startsWith('+') && !text.includes(':')) {
    const seconds = parseSeconds(text.slice(1));
    if (seconds === undefined) throw new Fatal(`Invalid relative certificate life ${text}`);
    // a minute and what is left of it for clocks that are slow
    return { after: BigInt(Math.floor((now - 59) / 60) * 60), before: BigInt(now + seconds) };
  }
  const [, from, to] = /^([^:]+):([^]+)$/.exec(text) ?? [];
  if (from === undefined || to === undefined) throw new Fatal(`Invalid certificate life specification ${text}`);
  const after = from === 'always' ? 0n : parseTime(from, now, 'from');
  const before = to === 'forever' ? forever : parseTime(to, now, 'to');
  if (before <= after) throw new Fatal('Empty certificate validity interval');
  return { after, before };
}

/** An interval in words, in the system's time zone: `forever`, `before ...`, `after ...` or `from ... to ...`. */
export function formatValidity({ after, before }: Validity): string {
  if (after === 0n) return before === forever ? 'forever' : `before ${formatTime(before)}`;
  return before === forever ? `after ${formatTime(after)}` : `from ${formatTime(after)} to ${formatTime(before)}`;
}

function parseTime(text: string, now: number, end: 'from' | 'to'): bigint {
  if (/^[+-]/.test(text)) {
    const seconds = parseSeconds(text.slice(1));
    if (seconds === undefined) throw new Fatal(`Invalid relative certificate time ${text}`);
    if (text.startsWith('-') && seconds > now) throw new Fatal(`Certificate time ${text} cannot be represented`);
    return BigInt(text.startsWith('-') ? now - seconds : now + seconds);
  }
  if (text.startsWith('0x')) {
    const digits = /^0x([0-9a-f]+)$/i.exec(text)?.[1];
    if (digits === undefined) throw new Fatal('Invalid certificate time: not a number');
    const value = BigInt(`0x${digits}`);
    if (value > forever) throw new Fatal('Certificate time too large');
    return value;
  }
  try {
    return BigInt(parseAbsoluteTime(text));
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    throw new Fatal(`Invalid ${end} time "${text}"`, { cause: error });
  }
}

/** The latest second that a date can have here. */
const latest = 8_640_000_000_000n;

/** A time in words, in the system's time zone. */
export function formatTime(seconds: bigint): string {
  const date = new Date(Number(seconds > latest ? latest : seconds) * 1000);
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}
