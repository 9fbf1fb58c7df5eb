/** The client's configuration: command line, the user's file, the system's, in both passes. */
import { chooseSession, type SessionChoice } from './session-choice.ts';
import { digest } from '../core/crypto/digest.ts';
import { canonicalAddress } from '../core/util/addr.ts';
import { hex, utf8Bytes } from '../core/util/bytes.ts';
import { openSshVersion } from '../core/util/openssh.ts';
import { lowerCase } from '../core/util/pattern.ts';
import type { Log } from '../core/util/log.ts';
import { isValidUser } from '../config/destination.ts';
import { fatal, type ConfigEnvironment } from '../config/environment.ts';
import { expandOptions, finalizeClient, type FinalOptions } from '../config/finalize-client.ts';
import type { MatchSubject } from '../config/match.ts';
import { parseFile, type ParseTarget } from '../config/parse.ts';
import type { Settings } from '../config/settings.ts';
import {
  connectionHashInput,
  connectionTokens,
  expandConfigured,
  expandConfiguredTokens,
  tokensOf,
  type TokenValues,
} from '../config/tokens.ts';

/** What a canonicalization finds out: the name to go on with. */
export interface Canonical {
  readonly host: string;
}

/** What there is to load. */
export interface ConfigRequest {
  /** What the command line set; the files add to it. */
  readonly settings: Settings;
  /** The host as the command line names it. */
  readonly host: string;
  /** The command line's command or subsystem. */
  readonly command: string | undefined;
  /** -W: nothing else is forwarded then, and failing to is the end. */
  readonly hasStdioForward?: boolean;
  /** -F: a file to read in the place of both, or `none`. */
  readonly configFile: string | undefined;
  readonly environment: ConfigEnvironment;
  /** -O. */
  readonly muxCommand?: string | undefined;
  readonly stdinIsTerminal: boolean;
  /** Told the options as soon as they are settled, before anything is said about them: the log's level is among them. */
  readonly settled?: (options: FinalOptions) => void;
  /** CanonicalizeHostname: looks the host up and gives its canonical name; without it names stay as they are. */
  readonly canonicalize?: (host: string, options: FinalOptions) => Promise<Canonical>;
}

/** The configuration of one connection. */
export interface ClientConfig {
  readonly options: FinalOptions;
  /** The host to connect to. */
  readonly host: string;
  /** The host as the command line names it. */
  readonly originalHost: string;
  readonly user: string;
  readonly port: number;
  /** What the session is to be. */
  readonly session: SessionChoice;
  /** What tokens stand for, for whoever expands more of them. */
  readonly tokens: TokenValues;
  /** Where each value comes from. */
  readonly settings: Settings;
}

/**
 * Reads the configuration for a host.
 *
 * @throws ConfigError where it can't be used; the log has said why.
 */
export async function loadClientConfig(request: ConfigRequest): Promise<ClientConfig> {
  const { settings, environment } = request;
  const { log } = environment;
  let wantsFinalPass = readFiles(request, request.host, false);
  let host = request.host;
  const hostname = settings.get('hostname');
  if (hostname !== undefined) host = expandConfiguredTokens(hostname, { h: host }, environment);
  const address = canonicalAddress(host);
  if (address === undefined) host = lowerCase(host);
  else if (lowerCase(address) !== lowerCase(host)) host = address;
  const canonicalization = settings.get('canonicalizeHostname') ?? 'false';
  if (address === undefined && canonicalization !== 'false' && request.canonicalize !== undefined) {
    host = (
      await request.canonicalize(host, finalizeClient(settings, { host, hasStdioForward: request.hasStdioForward === true }, environment))
    ).host;
  }
  if (canonicalization !== 'false' && !wantsFinalPass) {
    log('DEBUG', 'hostname canonicalisation enabled, will re-parse configuration');
    wantsFinalPass = true;
  }
  if (wantsFinalPass) {
    log('DEBUG', 're-parsing configuration');
    if (hostname !== undefined || host !== request.host)
      settings.replace('hostname', host, settings.origins('hostname')[0] ?? { file: 'command-line', line: 0, block: undefined });
    readFiles(request, host, true);
  }
  const settled = finalizeClient(settings, { host, hasStdioForward: request.hasStdioForward === true }, environment);
  request.settled?.(settled);
  refuseLoop(settled, host, log);
  if (settled.proxyCommand === '-' && settled.proxyUseFdpass) throw fatal(log, 'ProxyCommand=- and ProxyUseFDPass are incompatible');
  const { command, muxCommand, stdinIsTerminal } = request;
  const session = chooseSession(settled, { command, muxCommand, stdinIsTerminal, log });
  const named = { ...settled, user: expandUser(request, settled, host) };
  const tokens = tokenValues(request, named, host);
  const options = expandOptions(named, tokens, environment);
  return {
    options,
    host,
    originalHost: request.host,
    user: options.user,
    port: options.port,
    session: session.command === settled.remoteCommand ? { ...session, command: options.remoteCommand } : session,
    tokens,
    settings,
  };
}

