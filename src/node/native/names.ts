import { libc } from './libc.ts';
import { loadKoffi } from './load.ts';

const AI_CANONNAME = 2;
const SOCK_STREAM = 1;
const families = { any: 0, inet: 2, inet6: 10 } as const;
/** Where struct addrinfo of 64-bit Linux has its ai_canonname. */
const CANONICAL_AT = 32;

/**
 * The canonical name that getaddrinfo(3) gives with a name's addresses, undefined where it gives none; false where it can't be asked. It waits
 * for the resolver, and blocks meanwhile.
 */
export function resolverCanonicalName(name: string, family: keyof typeof families): string | undefined | false {
  const [getaddrinfo, freeaddrinfo, koffi] = [libc('getaddrinfo'), libc('freeaddrinfo'), loadKoffi()];
  if (getaddrinfo === undefined || freeaddrinfo === undefined || koffi?.sizeof('void *') !== 8) return false;
  const hints = new Int32Array(12);
  hints.set([AI_CANONNAME, families[family], SOCK_STREAM]);
  const list = new BigUint64Array(1);
  if (getaddrinfo(name, null, new Uint8Array(hints.buffer), new Uint8Array(list.buffer)) !== 0) return undefined;
  const [first = 0n] = list;
  if (first === 0n) return undefined;
  try {
    return (koffi.decode(first, CANONICAL_AT, 'const char *') as string | null) ?? undefined;
  } finally {
    freeaddrinfo(first);
  }
}
