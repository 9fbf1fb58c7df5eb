/** Causes on the way to the server: name, TCP, what answers there. */
import type { Jump } from '../../config/destination.ts';
import type { Evidence } from '../../core/events.ts';
import { again, type Asked, type Cause, hostBlock, type Scene } from './cause.ts';

/** Causes that lie before the key exchange. */
export const connectCauses: readonly Cause[] = [
  {
    code: 'name.no-answer',
    holds: ({ story }) => story.phase === 'name' && story.stopped?.system === 'EAI_AGAIN',
    sentence: ({ asked }) => `No name server answered when the address of ${asked.host} was asked for.`,
    evidence: names,
    wayOut: ({ asked }) => [
      'Is this machine online? Try the name of a host that surely exists: getent hosts example.com',
      `If only this name fails, its name server is down; with the address in numbers no name server is needed: ${byAddress(asked)}`,
    ],
  },
  {
    code: 'name.family',
    holds: ({ story, asked }) =>
      story.phase === 'name' &&
      asked.options.addressFamily !== 'any' &&
      /Address family|No address associated/.test(story.stopped?.message ?? ''),
    sentence: ({ asked }) => {
      const wanted = asked.options.addressFamily === 'inet6' ? 'IPv6' : 'IPv4';
      return `${asked.host} has no ${wanted} address, and no other may be used (AddressFamily ${asked.options.addressFamily}).`;
    },
    evidence: names,
    wayOut: ({ asked }) => {
      const flag = asked.options.addressFamily === 'inet6' ? '-6' : '-4';
      return [
        `Leave out ${flag}, or ask for any address: ${again(asked, '-o', 'AddressFamily=any')}`,
        `If you did not give ${flag}, a configuration file did: tsh -G --why ${asked.originalHost} shows the line that sets addressfamily.`,
      ];
    },
  },
  {
    code: 'name.unknown',
    holds: ({ story, asked }) => story.phase === 'name' && asked.options.proxyCommand === undefined && story.stopped !== undefined,
    sentence: ({ asked }) => `The name ${asked.host} has no address: it is misspelt, or only known elsewhere (a VPN, another network).`,
    evidence: names,
    wayOut: ({ asked }) => [
      `Look the name up: getent hosts ${asked.host}`,
      `If ${asked.originalHost} is a short name of your own, give it an address in ~/.ssh/config:\n${hostBlock(asked, 'Hostname the.real.name.or.address')}`,
      'If the name is known in another network only, join that (VPN) or go through a host there: tsh -J gateway ...',
    ],
  },
  {
    code: 'proxy.no-socket',
    holds: ({ story }) => story.stopped?.message === 'proxy dialer did not pass back a connection',
    sentence: ({ asked }) => `The ProxyCommand ended without handing over a connection: ${asked.options.proxyCommand ?? ''}`,
    wayOut: () => [
      'With ProxyUseFdpass the command must connect, pass the socket back and end: nc does that with -F, other commands do not.',
      'If the command carries the data itself, take ProxyUseFdpass out: tsh -o ProxyUseFdpass=no ...',
    ],
  },
  {
    code: 'tcp.timeout',
    holds: ({ story }) => story.phase === 'tcp' && story.timedOut,
    sentence: ({ asked }) =>
      `Nothing came back from ${asked.host} port ${asked.port}: a firewall drops the packets, or the machine is off.`,
    evidence: addresses,
    wayOut: ({ asked }) => [
      'Does the machine run, and is the address right? In a cloud: does its security group let port ' + `${asked.port} in from here?`,
      'Are you in the right network? A VPN that is down looks just like this.',
      `If the server listens on another port, name it: ${again({ ...asked, port: 22 }, '-p', 'PORT')}`,
    ],
  },
  {
    code: 'tcp.refused',
    holds: ({ story }) => story.phase === 'tcp' && story.stopped?.system === 'ECONNREFUSED',
    sentence: ({ asked }) => `The machine ${asked.host} answers, but no program listens on its port ${asked.port}.`,
    evidence: addresses,
    wayOut: ({ asked }) => [
      'Is the SSH server started there? On its console: systemctl status ssh (or sshd)',
      `Does it listen on another port? ${again({ ...asked, port: 22 }, '-p', 'PORT')}`,
      'Right after a machine has started, wait a moment and try again.',
    ],
  },
  {
    code: 'tcp.unreachable',
    holds: ({ story }) => story.phase === 'tcp' && ['EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'].includes(story.stopped?.system ?? ''),
    sentence: ({ asked }) => `There is no way from here to ${asked.host}.`,
    evidence: addresses,
    wayOut: () => [
      'Is this machine in the network that it takes (cable, wireless, VPN)?',
      'If the address is IPv6 and you have none, use IPv4: tsh -4 ...',
    ],
  },
  {
    code: 'tcp.own-address',
    holds: ({ story, asked }) =>
      story.phase === 'tcp' && ownAddress(asked) !== undefined && /: failure$/.test(story.stopped?.message ?? ''),
    sentence: ({ asked }) => `This machine has no address ${ownAddress(asked) ?? ''} that a connection to ${asked.host} could come from.`,
    wayOut: ({ asked }) => [
      'See which addresses it has, and on which devices: ip address',
      `-b, -B, BindAddress and BindInterface are for machines with several addresses. Try without: ${again(asked)}`,
      `If you gave none of them, a configuration file did: tsh -G --why ${asked.originalHost} shows the line.`,
    ],
  },
  {
    code: 'tcp.failed',
    holds: ({ story }) => story.phase === 'tcp' && story.stopped !== undefined,
    sentence: ({ asked, story }) =>
      `No connection to ${asked.host} port ${asked.port} could be opened: ${story.connectFailures.at(-1)?.reason ?? story.stopped?.message ?? ''}.`,
    evidence: addresses,
    wayOut: () => [
      'Does a firewall of this machine forbid it (nft list ruleset, iptables -L)? Is there a proxy that must be used instead?',
    ],
  },
  {
    code: 'banner.not-ssh',
    holds: ({ story }) => story.phase === 'banner' && kindOf(story.beforeIdent) !== undefined,
    sentence: ({ asked, story }) =>
      `Port ${asked.port} of ${asked.host} is no SSH server: ${kindOf(story.beforeIdent) ?? ''} answers there.`,
    evidence: shown,
    wayOut: ({ asked }) => [
      `Name the port that the SSH server listens on: ${again({ ...asked, port: 22 }, '-p', 'PORT')}`,
      'If a proxy stands in between, it may want a command in front: see ProxyCommand in tsh_config(5).',
    ],
  },
  {
    code: 'banner.version',
    holds: ({ story }) => story.phase === 'banner' && story.stopped?.code === 'SSH_ERR_NO_PROTOCOL_VERSION',
    sentence: () => 'The server speaks another version of the SSH protocol than 2, the only one that is safe.',
    evidence: shown,
    wayOut: () => ['Have the server updated. Version 1 is broken and is not spoken by any recent program.'],
  },
  {
    code: 'banner.invalid',
    holds: ({ story }) => story.phase === 'banner' && story.stopped?.code === 'SSH_ERR_INVALID_FORMAT',
    sentence: ({ asked }) => `What answers on port ${asked.port} of ${asked.host} does not introduce itself as an SSH server does.`,
    evidence: shown,
    wayOut: ({ asked }) => [
      `Is ${asked.port} the right port? ${again({ ...asked, port: 22 }, '-p', 'PORT')}`,
      'If a proxy or a balancer stands in between, look at what it sends by itself.',
    ],
  },
  {
    code: 'banner.timeout',
    holds: ({ story }) => story.phase === 'banner' && story.timedOut,
    sentence: ({ asked }) => `Something accepted the connection on port ${asked.port} of ${asked.host}, but it did not say a word.`,
    evidence: shown,
    wayOut: () => [
      'An SSH server greets first. If this one is merely slow (a loaded machine, slow name look-ups), allow more time: -o ConnectTimeout=60',
      'A service that waits for its client (HTTP, TLS) is silent like this: is it the right port?',
    ],
  },
  {
    code: 'proxy.failed',
    holds: ({ story }) => story.phase === 'banner' && story.connected?.via !== undefined && story.hungUp,
    sentence: ({ story, asked }) =>
      asked.options.proxyJump === undefined
        ? `The command that was to make the connection ended before the server said anything: ${story.connected?.via ?? ''}`
        : 'The connection through the jump host failed; what it said stands above.',
    evidence: shown,
    wayOut: ({ asked, story }) =>
      asked.options.proxyJump === undefined || asked.options.proxyJump === 'none'
        ? [`Run the command by itself and read what it says: ${story.connected?.via ?? ''}`]
        : [
            `Log in to the jump host alone: tsh ${jumpArguments(asked.options.proxyJump)}`,
            `From there, is ${asked.host} port ${asked.port} within reach? It must also allow forwarding (AllowTcpForwarding).`,
          ],
  },
  {
    code: 'banner.closed',
    holds: ({ story }) => story.phase === 'banner' && story.hungUp,
    sentence: ({ asked }) => `${asked.host} took the connection and hung up before it said who it is.`,
    evidence: (scene) => [...shown(scene), { title: 'What this usually means', lines: closedMeanings }],
    wayOut: () => [
      'Wait a few minutes and try once: a limit or a ban wears off, and tries while it lasts prolong it.',
      'On the server, the log says which of these it was: journalctl -u ssh (or sshd); /var/log/auth.log',
      'If you reach the server from elsewhere but not from here, your address is banned or not allowed.',
    ],
  },
];

