import { authenticationLines } from './debug-authentication.ts';
import type { AgreedDirection, NoteLevel, OfferedAlgorithms, TshEvent } from '../core/events.ts';

/** One line of `-v`: its level, and OpenSSH's text where people and scripts read it. */
export interface DebugLine {
  readonly level: NoteLevel;
  readonly text: string;
}

type EventOf<T extends TshEvent['type']> = Extract<TshEvent, { type: T }>;

type Rows = { readonly [T in TshEvent['type']]?: (event: EventOf<T>, view: DebugView) => readonly DebugLine[] };

/** How `-v` tells what happens, in OpenSSH's words. */
export class DebugView {
  /** The own offer is told when the peer's has come, as OpenSSH does. */
  ownOffer: OfferedAlgorithms | undefined;
  /** Told at the very end, -1 where there is none, as OpenSSH does. */
  exitStatus = -1;
  private readonly role: 'client' | 'server';

  constructor(role: 'client' | 'server') {
    this.role = role;
  }

  /** The lines that an event gives. */
  lines(event: TshEvent): readonly DebugLine[] {
    const row = rows[event.type] as ((event: TshEvent, view: DebugView) => readonly DebugLine[]) | undefined;
    return row?.(event, this) ?? [];
  }

  /** The two proposals of a key exchange. */
  proposals(peer: OfferedAlgorithms): readonly DebugLine[] {
    const other = this.role === 'client' ? 'server' : 'client';
    const own = this.ownOffer;
    return [
      ...(own === undefined ? [] : [line('debug2', `local ${this.role} KEXINIT proposal`), ...proposal(own)]),
      line('debug2', `peer ${other} KEXINIT proposal`),
      ...proposal(peer),
    ];
  }
}

const line = (level: NoteLevel, text: string): DebugLine => ({ level, text });

const rows: Rows = {
  'config-file': ({ file }) => [line('debug1', `Reading configuration data ${file}`)],
  connecting: ({ host, address, port }) => [line('debug1', `Connecting to ${host} [${address}] port ${port}.`)],
  'connect-failed': ({ address, port, reason }) => [line('debug1', `connect to address ${address} port ${port}: ${reason}`)],
  connected: ({ via }) => (via === undefined ? [line('debug1', 'Connection established.')] : []),
  'ident-sent': ({ ident }) => [line('debug1', `Local version string ${ident}`)],
  'ident-received': ({ major, minor, software }) => [
    line('debug1', `Remote protocol version ${major}.${minor}, remote software version ${software.slice(0, 100)}`),
  ],
  kexinit: ({ by, offer }, view) => {
    if (by === 'peer') return [line('debug1', 'SSH2_MSG_KEXINIT received'), ...view.proposals(offer)];
    view.ownOffer = offer;
    return [line('debug1', 'SSH2_MSG_KEXINIT sent')];
  },
  agreed: ({ algorithms: { strict, kex, hostKey, serverToClient, clientToServer }, rekey }) => [
    ...(strict && !rekey ? [line('debug3', 'kex_choose_conf: will use strict KEX ordering')] : []),
    line('debug1', `kex: algorithm: ${kex}`),
    line('debug1', `kex: host key algorithm: ${hostKey}`),
    line('debug1', `kex: server->client ${direction(serverToClient)}`),
    line('debug1', `kex: client->server ${direction(clientToServer)}`),
  ],
  'kex-message': ({ name, sent }) => kexMessage(name, sent),
  'gex-group': ({ bits, bitsSet }) => [line('debug2', `bits set: ${bitsSet}/${bits}`)],
  // a certificate is told with all of its fields where it is judged
  'host-key': ({ keyType, fingerprint }) =>
    keyType.includes('-cert-') ? [] : [line('debug1', `Server host key: ${keyType} ${fingerprint}`)],
  'host-key-checked': ({ verdict, host, keyType, at }) =>
    verdict === 'known' || verdict === 'certified'
      ? [
          line('debug1', `Host '${host}' is known and matches the ${keyType} host ${verdict === 'certified' ? 'certificate' : 'key'}.`),
          ...(at === undefined ? [] : [line('debug1', `Found ${verdict === 'certified' ? 'CA key' : 'key'} in ${at.file}:${at.line}`)]),
        ]
      : [],
  'new-keys': ({ sent, blocks, sequence, strict }) =>
    sent
      ? [
          ...(strict ? [line('debug1', `ssh_packet_send2_wrapped: resetting send seqnr ${sequence}`)] : []),
          line('debug2', 'ssh_set_newkeys: mode 1'),
          line('debug1', `rekey out after ${blocks} blocks`),
          line('debug1', 'SSH2_MSG_NEWKEYS sent'),
          line('debug1', 'expecting SSH2_MSG_NEWKEYS'),
        ]
      : [
          ...(strict ? [line('debug1', `ssh_packet_read_poll2: resetting read seqnr ${sequence}`)] : []),
          line('debug1', 'SSH2_MSG_NEWKEYS received'),
          line('debug2', 'ssh_set_newkeys: mode 0'),
          line('debug1', `rekey in after ${blocks} blocks`),
        ],
  'ext-info': ({ sent, extensions }) =>
    sent
      ? [line('debug1', 'Sending SSH2_MSG_EXT_INFO')]
      : [line('debug1', 'SSH2_MSG_EXT_INFO received'), ...extensions.flatMap(({ name, value }) => extension(name, value))],
  packet: ({ sent, number }) => [line('debug3', `${sent ? 'send' : 'receive'} packet: type ${number}`)],
  'peer-debug': ({ text }) => [line('debug1', `Remote: ${text.slice(0, 900)}`)],
  service: ({ name }) => [line('debug2', `service_accept: ${name}`), line('debug1', 'SSH2_MSG_SERVICE_ACCEPT received')],
  'authentication-methods': ({ canContinue }) => [line('debug1', `Authentications that can continue: ${canContinue.join(',')}`)],
  'authentication-method': ({ method }) => [line('debug1', `Next authentication method: ${method}`)],
  'authentication-try': ({ attempt }) => authenticationLines(attempt),
  'channel-open': ({ channel, kind, by }) => [
    line('debug1', by === 'own' ? `channel ${channel}: new ${kind}` : `client_input_channel_open: ctype ${kind} rchan ${channel}`),
  ],
  'channel-request': ({ channel, request, by, detail }) =>
    by === 'own'
      ? [
          ...(request === 'exec' ? [line('debug1', `Sending command: ${detail ?? ''}`)] : []),
          line('debug2', `channel ${channel}: request ${request} confirm ${request === 'env' || request === 'window-change' ? 0 : 1}`),
        ]
      : [line('debug1', `client_input_channel_req: channel ${channel} rtype ${request} reply 0`)],
  'channel-reply': ({ channel, request, success }) => [
    line('debug2', `${request} request ${success ? 'accepted' : 'failed'} on channel ${channel}`),
  ],
  'channel-eof': ({ channel, by }) => [line('debug2', `channel ${channel}: ${by === 'own' ? 'send' : 'rcvd'} eof`)],
  'channel-closed': ({ channel, kind }) => [line('debug1', `channel ${channel}: free: ${kind}, nchannels 1`)],
  'global-request': ({ request, by }) => [
    line('debug1', by === 'own' ? `Requesting ${request}` : `client_input_global_request: rtype ${request} want_reply 0`),
  ],
  exit: ({ status }, view) => {
    view.exitStatus = status ?? -1;
    return [];
  },
  // a path has no port
  listening: ({ address, port }) => [
    line('debug1', `Local forwarding listening on ${port === 0 ? `path ${address}` : `${address} port ${port}`}.`),
  ],
  transferred: ({ sent, received, seconds }, view) => [
    line('verbose', `Transferred: sent ${sent}, received ${received} bytes, in ${seconds.toFixed(1)} seconds`),
    ...(seconds > 0
      ? [line('verbose', `Bytes per second: sent ${(sent / seconds).toFixed(1)}, received ${(received / seconds).toFixed(1)}`)]
      : []),
    line('debug1', `Exit status ${view.exitStatus}`),
  ],
  note: ({ level, text }) => [line(level, text)],
};

