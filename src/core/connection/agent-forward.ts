import type { Channel } from './channel.ts';
import type { IncomingOpen } from './connection.ts';

/** The channel types by which a server reaches the client's agent: OpenSSH's, and the one of RFC 9987 section 5.2. */
const agentChannelTypes = ['auth-agent@openssh.com', 'agent-connect'];

/**
 * Asks the server to let the session's programs use this side's agent; nobody waits for an answer. The name is that of RFC 9987 where the
 * server announces that it knows it (section 5.1), else OpenSSH's.
 */
export function requestAgentForwarding(channel: Channel, announced: Uint8Array | undefined): void {
  channel.send(announced === undefined ? 'auth-agent-req@openssh.com' : 'agent-req', {});
}

/** The rows of ConnectionOptions.accept for the channels on which a server asks for the agent. */
export function acceptAgentChannels(opened: (open: IncomingOpen) => void): Readonly<Record<string, (open: IncomingOpen) => void>> {
  return Object.fromEntries(agentChannelTypes.map((type) => [type, opened]));
}
