/**
 * Every keyword of ssh_config(5), declared once: the parser, the defaults, `-G`, completion and the manual's check read these rows.
 *
 * The order is that of `-G`. The default is what a value is where nothing sets it; a default that depends on another option stands in
 * finalize-client.ts.
 */
import {
  type AddKeys,
  addKeys,
  algorithms,
  controlPersist,
  escapeChar,
  facility,
  firstUnknown,
  forwardAgent,
  hash,
  identityAgent,
  mask,
  obscureTiming,
  port,
  qos,
  rekeyLimit,
  tunnelUnits,
} from './client-kinds.ts';
import { accumulate, choice, command, flag, int, list, logLevel, string, time, type Kind } from './kind.ts';
import { channelTimeout, domains, forwards, jump, permitOpen, permittedCnames, sendEnv, setEnv } from './list-kinds.ts';
import { cipherNames, kexNames, macNames } from '../core/crypto/names.ts';
import { signatureNames } from './algorithm-lists.ts';

/** One keyword. */
export interface Row<T, D extends T | undefined = T | undefined> {
  /** The keyword as ssh_config(5) writes it. */
  readonly name: string;
  readonly kind: Kind<T>;
  readonly default: D;
  /** Other names of it, in lower case. */
  readonly aliases?: readonly string[];
  /** `none` means the same as not setting it. */
  readonly noneClears?: boolean;
  /** The letters of the `%` tokens that its value may hold (ssh_config(5), TOKENS), beside `%%`. */
  readonly tokens?: string;
  /** How `-G` writes the keyword where that isn't the name in lower case; `false` where it doesn't show it. */
  readonly shownAs?: string | false;
}

/** A keyword that has a value even where nothing sets it. */
function row<T>(name: string, kind: Kind<T>, fallback: T, more?: Partial<Row<T>>): Row<T, T>;
/** A keyword that may stay unset. */
function row<T>(name: string, kind: Kind<T>, fallback?: undefined, more?: Partial<Row<T>>): Row<T, undefined>;
function row<T>(name: string, kind: Kind<T>, fallback?: T, more?: Partial<Row<T>>): Row<T> {
  return { name, kind, default: fallback, ...more };
}

/** The tokens of most keywords that take any. */
const connectionTokens = 'CLdhijklnpru';

const yesNo = { yes: 'true', true: 'true', no: 'false', false: 'false' } as const;
const keyTypes = algorithms(signatureNames, true, (names) => [`Bad key types '${names}'.`]);

