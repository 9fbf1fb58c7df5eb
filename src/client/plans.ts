import type { FingerprintHash } from '../core/keys/fingerprint.ts';
import type { Jump } from '../config/destination.ts';
import type { ConfigEnvironment } from '../config/environment.ts';
import { connectionTokens, expandConfiguredTokens, expandFileName, tokensOf } from '../config/tokens.ts';
import { defaultIdentityFiles } from '../config/finalize-client.ts';
import type { ClientConfig } from './config.ts';
import type { IdentityPlan } from './identities.ts';
import { securityKeyProvider } from './security-keys.ts';

/** How this program is started again, to carry a connection through another host. */
export interface OwnProgram {
  /** The program and its first arguments: the runtime and the script, where it is one. */
  readonly command: readonly string[];
  /** -F, where it was given. */
  readonly configFile: string | undefined;
  /** How often -v was. */
  readonly verbosity: number;
}

/** The command that makes the connection, its tokens expanded; undefined where none does. */
export function proxyCommand(config: ClientConfig, environment: ConfigEnvironment, program: OwnProgram): string | undefined {
  const { proxyJump } = config.options;
  const jump = proxyJump === undefined || proxyJump === 'none' ? undefined : jumpCommand(proxyJump, program);
  if (jump !== undefined) environment.log('DEBUG', `Setting implicit ProxyCommand from ProxyJump: ${jump}`);
  const command = jump ?? config.options.proxyCommand;
  if (command === undefined || command.toLowerCase() === 'none') return undefined;
  return expandConfiguredTokens(command, tokensOf('proxyCommand', connectionTokens(config.tokens, environment)), environment);
}

/** The command of ProxyJump: this program with -W, by way of the last hop. Names of hosts and users were checked when they were read. */
function jumpCommand(jump: Jump, { command, configFile, verbosity }: OwnProgram): string {
  const words = [
    ...command.map(quoted),
    ...(jump.user === undefined ? [] : ['-l', quoted(jump.user)]),
    ...(jump.port === undefined ? [] : ['-p', String(jump.port)]),
    ...(jump.before === undefined ? [] : ['-J', quoted(jump.before)]),
    ...(configFile === undefined ? [] : ['-F', quoted(configFile)]),
    ...(verbosity === 0 ? [] : [`-${'v'.repeat(verbosity)}`]),
    '-W',
    "'[%h]:%p'",
    quoted(jump.host),
  ];
  return words.join(' ');
}

/** A word for the shell, in which % stands for itself too. */
function quoted(word: string): string {
  const doubled = word.replaceAll('%', '%%');
  return /^[A-Za-z0-9@%+=:,./_[\]-]+$/.test(word) ? doubled : `'${doubled.replaceAll("'", "'\\''")}'`;
}

/** Which keys a configuration lets the client try. */
export function identityPlan(config: ClientConfig, environment: ConfigEnvironment): IdentityPlan {
  const { options, tokens, settings } = config;
  const all = connectionTokens(tokens, environment);
  const expand = (option: 'identityFile' | 'certificateFile', name: string): string =>
    expandFileName(name, tokensOf(option, all), environment);
  const explicit = settings.get('identityFile') !== undefined && options.identityFile !== defaultIdentityFiles;
  return {
    files: options.identityFile.filter((name) => name !== 'none').map((name) => ({ path: expand('identityFile', name), explicit })),
    certificates: options.certificateFile.filter((name) => name !== 'none').map((name) => expand('certificateFile', name)),
    identitiesOnly: options.identitiesOnly,
    agentSocket: agentSocket(config, environment),
    batchMode: options.batchMode,
    fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
    mostPrompts: options.numberOfPasswordPrompts,
    requiredRsaBits: options.requiredRSASize,
    addToAgent: options.addKeysToAgent,
    securityKeys: {
      ...securityKeyProvider(options.securityKeyProvider, (name) => environment.variable(name)),
      batchMode: options.batchMode,
      fingerprintHash: options.fingerprintHash.toLowerCase() as FingerprintHash,
      level: options.logLevel,
    },
  };
}

/** IdentityAgent: `none`, a path, SSH_AUTH_SOCK or a variable's value; by default SSH_AUTH_SOCK. */
export function agentSocket(config: ClientConfig, environment: ConfigEnvironment): string | undefined {
  const { identityAgent } = config.options;
  if (identityAgent === undefined || identityAgent === 'SSH_AUTH_SOCK') return nonEmpty(environment.variable('SSH_AUTH_SOCK'));
  if (identityAgent === 'none') return undefined;
  return identityAgent.startsWith('$') ? nonEmpty(environment.variable(identityAgent.slice(1))) : identityAgent;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
