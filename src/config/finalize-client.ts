/** From what was set to what counts: defaults, those that depend on other options, `none`, and algorithm lists. */
import {
  cipherNames,
  defaultAuthoritySignatures,
  defaultCiphers,
  defaultKex,
  defaultMacs,
  defaultSignatures,
  kexNames,
  macNames,
} from '../core/crypto/names.ts';
import { isLogged, type LogLevel } from '../core/util/log.ts';
import { assembleNames, lowerCase } from '../core/util/pattern.ts';
import { signatureNames } from './algorithm-lists.ts';
import { clientKeywords, clientOptions, type ClientOption, type ClientOptions, type Row } from './client-keywords.ts';
import { fatal, type ConfigEnvironment } from './environment.ts';
import type { ForwardEnd, Forward } from './forward-spec.ts';
import type { Settings } from './settings.ts';
import { connectionTokens, expandConfigured, expandConfiguredTokens, expandFileName, tokensOf, type TokenValues } from './tokens.ts';

/** The key files that are tried where none is named. */
export const defaultIdentityFiles: readonly string[] = [
  '~/.ssh/id_rsa',
  '~/.ssh/id_ecdsa',
  '~/.ssh/id_ecdsa_sk',
  '~/.ssh/id_ed25519',
  '~/.ssh/id_ed25519_sk',
];

/** For each algorithm keyword what it starts from and what there is. */
const algorithmLists = {
  ciphers: { defaults: defaultCiphers, all: cipherNames },
  macs: { defaults: defaultMacs, all: macNames },
  kexAlgorithms: { defaults: defaultKex, all: kexNames },
  hostKeyAlgorithms: { defaults: defaultSignatures, all: signatureNames() },
  hostbasedAcceptedAlgorithms: { defaults: defaultSignatures, all: signatureNames() },
  pubkeyAcceptedAlgorithms: { defaults: defaultSignatures, all: signatureNames() },
  caSignatureAlgorithms: { defaults: defaultAuthoritySignatures, all: signatureNames() },
} as const;

/** A keyword whose value is a list of algorithms. */
export type AlgorithmOption = keyof typeof algorithmLists;

/** Options of which some are always there once the settings are final. */
export type FinalOptions = ClientOptions & {
  readonly [K in AlgorithmOption | 'user' | 'hostname']: string;
} & {
  readonly identityFile: readonly string[];
  readonly updateHostKeys: 'true' | 'false' | 'ask';
  readonly dynamicForward: readonly Forward[];
  readonly localForward: readonly Forward[];
  readonly remoteForward: readonly Forward[];
};

/** What options depend on that no keyword says. */
export interface FinalContext {
  /** The host to connect to. */
  readonly host: string;
  /** Whether -W is given. */
  readonly hasStdioForward: boolean;
}

/**
 * Settles every option.
 *
 * @throws ConfigError where options don't fit together; the log has said so.
 */
export function finalizeClient(
  settings: Settings,
  context: FinalContext,
  environment: Pick<ConfigEnvironment, 'log' | 'user'>,
): FinalOptions {
  const set = settings.values();
  const options: Record<string, unknown> = {};
  for (const option of clientOptions) options[option] = valueOrDefault(option, set[option]);
  for (const [option, { defaults, all }] of Object.entries(algorithmLists)) {
    options[option] = assembleNames(set[option as AlgorithmOption], defaults.join(','), all.join(','));
  }
  options['user'] ??= environment.user.name;
  options['hostname'] = context.host;
  options['identityFile'] ??= defaultIdentityFiles;
  options['updateHostKeys'] ??= updatesByDefault(set) ? 'true' : 'false';
  if (options['updateHostKeys'] === 'ask' && !isLogged('INFO', options['logLevel'] as LogLevel)) options['updateHostKeys'] = 'false';
  if (set.hostKeyAlias !== undefined) options['hostKeyAlias'] = lowerCase(set.hostKeyAlias);
  if (set.versionAddendum?.toLowerCase() === 'none') options['versionAddendum'] = '';
  if (set.proxyJump === 'none') options['proxyJump'] = undefined;
  // through another host bytes are carried: no socket can be passed on
  else if (set.proxyJump !== undefined) options['proxyUseFdpass'] = false;
  options['exitOnForwardFailure'] = set.exitOnForwardFailure ?? context.hasStdioForward;
  const cleared = set.clearAllForwardings ?? context.hasStdioForward;
  options['clearAllForwardings'] = cleared;
  if (cleared) options['tunnel'] = 'false';
  for (const option of ['dynamicForward', 'localForward', 'remoteForward'] as const) {
    options[option] = cleared ? [] : (set[option] ?? []);
  }
  if (set.connectionAttempts === 0) throw fatal(environment.log, 'Invalid number of ConnectionAttempts');
  return options as unknown as FinalOptions;
}

/**
 * Replaces `~`, tokens and variables in the options that are expanded before a connection is made; IdentityFile and CertificateFile are
 * left for whoever opens them.
 *
 * @throws ConfigError where something in them is not known; the log has said what.
 */
export function expandOptions(options: FinalOptions, values: TokenValues, environment: ConfigEnvironment): FinalOptions {
  const all = connectionTokens(values, environment);
  const file = (option: ClientOption, name: string): string => expandFileName(name, tokensOf(option, all), environment);
  const maybeFile = (option: ClientOption, name: string | undefined): string | undefined =>
    name === undefined ? undefined : file(option, name);
  const end = (option: ClientOption, where: ForwardEnd): ForwardEnd =>
    'path' in where ? { path: expandConfiguredTokens(where.path, tokensOf(option, all), environment) } : where;
  const forwards = (option: 'localForward' | 'remoteForward'): readonly Forward[] =>
    options[option].map((given) => ({
      ...given,
      listen: end(option, given.listen),
      connect: given.connect === undefined ? undefined : end(option, given.connect),
    }));
  const { remoteCommand, forwardAgent } = options;
  return {
    ...options,
    remoteCommand:
      remoteCommand === undefined ? undefined : expandConfiguredTokens(remoteCommand, tokensOf('remoteCommand', all), environment),
    userKnownHostsFile: options.userKnownHostsFile.map((name) => file('userKnownHostsFile', name)),
    setEnv: options.setEnv.map((setting) => {
      const equals = setting.indexOf('=') + 1;
      return setting.slice(0, equals) + expandConfigured(setting.slice(equals), tokensOf('setEnv', all), environment);
    }),
    controlPath: maybeFile('controlPath', options.controlPath),
    identityAgent: maybeFile('identityAgent', options.identityAgent),
    revokedHostKeys: maybeFile('revokedHostKeys', options.revokedHostKeys),
    forwardAgent: typeof forwardAgent === 'string' ? file('forwardAgent', forwardAgent) : forwardAgent,
    localForward: forwards('localForward'),
    remoteForward: forwards('remoteForward'),
  };
}

function valueOrDefault(option: ClientOption, value: unknown): unknown {
  const row = clientKeywords[option] as Row<unknown>;
  if (value === undefined) return row.default;
  if (row.noneClears === true && typeof value === 'string' && value.toLowerCase() === 'none') return undefined;
  return value;
}

function updatesByDefault(set: ReturnType<Settings['values']>): boolean {
  const files = set.userKnownHostsFile ?? [];
  const isDefault = files.length === 0 || (files.length === 1 && files[0] === '~/.ssh/known_hosts');
  return isDefault && (set.verifyHostKeyDNS ?? 'false') === 'false';
}
