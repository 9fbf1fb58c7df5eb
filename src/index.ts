/**
 * The library's door: the core protocol package that every program of the suite is built on. It opens no file, socket, process or
 * terminal; bytes, time, randomness and questions are its callers' to bring.
 */
export type { Candidate } from './core/auth/candidates.ts';
export { authenticate, type ClientAuthentication, PermissionDenied } from './core/auth/client.ts';
export { type KeyProbe, probingMethod } from './core/auth/client-probe.ts';
export { keyboardInteractiveMethod } from './core/auth/client-kbdint.ts';
export { passwordMethod } from './core/auth/client-password.ts';
export { publickeyMethod } from './core/auth/client-publickey.ts';
export type { ClientMethod, Prompt } from './core/auth/client-session.ts';
export { authenticateUser, type ServerAuthentication } from './core/auth/server.ts';
export { serverKeyboardInteractive } from './core/auth/server-kbdint.ts';
export { serverPassword } from './core/auth/server-password.ts';
export { serverPublickey } from './core/auth/server-publickey.ts';
export { AgentClient, type AgentKey } from './core/agent/client.ts';
export { type HeldKey, Keyring } from './core/agent/keyring.ts';
export { AgentConnection, type AgentSettings } from './core/agent/server.ts';
export { acceptAgentChannels, requestAgentForwarding } from './core/connection/agent-forward.ts';
export { Channel, type ChannelHandler } from './core/connection/channel.ts';
export { Connection, type ConnectionOptions, type IncomingOpen } from './core/connection/connection.ts';
export { acceptForwards, openDirectStreamlocal, openDirectTcpip } from './core/connection/forwarding.ts';
export { ChannelOpenError } from './core/connection/open-error.ts';
export * as session from './core/connection/session-requests.ts';
export * as algorithms from './core/crypto/names.ts';
export { type Random, systemRandom } from './core/crypto/random.ts';
export type { EventSink, TshEvent } from './core/events.ts';
export { fingerprint, randomArt } from './core/keys/fingerprint.ts';
export type { Certificate, PublicKey, Signer } from './core/keys/key.ts';
export { checkHostKey, formatKnownHostsLine, knownHostsEntries } from './core/keys/known-hosts.ts';
export { formatOpensshPrivate, parseOpensshPrivate } from './core/keys/openssh-private.ts';
export { generatePrivateKey, PrivateKey } from './core/keys/private-key.ts';
export { formatPublicKeyLine, parsePublicKey, parsePublicKeyLine } from './core/keys/public-key.ts';
export { SftpClient, SftpError, type SftpOpenFlag, type SftpPath } from './core/sftp/client.ts';
export { openSftp, type SftpSession } from './core/sftp/session.ts';
export type { PacketHandler, PacketLink } from './core/transport/link.ts';
export { NegotiationError, type Proposal } from './core/transport/negotiate.ts';
export { Transport } from './core/transport/transport.ts';
export type { TransportConfig, TransportSurroundings } from './core/transport/transport-config.ts';
export type { Clock, Timer } from './core/util/clock.ts';
export { SshError, type SshErrorCode } from './core/util/errors.ts';
