/** Causes after the login: the channel, the session, the command. */
import type { Cause } from './cause.ts';

/** Causes that come after the login. */
export const sessionCauses: readonly Cause[] = [
  {
    code: 'forward.not-listening',
    holds: ({ story, asked }) =>
      story.stopped === undefined && story.listenFailed !== undefined && asked.options.exitOnForwardFailure && story.exit === undefined,
    sentence: ({ story }) => `The forwarding could not listen on ${story.listenFailed ?? ''}, and ExitOnForwardFailure makes that the end.`,
    wayOut: () => [
      'Another program has that port, perhaps an earlier tsh: ss -ltnp shows which. End it, or take another port.',
      "Ports below 1024 are root's.",
    ],
  },
  {
    code: 'forward.no-agent',
    // the run ends before it begins
    holds: ({ story, asked }) =>
      story.stopped === undefined && story.addresses === undefined && story.connected === undefined && asked.options.exitOnForwardFailure,
    sentence: () => 'The agent that is to be forwarded is not there, and ExitOnForwardFailure makes that the end.',
    wayOut: ({ asked }) => [
      typeof asked.options.forwardAgent === 'string'
        ? `ForwardAgent names the agent's socket (${asked.options.forwardAgent}): is that path right, and does the agent run?`
        : 'Start an agent and put your key into it: eval $(ssh-agent); ssh-add',
      'If nothing there needs your keys, do without: tsh -a ...',
    ],
  },
  {
    code: 'channel.refused',
    holds: ({ story }) => story.channelRefused !== undefined,
    sentence: ({ story }) =>
      `You are logged in, but the server refused ${channels[story.channelRefused?.kind ?? ''] ?? 'the channel'}: ${story.channelRefused?.description ?? ''}.`,
    evidence: ({ story }) => [
      {
        title: 'The answer',
        lines: [
          `${story.channelRefused?.kind ?? ''}: ${story.channelRefused?.description ?? ''} (reason ${story.channelRefused?.reason ?? ''})`,
        ],
      },
    ],
    wayOut: ({ story }) =>
      story.channelRefused?.kind === 'session'
        ? ['The key or the account may be meant for forwarding only (use -N), or too many sessions are open (MaxSessions).']
        : [
            'If the answer says "prohibited": the server does not forward for you (AllowTcpForwarding, PermitOpen, or restrict in authorized_keys).',
            'If it says "Connection refused" or the like: the server was willing, but can not reach that host and port. The name is looked up there, not here.',
          ],
  },
  {
    code: 'channel.request-refused',
    holds: ({ story }) => story.exit === undefined && story.requestsRefused.some((request) => request !== 'pty-req' && request in requests),
    sentence: ({ story }) =>
      `You are logged in, but the server refused ${requests[story.requestsRefused.find((request) => request in requests && request !== 'pty-req') ?? ''] ?? 'the request'}.`,
    wayOut: ({ story }) =>
      story.requestsRefused.includes('subsystem')
        ? ['The server has no such subsystem. For sftp, its sshd_config must have a Subsystem sftp line.']
        : ['The account may have no shell, or the server allows forwarding or file transfer only: try -N, or sftp.'],
  },
  {
    code: 'session.timeout',
    holds: ({ story }) => story.authenticated !== undefined && (story.timedOut || story.disconnected?.description === 'timeout'),
    sentence: ({ story, asked }) =>
      story.phase === 'channel'
        ? 'The server let us in and then did not answer any more.'
        : `The server did not answer ${asked.options.serverAliveCountMax} times in a row, ${asked.options.serverAliveInterval} seconds apart (ServerAliveInterval): the way to it is gone.`,
    wayOut: ({ asked }) => [
      'Is this machine still in the network? Laptops that slept and VPNs that were cut look like this.',
      'If the network has short breaks, be more patient: raise ServerAliveCountMax.',
      'What ran there may still run; tmux or screen on the server keeps a session over such breaks: ' +
        `tsh -t ${asked.originalHost} tmux new -A`,
    ],
  },
  {
    code: 'session.lost',
    holds: ({ story }) => story.authenticated !== undefined && story.stopped?.system !== undefined,
    sentence: () => 'The connection broke while the session ran.',
    wayOut: ({ asked }) => [
      `Routers forget connections that are quiet for some minutes. Have tsh say something now and then:\nHost ${asked.originalHost}\n    ServerAliveInterval 60`,
      'If the server was started anew or its network changed, just connect again.',
      `tmux or screen on the server keeps a session over such breaks: tsh -t ${asked.originalHost} tmux new -A`,
    ],
  },
  {
    code: 'session.closed',
    holds: ({ story }) => story.authenticated !== undefined && story.stopped !== undefined && story.hungUp,
    sentence: ({ story }) =>
      story.goodbye === undefined || story.goodbye === ''
        ? 'The server ended the connection while the session ran.'
        : `The server ended the connection while the session ran and said: ${story.goodbye}`,
    wayOut: () => [
      'A server that shuts down or is started anew does this; so do its limits on idle time (ClientAliveInterval, ChannelTimeout, TMOUT of the shell).',
      "The server's log has the reason: journalctl -u ssh (or sshd)",
    ],
  },
  {
    code: 'command.signal',
    holds: ({ story }) => story.stopped === undefined && story.exit?.signal !== undefined,
    sentence: ({ story }) =>
      `Nothing is wrong with the connection: a signal (${story.exit?.signal ?? ''}) ended the command on the server.`,
    wayOut: () => ['KILL often means that the server ran out of memory (dmesg there tells); SEGV and ABRT that the program has a fault.'],
  },
  {
    code: 'command.status-255',
    holds: ({ story }) => story.stopped === undefined && story.exit?.status !== undefined,
    sentence: ({ story }) =>
      `Nothing is wrong with the connection: the command itself ended with status ${story.exit?.status ?? ''}, which tsh passes on.`,
    wayOut: () => ['If the command calls ssh itself, that one failed. Run it there by hand and read what it says.'],
  },
  {
    code: 'session.no-status',
    holds: ({ story }) => story.authenticated !== undefined && story.stopped === undefined,
    sentence: () => 'The session was closed, but the server did not say how the command ended.',
    wayOut: () => ['The command was perhaps killed together with its session. Run it again; on the server, its log may tell more.'],
  },
];

/** What the types of channels are for. */
const channels: Readonly<Record<string, string>> = {
  session: 'to open a session',
  'direct-tcpip': 'to connect to the host and port that were named',
};

/** What requests are for. */
const requests: Readonly<Record<string, string>> = {
  shell: 'to start a shell',
  exec: 'to run the command',
  subsystem: 'to start the subsystem',
};
