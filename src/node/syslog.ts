import type { LogLevel } from '../core/util/log.ts';
import { libc } from './native/libc.ts';
import { nativeRefusal } from './native/load.ts';

/** The numbers of the facilities that SyslogFacility names (RFC 5424 section 6.2.1). */
const facilities: Readonly<Record<string, number>> = {
  USER: 1,
  DAEMON: 3,
  AUTH: 4,
  AUTHPRIV: 10,
  LOCAL0: 16,
  LOCAL1: 17,
  LOCAL2: 18,
  LOCAL3: 19,
  LOCAL4: 20,
  LOCAL5: 21,
  LOCAL6: 22,
  LOCAL7: 23,
};

/** How grave each level is there, as OpenSSH has it. */
const severities: Readonly<Record<LogLevel, number>> = {
  QUIET: 7,
  FATAL: 2,
  ERROR: 3,
  INFO: 6,
  VERBOSE: 6,
  DEBUG: 7,
  DEBUG2: 7,
  DEBUG3: 7,
};

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** Neither waits nor raises SIGPIPE: a log that can't take a line must not hold up a session. */
const DONTWAIT_NOSIGNAL = 0x4040;

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Why {@link openSyslog} can't be used, in a sentence; undefined where it can. Node has no sockets of that kind. */
export function syslogProblem(): string | undefined {
  return libc('socket') === undefined ? nativeRefusal('-y') : undefined;
}

/**
 * The system's log, as syslog(3) writes to it: a datagram per line. Lines that nobody takes are lost, as with syslog(3).
 *
 * @param facility a name of SyslogFacility.
 * @throws Error where native calls are off.
 */
export function openSyslog(program: string, facility: string, path = '/dev/log'): (level: LogLevel, line: string) => void {
  const socket = libc('socket');
  const connect = libc('connect');
  const send = libc('send');
  if (socket === undefined || connect === undefined || send === undefined) throw new Error(nativeRefusal('-y'));
  const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const address = unixAddress(path);
  let connected = fd >= 0 && connect(fd, address, address.length) === 0;
  return (level, line) => {
    const bytes = Buffer.from(message(program, (facilities[facility] ?? 1) * 8 + severities[level], line));
    if (connected && send(fd, bytes, bytes.length, DONTWAIT_NOSIGNAL) >= 0) return;
    // the log's daemon may have been started anew
    connected = fd >= 0 && connect(fd, address, address.length) === 0;
    if (connected) send(fd, bytes, bytes.length, DONTWAIT_NOSIGNAL);
  };
}

/** struct sockaddr_un: the family in the machine's byte order, then the path and a NUL. */
function unixAddress(path: string): Uint8Array {
  const name = Buffer.from(`${path}\0`);
  const address = Buffer.alloc(2 + name.length);
  new Uint16Array(address.buffer, address.byteOffset, 1)[0] = AF_UNIX;
  name.copy(address, 2);
  return address;
}

/** One datagram (RFC 3164 section 4.1), without a host's name, as local programs send it. */
function message(program: string, priority: number, line: string): string {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, '0');
  const day = String(now.getDate()).padStart(2);
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map(two).join(':');
  return `<${priority}>${months[now.getMonth()] ?? ''} ${day} ${time} ${program}[${process.pid}]: ${line}`;
}
