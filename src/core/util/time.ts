const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** The longest time that fits where OpenSSH keeps one. */
const longestSeconds = 0x7fffffff;

/**
 * Seconds of a time as sshd_config(5) writes it under TIME FORMATS: `600`, `10m`, `1h30m`; a number without a unit is in seconds.
 *
 * @returns undefined for anything else, an empty text and a time of more than 2^31-1 seconds included.
 */
export function parseSeconds(text: string): number | undefined {
  if (text === '') return undefined;
  let total = 0;
  for (let at = 0; at < text.length; ) {
    const part = /^[ \t\n\v\f\r]*\+?([0-9]+)([smhdw]?)/i.exec(text.slice(at, at + 64));
    if (part === null) return undefined;
    total += Number(part[1]) * (secondsOf[(part[2] as string).toLowerCase() || 's'] as number);
    if (total > longestSeconds) return undefined;
    at += part[0].length;
  }
  return total;
}