/** What a server that hangs up before its greeting may mean, likeliest first. */
const closedMeanings = [
  'too many connections at once or too many failures from your address (MaxStartups, PerSourcePenalties, fail2ban)',
  'your address is not allowed (TCP wrappers, a firewall that resets, RefuseConnection)',
  'the server broke at its start: no host keys, a bad configuration, no memory',
  'a port forwarding, a balancer or a jump host in between whose other end does not answer',
];

/** What -b, -B and their keywords chose to connect from. */
function ownAddress({ options }: Asked): string | undefined {
  return options.bindAddress ?? options.bindInterface;
}

function byAddress(asked: Asked): string {
  return again({ ...asked, originalHost: '192.0.2.1' });
}

function names({ asked }: Scene): readonly Evidence[] {
  const lines = [`asked for: ${asked.originalHost}`];
  if (asked.host !== asked.originalHost) {
    const [origin] = asked.origins('hostname');
    lines.push(`looked up: ${asked.host}${origin === undefined ? '' : ` (Hostname, ${origin.file} line ${origin.line})`}`);
  }
  return [{ title: 'The name', lines }];
}

function addresses({ story, asked }: Scene): readonly Evidence[] {
  const [origin] = asked.origins('port');
  const port = `port ${asked.port}: ${origin === undefined ? 'the usual one' : origin.line === 0 ? 'from the command line' : `${origin.file} line ${origin.line}`}`;
  return [
    {
      title: 'What was tried',
      lines: [...story.connectFailures.map(({ address, port: at, reason }) => `${address} port ${at}: ${reason}`), port],
    },
  ];
}

