import type { Connection } from '../connection/connection.ts';
import { subsystem } from '../connection/session-requests.ts';
import type { Channel } from '../connection/channel.ts';
import { SshError } from '../util/errors.ts';
import { SftpClient } from './client.ts';

/** A started SFTP conversation on a channel of its own. */
export interface SftpSession {
  readonly client: SftpClient;
  /** Ends it in good order. */
  close(): void;
}

/**
 * Starts the server's sftp subsystem (RFC 4254 section 6.5) on a new channel.
 *
 * @throws ChannelOpenError where the server opens no session; SshError SSH_ERR_FEATURE_UNSUPPORTED where it has no such subsystem, and what
 *   {@link SftpClient.start} throws.
 */
export async function openSftp(connection: Connection): Promise<SftpSession> {
  let opened: Channel | undefined;
  const queue: Uint8Array[] = [];
  let mayWrite = true;
  const flush = (): void => {
    while (mayWrite && opened?.writable === true) {
      const next = queue.shift();
      if (next === undefined) return;
      mayWrite = opened.write(next);
    }
  };
  // the client bounds what may wait here: it takes only so many requests without an answer
  const client = new SftpClient((bytes) => {
    queue.push(bytes);
    flush();
  });
  const channel = await connection.open(
    'session',
    {},
    {
      onOpen: (one) => {
        opened = one;
      },
      onData: (bytes, stream) => {
        if (stream === 0) client.receive(bytes);
        opened?.consumed(bytes.length);
      },
      onDrain: () => {
        mayWrite = true;
        flush();
      },
      onEof: () => client.closed(),
      onClose: (error) => client.closed(error),
    },
  );
  if (!(await subsystem(channel, 'sftp'))) {
    channel.close();
    throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', 'subsystem sftp');
  }
  await client.start();
  return { client, close: () => channel.close() };
}
