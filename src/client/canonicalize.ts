import { fatal } from '../config/environment.ts';
import type { FinalOptions } from '../config/finalize-client.ts';
import type { Log } from '../core/util/log.ts';
import { lowerCase, matchPatternList } from '../core/util/pattern.ts';
import { canonicalName, ResolveError, resolveHost } from '../node/resolve.ts';

/** Who looks names up. */
export interface Resolver {
  /** Whether the name has an address. @throws ResolveError where it has none */
  readonly lookUp: (name: string) => Promise<unknown>;
  /** The name that an alias leads to; undefined where it is no alias. */
  readonly canonicalName: (name: string) => Promise<string | undefined>;
}

/** This machine's resolver, for addresses of the family that may be used. */
export function systemNames({ addressFamily }: FinalOptions): Resolver {
  return { lookUp: (name) => resolveHost(name, addressFamily), canonicalName: (name) => canonicalName(name, addressFamily) };
}

/**
 * A host's canonical name (CanonicalizeHostname): the first of CanonicalDomains under which it has an address, and the name that this is
 * an alias of where CanonicalizePermittedCNAMEs allows; the host itself where there is none.
 *
 * @throws ConfigError where there is none and CanonicalizeFallbackLocal says no, or an alias was to be followed and the host is unknown.
 */
export async function canonicalHost(host: string, options: FinalOptions, log: Log, resolver: Resolver): Promise<string> {
  return await new Canonicalizer(options, log, resolver).find(host);
}

class Canonicalizer {
  private readonly options: FinalOptions;
  private readonly log: Log;
  private readonly resolver: Resolver;
  /** Whether this machine makes the connection, not a command or another host. */
  private readonly direct: boolean;

  constructor(options: FinalOptions, log: Log, resolver: Resolver) {
    this.options = options;
    this.log = log;
    this.resolver = resolver;
    const { proxyCommand, proxyJump } = options;
    const jumps = proxyJump !== undefined && proxyJump !== 'none';
    this.direct = !jumps && (proxyCommand === undefined || lowerCase(proxyCommand) === 'none');
  }

  async find(host: string): Promise<string> {
    const { options, log } = this;
    if (!this.direct && options.canonicalizeHostname !== 'always') return host;
    const found = await this.qualify(host);
    if (found !== undefined) {
      const followed = await this.follow(found, `${found}.`);
      if (followed === found) log('DEBUG', `Canonicalized hostname "${host}" => "${found}"`);
      return followed;
    }
    return options.canonicalizePermittedCNAMEs.length === 0 ? host : await this.followLocal(host);
  }

  /** The name with the first domain that has it; undefined where none does, or where the host is not looked for. */
  private async qualify(host: string): Promise<string | undefined> {
    const { options, log } = this;
    const { canonicalizeMaxDots: mostDots, canonicalDomains } = options;
    const anchored = host.endsWith('.');
    if (!anchored && host.split('.').length - 1 > mostDots) {
      log('DEBUG3', `resolve_canonicalize: not canonicalizing hostname "${host}" (max dots ${mostDots})`);
      return undefined;
    }
    for (const name of anchored ? [host] : canonicalDomains.filter((one) => lowerCase(one) !== 'none').map((one) => `${host}.${one}.`)) {
      log('DEBUG3', `resolve_canonicalize: attempting "${host}" => "${name}"`);
      if ((await this.failure(name)) === undefined) return name.slice(0, -1);
    }
    if (!options.canonicalizeFallbackLocal) throw fatal(log, `ssh: Could not resolve host "${host}"`);
    log('DEBUG2', `resolve_canonicalize: host ${host} not found in any suffix`);
    return undefined;
  }

  /** Follows the alias that a host may be as it stands, for those whom that name is enough. */
  private async followLocal(host: string): Promise<string> {
    const failure = await this.failure(host);
    if (failure === undefined) return await this.follow(host);
    // names that only a proxy knows are its business
    if (this.direct) throw fatal(this.log, `ssh: Could not resolve hostname ${host}: ${failure}`);
    return host;
  }

  /** The name that an alias leads to, if that is permitted; `whole` is the alias as the resolver takes it for complete. */
  private async follow(name: string, whole: string = name): Promise<string> {
    const { log } = this;
    const { canonicalizePermittedCNAMEs: rules } = this.options;
    if (rules.length === 0) return name;
    const alias = await this.resolver.canonicalName(whole);
    if (alias === undefined || alias === name) return name;
    log('DEBUG3', `check_follow_cname: check "${name}" CNAME "${alias}"`);
    for (const { source, target } of rules) {
      if (matchPatternList(name, source, true) !== 'match' || matchPatternList(alias, target, true) !== 'match') continue;
      log('VERBOSE', `Canonicalized DNS aliased hostname "${name}" => "${alias}"`);
      return alias;
    }
    return name;
  }

  private async failure(name: string): Promise<string | undefined> {
    try {
      await this.resolver.lookUp(name);
      return undefined;
    } catch (error) {
      if (error instanceof ResolveError) return error.message;
      throw error;
    }
  }
}