/** The remote user with its tokens and variables replaced; what comes out of them must be as harmless as what a command line may say. */
function expandUser(request: ConfigRequest, options: FinalOptions, host: string): string {
  const { settings, environment } = request;
  if (settings.origins('user')[0]?.literal === true || !/[%$]/.test(options.user)) return options.user;
  // A user's name can't be a part of itself, nor of the hash that it goes into.
  const tokens = tokensOf('user', connectionTokens(tokenValues(request, options, host), environment));
  const user = expandConfigured(options.user, tokens, environment);
  if (user !== options.user && !isValidUser(user)) throw fatal(environment.log, 'remote username contains invalid characters');
  return user;
}

/** A jump through the host itself would never end. */
function refuseLoop(options: FinalOptions, host: string, log: Log): void {
  const { proxyJump: jump } = options;
  if (jump === undefined || jump === 'none' || lowerCase(jump.host) !== lowerCase(host)) return;
  if ((jump.port ?? 22) !== options.port || (jump.user ?? options.user) !== options.user) return;
  throw fatal(log, `jumphost loop via ${jump.host}`);
}

/** Reads the files of one pass; says whether a second one is asked for. */
function readFiles(request: ConfigRequest, host: string, finalPass: boolean): boolean {
  const { settings, environment, configFile } = request;
  const target: ParseTarget = { settings, environment, host, subject: () => subject(request, host, finalPass) };
  if (configFile !== undefined) {
    if (lowerCase(configFile) === 'none') return false;
    const outcome = parseFile(configFile, { ofUser: true, strict: false }, target);
    if (outcome.problem !== undefined) {
      throw fatal(environment.log, `Can't open user config file ${configFile.slice(0, 100)}: ${outcome.problem.slice(0, 100)}`);
    }
    return outcome.wantsFinalPass;
  }
  const user = parseFile(`${environment.user.home}/.ssh/config`, { ofUser: true, strict: true }, target);
  const system = parseFile('/etc/ssh/ssh_config', { ofUser: false, strict: false }, target);
  return user.wantsFinalPass || system.wantsFinalPass;
}

/** What Match blocks are judged by at this point of the files. */
function subject(request: ConfigRequest, passHost: string, finalPass: boolean): MatchSubject {
  const { settings, environment } = request;
  const hostname = settings.get('hostname');
  const host = hostname === undefined ? passHost : finalPass ? hostname : expandConfiguredTokens(hostname, { h: passHost }, environment);
  const command = request.command ?? settings.get('remoteCommand');
  const sessionType = settings.get('sessionType') ?? 'default';
  return {
    originalHost: request.host,
    host,
    user: settings.get('user') ?? environment.user.name,
    tag: settings.get('tag'),
    command,
    sessionType: sessionType === 'default' ? (command === undefined || command === '' ? 'shell' : 'exec') : sessionType,
    version: openSshVersion,
    finalPass,
    tokens: () => {
      const jump = settings.get('proxyJump');
      const part = {
        host,
        user: settings.get('user') ?? environment.user.name,
        port: settings.get('port') ?? 22,
        jump: jump === undefined || jump === 'none' ? '' : jump.host,
      };
      const values: TokenValues = {
        ...part,
        originalHost: request.host,
        keyAlias: settings.get('hostKeyAlias') ?? request.host,
        get connectionHash() {
          return sha1(connectionHashInput(part, environment));
        },
      };
      return connectionTokens(values, environment);
    },
  };
}

function tokenValues(request: ConfigRequest, options: FinalOptions, host: string): TokenValues {
  const { environment } = request;
  const jump = options.proxyJump;
  const part = { host, user: options.user, port: options.port, jump: jump === undefined || jump === 'none' ? '' : jump.host };
  return {
    ...part,
    originalHost: request.host,
    keyAlias: options.hostKeyAlias ?? request.host,
    get connectionHash() {
      return sha1(connectionHashInput(part, environment));
    },
  };
}

function sha1(text: string): string {
  return hex(digest('sha1', utf8Bytes(text)));
}
