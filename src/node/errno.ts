import { getSystemErrorMap } from 'node:util';

/** The texts that strerror(3) gives with glibc, which is what OpenSSH's messages end with. */
const texts: Readonly<Record<string, string>> = {
  E2BIG: 'Argument list too long',
  EACCES: 'Permission denied',
  EADDRINUSE: 'Address already in use',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EAGAIN: 'Resource temporarily unavailable',
  EALREADY: 'Operation already in progress',
  EBADF: 'Bad file descriptor',
  EBUSY: 'Device or resource busy',
  ECONNABORTED: 'Software caused connection abort',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EDQUOT: 'Disk quota exceeded',
  EEXIST: 'File exists',
  EFBIG: 'File too large',
  EHOSTDOWN: 'Host is down',
  EHOSTUNREACH: 'No route to host',
  EINTR: 'Interrupted system call',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISCONN: 'Transport endpoint is already connected',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  EMLINK: 'Too many links',
  EMSGSIZE: 'Message too long',
  ENAMETOOLONG: 'File name too long',
  ENETDOWN: 'Network is down',
  ENETUNREACH: 'Network is unreachable',
  ENFILE: 'Too many open files in system',
  ENOBUFS: 'No buffer space available',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENOEXEC: 'Exec format error',
  ENOMEM: 'Cannot allocate memory',
  ENOPROTOOPT: 'Protocol not available',
  ENOSPC: 'No space left on device',
  ENOSYS: 'Function not implemented',
  ENOTCONN: 'Transport endpoint is not connected',
  ENOTDIR: 'Not a directory',
  ENOTEMPTY: 'Directory not empty',
  ENOTSOCK: 'Socket operation on non-socket',
  ENOTSUP: 'Operation not supported',
  ENOTTY: 'Inappropriate ioctl for device',
  ENXIO: 'No such device or address',
  EOPNOTSUPP: 'Operation not supported',
  EPERM: 'Operation not permitted',
  EPIPE: 'Broken pipe',
  EPROTO: 'Protocol error',
  EPROTONOSUPPORT: 'Protocol not supported',
  EPROTOTYPE: 'Protocol wrong type for socket',
  EROFS: 'Read-only file system',
  ESRCH: 'No such process',
  ETIMEDOUT: 'Connection timed out',
  ETXTBSY: 'Text file busy',
  EXDEV: 'Invalid cross-device link',
};

/** What the operating system refused: `code` is errno's name, `message` the text that strerror(3) has for it. */
export class SystemError extends Error {
  readonly code: string;
  /** The file, or undefined where none was concerned. */
  readonly path: string | undefined;
  /** The call that was refused, as libuv names it: `connect`, `bind`, `open`. */
  readonly syscall: string | undefined;

  constructor(code: string, path?: string, options?: ErrorOptions & { readonly syscall?: string | undefined }) {
    super(errnoText(code), options);
    this.name = 'SystemError';
    this.code = code;
    this.path = path;
    this.syscall = options?.syscall;
  }
}

/** strerror(3)'s text for an errno by its name; for an unknown one what the runtime says, or the name itself. */
export function errnoText(code: string): string {
  const text = texts[code];
  if (text !== undefined) return text;
  for (const [name, message] of getSystemErrorMap().values()) if (name === code) return message;
  return code;
}

/** The errno's name that an error of the system carries, or undefined: other errors have codes of their own. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  const { code } = error;
  return typeof code === 'string' && /^E(?!RR_)[A-Z0-9_]+$/.test(code) ? code : undefined;
}

/** An error of the runtime as a {@link SystemError}; one without errno is given back as it is. */
export function systemError(error: unknown): Error {
  if (error instanceof SystemError) return error;
  if (!(error instanceof Error)) return new Error(String(error));
  const code = errnoOf(error);
  if (code === undefined) return error;
  const path = 'path' in error && typeof error.path === 'string' ? error.path : undefined;
  const syscall = 'syscall' in error && typeof error.syscall === 'string' ? error.syscall : undefined;
  return new SystemError(code, path, { cause: error, syscall });
}

/** Runs a system call and throws what it throws as {@link SystemError}. */
export function systemCall<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw systemError(error);
  }
}