const SHOWN_LINES = 8;
const SHOWN_WIDTH = 100;

function shown({ story }: Scene): readonly Evidence[] {
  const lines = story.beforeIdent.slice(0, SHOWN_LINES).map((line) => line.slice(0, SHOWN_WIDTH));
  return lines.length === 0 ? [] : [{ title: 'What it sent', lines }];
}

/** Services that people take for SSH servers, by what they say first. */
const services: readonly (readonly [RegExp, string])[] = [
  [/^HTTP\/|^<(!doctype|html)/i, 'a web server (HTTP)'],
  [/^[\x15\x16]\x03[\x00-\x04]/, 'a TLS server (HTTPS or the like)'],
  [/^220[ -].*(SMTP|ESMTP|mail)/i, 'a mail server (SMTP)'],
  [/^220[ -].*FTP/i, 'an FTP server'],
  [/^220[ -]/, 'an FTP or mail server'],
  [/^\* OK|^\+OK/, 'a mailbox server (IMAP or POP3)'],
  [/^RFB \d/, 'a VNC server'],
  [/^.{3}\x00\x00?.?[58]\.\d|mysql|mariadb/i, 'a database (MySQL)'],
  [/^-ERR|^-DENIED/, 'a Redis server'],
  [/^\xff[\xfb-\xfe]/, 'a Telnet server'],
];

function kindOf(lines: readonly string[]): string | undefined {
  return lines.flatMap((line) => services.find(([pattern]) => pattern.test(line))?.[1] ?? [])[0];
}

/** How a jump host is logged in to by itself, through those before it. */
function jumpArguments({ user, host, port, before }: Jump): string {
  const flags = [before === undefined ? '' : `-J ${before} `, port === undefined ? '' : `-p ${port} `];
  return `${flags.join('')}${user === undefined ? '' : `${user}@`}${host}`;
}
