import { getSystemErrorName } from 'node:util';
import { SystemError } from '../errno.ts';
import { type Koffi, loadKoffi } from './load.ts';

/** The C library's functions that are called, by their C declarations; `void *` takes a buffer, which C must be done with on return. */
const declarations = {
  tcgetattr: 'int tcgetattr(int fd, void *termios)',
  tcsetattr: 'int tcsetattr(int fd, int when, const void *termios)',
  // The third argument is variadic in C; for a pointer that is the same call on Linux.
  ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
  pipe2: 'int pipe2(void *ends, int flags)',
  posix_openpt: 'int posix_openpt(int flags)',
  grantpt: 'int grantpt(int fd)',
  unlockpt: 'int unlockpt(int fd)',
  ptsname_r: 'int ptsname_r(int fd, void *name, size_t length)',
  setsockopt: 'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
  getsockopt: 'int getsockopt(int fd, int level, int name, void *value, void *length)',
  socket: 'int socket(int domain, int type, int protocol)',
  connect: 'int connect(int fd, const void *address, uint32_t length)',
  socketpair: 'int socketpair(int domain, int type, int protocol, void *ends)',
  recvmsg: 'long recvmsg(int fd, void *message, int flags)',
  recv: 'long recv(int fd, void *bytes, size_t length, int flags)',
  poll: 'int poll(void *descriptors, unsigned long count, int timeoutMs)',
  // Variadic in C; for an integer that is the same call on Linux.
  fcntl: 'int fcntl(int fd, int command, int argument)',
  send: 'long send(int fd, const void *bytes, size_t length, int flags)',
  getaddrinfo: 'int getaddrinfo(const char *name, const void *service, const void *hints, void *list)',
  freeaddrinfo: 'void freeaddrinfo(uintptr_t list)',
  // Variadic in C; for integers that is the same call on Linux.
  prctl: 'int prctl(int option, unsigned long second, unsigned long third, unsigned long fourth, unsigned long fifth)',
  setrlimit: 'int setrlimit(int resource, const void *limits)',
  madvise: 'int madvise(uintptr_t from, size_t length, int advice)',
  _exit: 'void _exit(int status)',
} as const;

interface Signatures {
  tcgetattr: (fd: number, termios: Uint8Array) => number;
  tcsetattr: (fd: number, when: number, termios: Uint8Array) => number;
  ioctl: (fd: number, request: number, argument: Uint8Array) => number;
  pipe2: (ends: Uint8Array, flags: number) => number;
  posix_openpt: (flags: number) => number;
  grantpt: (fd: number) => number;
  unlockpt: (fd: number) => number;
  ptsname_r: (fd: number, name: Uint8Array, length: number) => number;
  setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number;
  getsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number;
  socket: (domain: number, type: number, protocol: number) => number;
  connect: (fd: number, address: Uint8Array, length: number) => number;
  socketpair: (domain: number, type: number, protocol: number, ends: Uint8Array) => number;
  recvmsg: (fd: number, message: Uint8Array, flags: number) => number;
  recv: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  poll: (descriptors: Uint8Array, count: number, timeoutMs: number) => number;
  fcntl: (fd: number, command: number, argument: number) => number;
  send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number;
  getaddrinfo: (name: string, service: null, hints: Uint8Array, list: Uint8Array) => number;
  freeaddrinfo: (list: bigint) => void;
  prctl: (option: number, second: number, third: number, fourth: number, fifth: number) => number;
  setrlimit: (resource: number, limits: Uint8Array) => number;
  madvise: (from: number, length: number, advice: number) => number;
  _exit: (status: number) => never;
}

let library: { readonly koffi: Koffi; readonly handle: ReturnType<Koffi['load']> } | undefined;
const functions: Partial<Signatures> = {};

/**
 * A function of the C library, or undefined where native calls are off or the platform is not Linux, whose structures and constants the
 * callers know. It returns what C returns; {@link throwErrno} makes an error of a failure.
 */
export function libc<Name extends keyof Signatures>(name: Name): Signatures[Name] | undefined {
  const known = functions[name];
  if (known !== undefined) return known;
  if (process.platform !== 'linux') return undefined;
  const koffi = loadKoffi();
  if (koffi === undefined) return undefined;
  library ??= { koffi, handle: koffi.load(null) };
  const made = library.handle.func(declarations[name]) as unknown as Signatures[Name];
  functions[name] = made;
  return made;
}

/** The name of the errno of the C call that has just failed. */
export function errnoName(): string {
  const errno = library?.koffi.errno() ?? 0;
  return errno === 0 ? 'EIO' : getSystemErrorName(-errno);
}

/** Throws the errno of the C call that has just failed as a {@link SystemError}. */
export function throwErrno(): never {
  throw new SystemError(errnoName());
}
