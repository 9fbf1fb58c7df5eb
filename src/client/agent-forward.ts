/** Forwarding the agent: which one, and what carries a server's channel to it. */
import { AgentClient, type SessionBinding } from '../core/agent/client.ts';
import { acceptAgentChannels } from '../core/connection/agent-forward.ts';
import type { IncomingOpen } from '../core/connection/connection.ts';
import { prohibited } from '../core/connection/open-error.ts';
import { SshError } from '../core/util/errors.ts';
import type { Log } from '../core/util/log.ts';
import type { ConfigEnvironment } from '../config/environment.ts';
import { joinStream } from '../node/channel-stream.ts';
import { errnoOf } from '../node/errno.ts';
import { whyInaccessible } from '../node/files.ts';
import type { ByteReceiver } from '../node/inlet.ts';
import type { ByteStream } from '../node/socket.ts';
import { connectUnix } from '../node/unix-socket.ts';
import type { ClientConfig } from './config.ts';
import { agentSocket } from './plans.ts';

/** Which agent is forwarded: none, one by its socket, or one that is not there, which is an error where forwardings must not fail. */
export type ForwardedAgent = { readonly socket: string } | { readonly failed: true } | undefined;

/**
 * The agent that ForwardAgent names: a path, the value of a variable, or the one that the client itself uses. What can't be forwarded is
 * told in OpenSSH's words.
 */
export function forwardedAgent(config: ClientConfig, environment: ConfigEnvironment, log: Log): ForwardedAgent {
  const { forwardAgent } = config.options;
  if (forwardAgent === false) return undefined;
  if (forwardAgent === true) return named(agentSocket(config, environment));
  if (forwardAgent.startsWith('$')) return named(environment.variable(forwardAgent.slice(1)));
  const problem = whyInaccessible(forwardAgent);
  if (problem === undefined) return { socket: forwardAgent };
  log('ERROR', `Cannot forward agent socket path "${forwardAgent}": ${problem}`);
  return { failed: true };
}

function named(socket: string | undefined): ForwardedAgent {
  return socket === undefined || socket === '' ? undefined : { socket };
}

/** Whether somebody listens there: a server is not told of an agent that isn't there. */
export async function agentAnswers(socket: string, log: Log): Promise<boolean> {
  try {
    (await connectUnix(socket)).destroy();
    return true;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT')
      log('DEBUG', `ssh_get_authentication_socket: ${error instanceof Error ? error.message : String(error)}`);
    return false;
  }
}

/** What carrying channels to an agent needs. */
export interface AgentChannels {
  /** The socket of the agent; undefined where forwarding was not asked for. */
  readonly socket: () => string | undefined;
  /** What binds the agent's connection to this session; undefined where there is nothing to bind to. */
  readonly binding: () => Omit<SessionBinding, 'isForwarding'> | undefined;
  readonly log: Log;
}

/** The rows of ConnectionOptions.accept by which a server's programs reach the agent; refused, and told, where nobody asked for it. */
export function acceptAgent(around: AgentChannels): Readonly<Record<string, (open: IncomingOpen) => void>> {
  return acceptAgentChannels((open) => {
    const socket = around.socket();
    if (socket === undefined) {
      around.log('ERROR', 'Warning: ssh server tried agent forwarding.');
      around.log('ERROR', 'Warning: this is probably a break-in attempt by a malicious server.');
      open.refuse(prohibited);
      return;
    }
    void carry(open, socket, around);
  });
}

async function carry(open: IncomingOpen, socket: string, around: AgentChannels): Promise<void> {
  let stream: ByteStream | undefined;
  try {
    stream = await connectUnix(socket);
    open.accept(joinStream(await boundStream(stream, around)));
  } catch (error) {
    around.log('DEBUG', `client_request_agent: ssh_get_authentication_socket: ${error instanceof Error ? error.message : String(error)}`);
    stream?.destroy();
    open.refuse(prohibited);
  }
}

/** How much is read at once: no more than a channel's feed has space for. */
const LONGEST_READ = 16 * 1024;

/**
 * Tells the agent that what comes on this stream is forwarded from the session (PROTOCOL.agent section 1), so that it can keep keys to
 * their destinations. Gives the stream as its next owner is to use it. An agent that does not know the message is used all the same.
 *
 * @throws SshError SSH_ERR_AGENT_COMMUNICATION where the agent hangs up.
 */
async function boundStream(stream: ByteStream, { binding, log }: AgentChannels): Promise<ByteStream> {
  const session = binding();
  if (session === undefined) return stream;
  const agent = new AgentClient((bytes) => void stream.write(bytes));
  const buffer = new Uint8Array(LONGEST_READ);
  let receiver: Pick<ByteReceiver, 'ended' | 'failed' | 'drained'> & { taken(bytes: Uint8Array): boolean } = {
    taken: (bytes) => {
      agent.receive(bytes);
      // an agent says nothing that it wasn't asked for: what comes after its answer is for the next owner
      return true;
    },
    ended: () => agent.closed(),
    failed: (error) => agent.closed(error),
    drained: () => undefined,
  };
  stream.start({
    space: () => buffer,
    filled: (length) => receiver.taken(buffer.subarray(0, length)),
    ended: () => receiver.ended(),
    failed: (error) => receiver.failed(error),
    drained: () => receiver.drained(),
  });
  const answer = agent.bindSession({ ...session, isForwarding: true });
  try {
    await answer;
    log('DEBUG', 'client_request_agent: bound agent to hostkey');
  } catch (error) {
    if (!(error instanceof SshError) || error.code !== 'SSH_ERR_AGENT_FAILURE') throw error;
    log('DEBUG2', `client_request_agent: ssh_agent_bind_hostkey: ${error.message}`);
  }
  return {
    start: (next) => {
      receiver = {
        // the stream may have asked for space before it had this owner
        taken: (bytes) => {
          next.space().set(bytes);
          return next.filled(bytes.length);
        },
        ended: () => next.ended(),
        failed: (error) => next.failed(error),
        drained: () => next.drained(),
      };
    },
    resume: () => stream.resume(),
    write: (bytes) => stream.write(bytes),
    get pending() {
      return stream.pending;
    },
    end: () => stream.end(),
    destroy: () => stream.destroy(),
    destroySoon: (gone) => stream.destroySoon(gone),
  };
}
