import dns from 'node:dns';
import net from 'node:net';
import os from 'node:os';
import { resolverCanonicalName } from './native/names.ts';

/** Which addresses may be used (AddressFamily). */
export type AddressFamily = 'any' | 'inet' | 'inet6';

/** A numeric address; IPv6 link-local ones carry their zone (`fe80::1%eth0`). */
export interface HostAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

/** A name that has no address: the message is getaddrinfo's own text, as it stands behind `ssh: Could not resolve hostname NAME: `. */
export class ResolveError extends Error {
  readonly host: string;

  constructor(host: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ResolveError';
    this.host = host;
  }
}

/** gai_strerror(3)'s texts with glibc, by libuv's error numbers. */
const texts: Readonly<Record<number, string>> = {
  [-3000]: 'Address family for hostname not supported',
  [-3001]: 'Temporary failure in name resolution',
  [-3002]: 'Bad value for ai_flags',
  [-3004]: 'Non-recoverable failure in name resolution',
  [-3005]: 'ai_family not supported',
  [-3006]: 'Memory allocation failure',
  [-3007]: 'No address associated with hostname',
  [-3008]: 'Name or service not known',
  [-3010]: 'Servname not supported for ai_socktype',
  [-3011]: 'ai_socktype not supported',
};
const wrongFamily = -3000;
const unknownName = -3008;

const families = { any: 0, inet: 4, inet6: 6 } as const;

/** The address that a text writes out in numbers, or undefined where it is a name. */
export function numericAddress(text: string): HostAddress | undefined {
  const family = net.isIP(text);
  return family === 4 || family === 6 ? { address: text, family } : undefined;
}

/**
 * All addresses of a host in getaddrinfo(3)'s order, which is the order to try them in.
 *
 * @throws ResolveError where there is none, also for a numeric address of another family.
 */
export function resolveHost(host: string, family: AddressFamily): Promise<readonly HostAddress[]> {
  const numeric = numericAddress(host);
  if (numeric !== undefined) {
    if (family === 'any' || families[family] === numeric.family) return Promise.resolve([numeric]);
    return Promise.reject(new ResolveError(host, textOf(wrongFamily)));
  }
  if (host === '') return Promise.reject(new ResolveError(host, textOf(unknownName)));
  return new Promise((resolve, reject) => {
    dns.lookup(host, { all: true, verbatim: true, family: families[family] }, (error, addresses) => {
      if (error !== null) {
        reject(new ResolveError(host, textOf(error.errno ?? unknownName), { cause: error }));
        return;
      }
      resolve(addresses.map(({ address, family: kind }) => ({ address, family: kind === 6 ? 6 : 4 })));
    });
  });
}

/** The most aliases that are followed from one to the next. */
const MOST_ALIASES = 8;

/**
 * The name that another one stands for, as it is written there but for a dot at its end: what the system's resolver says, which asks /etc/hosts and
 * DNS (AI_CANONNAME); where native calls are off the end of a chain of DNS aliases. Undefined where there is none.
 */
export async function canonicalName(name: string, family: AddressFamily = 'any'): Promise<string | undefined> {
  const told = resolverCanonicalName(name, family);
  const found = told === false ? await endOfAliases(name) : told;
  return found?.replace(/\.$/, '');
}

async function endOfAliases(name: string): Promise<string | undefined> {
  let current = name;
  for (let followed = 0; followed < MOST_ALIASES; followed++) {
    const [next] = await dns.promises.resolveCname(current).catch(() => []);
    if (next === undefined) return current === name ? undefined : current;
    current = next;
  }
  return undefined;
}

/**
 * The address of a network interface to bind to (BindInterface): the first of the family, one that is neither loopback nor link-local
 * where there is such; undefined where the interface has none.
 */
export function interfaceAddress(name: string, family: 4 | 6): string | undefined {
  const own = (os.networkInterfaces()[name] ?? []).filter((entry) => entry.family === `IPv${family}`);
  const chosen = own.find((entry) => !entry.internal && !isLinkLocal(entry.address)) ?? own[0];
  if (chosen === undefined) return undefined;
  return isLinkLocal(chosen.address) && family === 6 ? `${chosen.address}%${name}` : chosen.address;
}

function isLinkLocal(address: string): boolean {
  return /^fe[89ab]/i.test(address);
}

function textOf(errno: number): string {
  return texts[errno] ?? texts[unknownName] ?? '';
}
