import { describe, expect, test } from 'vitest';
import type { Channel } from '../../../src/core/connection/channel.ts';
import { acceptForwards, type ForwardTarget, openDirectStreamlocal, openDirectTcpip } from '../../../src/core/connection/forwarding.ts';
import { connectFailed } from '../../../src/core/connection/open-error.ts';
import { SshError } from '../../../src/core/util/errors.ts';
import { channelOpen } from '../../../src/core/wire/connection-messages.ts';
import { LinkPair } from './link-pair.ts';

const originator = { host: '127.0.0.1', port: 40000 };

function forwarding(): { pair: LinkPair; targets: ForwardTarget[] } {
  const targets: ForwardTarget[] = [];
  const accept = acceptForwards({
    permits: (target) => target.kind === 'local' || target.end.port !== 25,
    connect: (target, open) => {
      targets.push(target);
      if (target.kind === 'tcp' && target.end.port === 1) open.refuse(connectFailed('Connection refused'));
      else open.accept({});
    },
  });
  return { pair: new LinkPair({}, { accept }), targets };
}

async function outcome(pair: LinkPair, opened: Promise<Channel>): Promise<unknown> {
  const settled = opened.then(
    (channel) => channel.type,
    (error: unknown) => (error as Error).message,
  );
  await pair.run();
  return settled;
}

describe('forwarding', () => {
  test('reaches what is allowed, and says no more than that where it is not', async () => {
    const { pair, targets } = forwarding();
    const tcp = (host: string, port: number): Promise<unknown> =>
      outcome(pair, openDirectTcpip(pair.client, { host, port }, originator, {}));
    expect(await tcp('example.org', 80)).toBe('direct-tcpip');
    expect(await tcp('example.org', 25)).toBe('administratively prohibited: open failed');
    expect(await tcp('example.org', 65536)).toBe('administratively prohibited: open failed');
    expect(await tcp('example.org', 1)).toBe('connect failed: Connection refused');
    expect(await outcome(pair, openDirectStreamlocal(pair.client, '/run/x', {}))).toBe('direct-streamlocal@openssh.com');
    expect(targets).toEqual([
      { kind: 'tcp', end: { host: 'example.org', port: 80 }, originator },
      { kind: 'tcp', end: { host: 'example.org', port: 1 }, originator },
      { kind: 'local', path: '/run/x' },
    ]);
  });

  test.each(['direct-tcpip', 'direct-streamlocal@openssh.com'])('a malformed %s ends the connection', (channelType) => {
    const { pair } = forwarding();
    pair.serverLink.receive(
      channelOpen.encode({ channelType, senderChannel: 0, initialWindowSize: 1, maximumPacketSize: 1, body: Uint8Array.of(1) }),
    );
    expect(pair.serverLink.error).toBeInstanceOf(SshError);
  });
});