/** The rows of ssh_config(5), by the names that the program knows the options by. */
export const clientKeywords = {
  user: row('User', string, undefined, { tokens: 'Ldhijklnpu' }),
  hostname: row('Hostname', string, undefined, { tokens: 'h' }),
  port: row('Port', port, 22),
  addressFamily: row('AddressFamily', choice({ inet: 'inet', inet6: 'inet6', any: 'any' }), 'any'),
  batchMode: row('BatchMode', flag, false),
  canonicalizeFallbackLocal: row('CanonicalizeFallbackLocal', flag, true),
  canonicalizeHostname: row('CanonicalizeHostname', choice({ ...yesNo, always: 'always' }), 'false'),
  checkHostIP: row('CheckHostIP', flag, false),
  compression: row('Compression', flag, false),
  controlMaster: row('ControlMaster', choice({ ...yesNo, auto: 'auto', ask: 'ask', autoask: 'autoask' }), 'false'),
  enableSSHKeysign: row('EnableSSHKeysign', flag, false),
  clearAllForwardings: row('ClearAllForwardings', flag, false),
  exitOnForwardFailure: row('ExitOnForwardFailure', flag, false),
  fingerprintHash: row('FingerprintHash', hash, 'SHA256'),
  forwardX11: row('ForwardX11', flag, false),
  forwardX11Trusted: row('ForwardX11Trusted', flag, false),
  gatewayPorts: row('GatewayPorts', flag, false),
  hashKnownHosts: row('HashKnownHosts', flag, false),
  hostbasedAuthentication: row('HostbasedAuthentication', flag, false),
  identitiesOnly: row('IdentitiesOnly', flag, false),
  kbdInteractiveAuthentication: row('KbdInteractiveAuthentication', flag, true, {
    aliases: ['challengeresponseauthentication', 'skeyauthentication', 'tisauthentication'],
  }),
  noHostAuthenticationForLocalhost: row('NoHostAuthenticationForLocalhost', flag, false),
  passwordAuthentication: row('PasswordAuthentication', flag, true),
  permitLocalCommand: row('PermitLocalCommand', flag, false),
  proxyUseFdpass: row('ProxyUseFdpass', flag, false),
  pubkeyAuthentication: row('PubkeyAuthentication', choice({ ...yesNo, unbound: 'unbound', 'host-bound': 'host-bound' }), 'true', {
    aliases: ['dsaauthentication'],
  }),
  requestTTY: row('RequestTTY', choice({ ...yesNo, force: 'force', auto: 'auto' }), 'auto'),
  sessionType: row('SessionType', choice({ none: 'none', subsystem: 'subsystem', default: 'default' }), 'default'),
  stdinNull: row('StdinNull', flag, false),
  forkAfterAuthentication: row('ForkAfterAuthentication', flag, false),
  streamLocalBindUnlink: row('StreamLocalBindUnlink', flag, false),
  strictHostKeyChecking: row('StrictHostKeyChecking', choice({ ...yesNo, off: 'false', ask: 'ask', 'accept-new': 'accept-new' }), 'ask'),
  tcpKeepAlive: row('TCPKeepAlive', flag, true, { aliases: ['keepalive'] }),
  tunnel: row(
    'Tunnel',
    choice({ ethernet: 'ethernet', 'point-to-point': 'point-to-point', ...yesNo, yes: 'point-to-point', true: 'point-to-point' }),
    'false',
  ),
  verifyHostKeyDNS: row('VerifyHostKeyDNS', choice({ ...yesNo, ask: 'ask' }), 'false'),
  visualHostKey: row('VisualHostKey', flag, false),
  updateHostKeys: row('UpdateHostKeys', choice({ ...yesNo, ask: 'ask' })),
  enableEscapeCommandline: row('EnableEscapeCommandline', flag, false),
  warnWeakCrypto: row('WarnWeakCrypto', choice({ ...yesNo, 'no-pq-kex': 'no-pq-kex' }), 'true'),
  canonicalizeMaxDots: row('CanonicalizeMaxDots', int, 1),
  connectionAttempts: row('ConnectionAttempts', int, 1),
  forwardX11Timeout: row('ForwardX11Timeout', time(), 1200),
  numberOfPasswordPrompts: row('NumberOfPasswordPrompts', int, 3),
  serverAliveCountMax: row('ServerAliveCountMax', int, 3),
  serverAliveInterval: row('ServerAliveInterval', time(), 0),
  requiredRSASize: row('RequiredRSASize', int, 1024),
  obscureKeystrokeTiming: row('ObscureKeystrokeTiming', obscureTiming, 20),
  bindAddress: row('BindAddress', string),
  bindInterface: row('BindInterface', string),
  ciphers: row(
    'Ciphers',
    algorithms(
      () => cipherNames,
      false,
      (names) => [`Bad SSH2 cipher spec '${names}'.`],
    ),
  ),
  controlPath: row('ControlPath', string, undefined, { noneClears: true, tokens: connectionTokens }),
  hostKeyAlgorithms: row('HostKeyAlgorithms', keyTypes),
  hostKeyAlias: row('HostKeyAlias', string),
  hostbasedAcceptedAlgorithms: row('HostbasedAcceptedAlgorithms', keyTypes, undefined, { aliases: ['hostbasedkeytypes'] }),
  identityAgent: row('IdentityAgent', identityAgent, undefined, { tokens: connectionTokens }),
  ignoreUnknown: row('IgnoreUnknown', string),
  kbdInteractiveDevices: row('KbdInteractiveDevices', string),
  kexAlgorithms: row(
    'KexAlgorithms',
    algorithms(
      () => kexNames,
      false,
      (names) => [
        `Unsupported KEX algorithm "${firstUnknown(names.replace(/^[+^]/, ''), kexNames) ?? ''}"`,
        `Bad SSH2 KexAlgorithms '${names}'.`,
      ],
    ),
  ),
  caSignatureAlgorithms: row('CASignatureAlgorithms', keyTypes),
  localCommand: row('LocalCommand', command, undefined, { noneClears: true, tokens: `${connectionTokens}T` }),
  remoteCommand: row('RemoteCommand', command, undefined, { noneClears: true, tokens: connectionTokens }),
  logLevel: row('LogLevel', logLevel, 'INFO'),
  macs: row(
    'MACs',
    algorithms(
      () => macNames,
      false,
      (names) => [`Bad SSH2 MAC spec '${names}'.`],
    ),
  ),
  securityKeyProvider: row('SecurityKeyProvider', string, 'internal', { noneClears: true }),
  preferredAuthentications: row('PreferredAuthentications', string),
  pubkeyAcceptedAlgorithms: row('PubkeyAcceptedAlgorithms', keyTypes, undefined, { aliases: ['pubkeyacceptedkeytypes'] }),
  revokedHostKeys: row('RevokedHostKeys', string, undefined, { noneClears: true, tokens: connectionTokens }),
  xauthLocation: row('XAuthLocation', string, '/usr/bin/xauth'),
  knownHostsCommand: row('KnownHostsCommand', command, undefined, { noneClears: true, tokens: `${connectionTokens}HIKft` }),
  tag: row('Tag', string),
  refuseConnection: row('RefuseConnection', string),
  versionAddendum: row('VersionAddendum', command),
  dynamicForward: row('DynamicForward', forwards('dynamic')),
  localForward: row('LocalForward', forwards('local'), undefined, { tokens: connectionTokens }),
  remoteForward: row('RemoteForward', forwards('remote'), undefined, { tokens: connectionTokens }),
  identityFile: row('IdentityFile', accumulate('identity', 100), undefined, { aliases: ['identityfile2'], tokens: connectionTokens }),
  canonicalDomains: row('CanonicalDomains', domains, []),
  certificateFile: row('CertificateFile', accumulate('certificate', 100), [], { tokens: connectionTokens }),
  globalKnownHostsFile: row('GlobalKnownHostsFile', list(32), ['/etc/ssh/ssh_known_hosts', '/etc/ssh/ssh_known_hosts2']),
  userKnownHostsFile: row('UserKnownHostsFile', list(32), ['~/.ssh/known_hosts', '~/.ssh/known_hosts2'], { tokens: connectionTokens }),
  sendEnv: row('SendEnv', sendEnv, []),
  setEnv: row('SetEnv', setEnv, [], { tokens: connectionTokens }),
  logVerbose: row('LogVerbose', list(64), []),
  channelTimeout: row('ChannelTimeout', channelTimeout, []),
  permitRemoteOpen: row('PermitRemoteOpen', permitOpen, 'any'),
  addKeysToAgent: row<AddKeys>('AddKeysToAgent', addKeys, { when: 'no', seconds: 0 }),
  forwardAgent: row('ForwardAgent', forwardAgent, false, { tokens: connectionTokens }),
  connectTimeout: row('ConnectTimeout', time()),
  tunnelDevice: row('TunnelDevice', tunnelUnits, { local: 'any', remote: 'any' }),
  // -G of OpenSSH writes this one in mixed case.
  canonicalizePermittedCNAMEs: row('CanonicalizePermittedCNAMEs', permittedCnames, [], { shownAs: 'canonicalizePermittedcnames' }),
  controlPersist: row('ControlPersist', controlPersist, 'no'),
  escapeChar: row('EscapeChar', escapeChar, 0x7e),
  ipQos: row('IPQoS', qos, { interactive: 0x2e, bulk: 0x08 }),
  rekeyLimit: row('RekeyLimit', rekeyLimit, { bytes: 0, seconds: 0 }),
  streamLocalBindMask: row('StreamLocalBindMask', mask, 0o177),
  syslogFacility: row('SyslogFacility', facility, 'USER'),
  proxyCommand: row('ProxyCommand', command, undefined, { noneClears: true, tokens: 'hknpr' }),
  proxyJump: row('ProxyJump', jump, undefined, { tokens: 'hknpr' }),
} as const;

type Table = typeof clientKeywords;

/** The name that the program knows an option by. */
export type ClientOption = keyof Table;

/** The type of an option's value. */
export type ValueOf<K extends ClientOption> = Table[K] extends Row<infer T, infer _D> ? T : never;

/** What the files and the command line set: an option that is missing was not set. */
export type ClientSettings = { readonly [K in ClientOption]?: ValueOf<K> };

/** All options with their defaults: what has no default and was not set is undefined. */
export type ClientOptions = {
  readonly [K in ClientOption]: Table[K] extends Row<infer T, infer D> ? (undefined extends D ? T | undefined : T) : never;
};

/** The names of all options, in the order of `-G`. */
export const clientOptions = Object.keys(clientKeywords) as ClientOption[];
