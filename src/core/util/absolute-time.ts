import { SshError } from './errors.ts';

/** Date, and hour and minute, and second where they are given; a suffix makes it UTC. */
const FORM = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?(Z|UTC)?$/i;

/**
 * The seconds since 1970 of a time as OpenSSH's files and options write it: YYYYMMDD, YYYYMMDDHHMM or YYYYMMDDHHMMSS, in the system's
 * time zone or, with the suffix Z or UTC, in UTC.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT where it is no such time, or before 1970
 */
export function parseAbsoluteTime(text: string): number {
  const fields = FORM.exec(text);
  if (fields === null) throw invalid(text);
  const [year, month, day, hour, minute, second] = fields.slice(1, 7).map((field: string | undefined) => Number(field ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const parts = [year, month - 1, day, hour, minute, second] as const;
  const utc = new Date(Date.UTC(...parts));
  // what runs over into the next unit, as a 31st of February, was no time
  if (utc.getUTCMonth() !== month - 1 || utc.getUTCDate() !== day || hour > 23 || minute > 59 || second > 59) throw invalid(text);
  const time = fields[7] === undefined ? new Date(...parts) : utc;
  if (time.getTime() < 0) throw invalid(text);
  return time.getTime() / 1000;
}

function invalid(text: string): SshError {
  return new SshError('SSH_ERR_INVALID_FORMAT', `invalid time ${JSON.stringify(text)}`);
}
