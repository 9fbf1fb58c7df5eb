/** The agent that SSH_AUTH_SOCK names. */
import { AgentClient } from '../../core/agent/client.ts';
import { SshError } from '../../core/util/errors.ts';
import type { Log } from '../../core/util/log.ts';
import type { SocketStream } from '../../node/socket.ts';
import { connectUnix } from '../../node/unix-socket.ts';

/** A connection to the agent. */
export interface AgentConnection {
  readonly client: AgentClient;
  readonly close: () => void;
}

/** The longest piece of an answer that is read at once. */
const bufferLength = 16 * 1024;

/** Connects to the agent. @throws SshError SSH_ERR_AGENT_NOT_PRESENT where none is named; SystemError */
export async function connectAgent(log: Log): Promise<AgentConnection> {
  const socket = process.env['SSH_AUTH_SOCK'];
  if (socket === undefined || socket === '') throw new SshError('SSH_ERR_AGENT_NOT_PRESENT');
  log('DEBUG3', `ssh_get_authentication_socket_path: path '${socket}'`);
  const stream: SocketStream = await connectUnix(socket);
  const client = new AgentClient((bytes) => void stream.write(bytes));
  const buffer = new Uint8Array(bufferLength);
  stream.start({
    space: () => buffer,
    filled: (length) => {
      client.receive(buffer.slice(0, length));
      return true;
    },
    ended: () => client.closed(),
    failed: (error) => client.closed(error),
    drained: () => undefined,
  });
  return { client, close: () => stream.destroy() };
}