function proposal(offer: OfferedAlgorithms): readonly DebugLine[] {
  const fields: readonly (readonly [string, readonly string[]])[] = [
    ['KEX algorithms', offer.kex],
    ['host key algorithms', offer.hostKey],
    ['ciphers ctos', offer.cipherClientToServer],
    ['ciphers stoc', offer.cipherServerToClient],
    ['MACs ctos', offer.macClientToServer],
    ['MACs stoc', offer.macServerToClient],
    ['compression ctos', offer.compressionClientToServer],
    ['compression stoc', offer.compressionServerToClient],
    ['languages ctos', []],
    ['languages stoc', []],
  ];
  return [
    ...fields.map(([name, names]) => line('debug2', `${name}: ${names.join(',')}`)),
    line('debug2', `first_kex_follows ${offer.firstKexFollows ? 1 : 0} `),
    line('debug2', 'reserved 0 '),
  ];
}

function direction({ cipher, mac, compression }: AgreedDirection): string {
  return `cipher: ${cipher} MAC: ${mac ?? '<implicit>'} compression: ${compression}`;
}

/** OpenSSH has one name for the messages of fixed groups and curves. */
const kexNames: Readonly<Record<string, string>> = {
  SSH2_MSG_KEXDH_INIT: 'SSH2_MSG_KEX_ECDH_INIT',
  SSH2_MSG_KEXDH_REPLY: 'SSH2_MSG_KEX_ECDH_REPLY',
};

/** What OpenSSH says it waits for after it has sent a message. */
const expected: Readonly<Record<string, string>> = {
  SSH2_MSG_KEX_ECDH_INIT: 'SSH2_MSG_KEX_ECDH_REPLY',
  SSH2_MSG_KEX_DH_GEX_INIT: 'SSH2_MSG_KEX_DH_GEX_REPLY',
};

function kexMessage(rfcName: string, sent: boolean): readonly DebugLine[] {
  const name = kexNames[rfcName] ?? rfcName;
  if (!sent) return [line('debug1', `${name} received`)];
  const next = expected[name];
  return [
    ...(name.includes('_GEX_') ? [line('debug1', `${name} sent`)] : []),
    ...(next === undefined ? [] : [line('debug1', `expecting ${next}`)]),
  ];
}

function extension(name: string, value: string): readonly DebugLine[] {
  const told = name === 'server-sig-algs' ? `kex_ext_info_client_parse: ${name}=<${value}>` : `kex_ext_info_check_ver: ${name}=<${value}>`;
  return [line('debug3', `kex_input_ext_info: extension ${name}`), line('debug1', told)];
}
