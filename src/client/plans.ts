import type { ConfigEnvironment } from '../config/environment.ts';
import { connectionTokens, expandConfiguredTokens, expandFileName, proxyTokens } from '../config/tokens.ts';
import { defaultIdentityFiles } from '../config/finalize-client.ts';
import type { ClientConfig } from './config.ts';
import type { IdentityPlan } from './identities.ts';

/** The command that makes the connection, its tokens expanded; undefined where none does. */
export function proxyCommand(config: ClientConfig, environment: ConfigEnvironment): string | undefined {
  const { proxyCommand: command } = config.options;
  if (command === undefined || command.toLowerCase() === 'none') return undefined;
  return expandConfiguredTokens(command, proxyTokens(config.tokens), environment);
}

/** Which keys a configuration lets the client try. */
export function identityPlan(config: ClientConfig, environment: ConfigEnvironment): IdentityPlan {
  const { options, tokens, settings } = config;
  const expanded = connectionTokens(tokens, environment);
  const expand = (name: string): string => expandFileName(name, expanded, environment);
  const explicit = settings.get('identityFile') !== undefined && options.identityFile !== defaultIdentityFiles;
  return {
    files: options.identityFile.filter((name) => name !== 'none').map((name) => ({ path: expand(name), explicit })),
    certificates: options.certificateFile.filter((name) => name !== 'none').map(expand),
    identitiesOnly: options.identitiesOnly,
    agentSocket: agentSocket(config, environment),
    batchMode: options.batchMode,
    mostPrompts: options.numberOfPasswordPrompts,
  };
}

/** IdentityAgent: `none`, a path, SSH_AUTH_SOCK or a variable's value; by default SSH_AUTH_SOCK. */
function agentSocket(config: ClientConfig, environment: ConfigEnvironment): string | undefined {
  const { identityAgent } = config.options;
  if (identityAgent === undefined || identityAgent === 'SSH_AUTH_SOCK') return nonEmpty(environment.variable('SSH_AUTH_SOCK'));
  if (identityAgent === 'none') return undefined;
  return identityAgent.startsWith('$') ? nonEmpty(environment.variable(identityAgent.slice(1))) : identityAgent;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}
