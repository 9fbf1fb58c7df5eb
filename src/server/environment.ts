import type { User } from '../node/users.ts';

/** The two ends of a client's TCP connection. */
export interface ConnectionEnds {
  readonly clientAddress: string;
  readonly clientPort: number;
  readonly serverAddress: string;
  readonly serverPort: number;
}

/** Where programs are looked for: the system's folders, for root those of administration too. */
const paths = {
  root: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  others: '/usr/local/bin:/usr/bin:/bin:/usr/games',
};

/**
 * The environment of a session's program: nothing of the server's own. What the client sent and was let pass can't change what the server
 * sets itself.
 */
export function sessionEnvironment(
  user: User,
  ends: ConnectionEnds,
  sent: ReadonlyMap<string, string>,
  terminal?: { readonly name: string; readonly path: string },
): Record<string, string> {
  const { clientAddress, clientPort, serverAddress, serverPort } = ends;
  return {
    ...Object.fromEntries(sent),
    USER: user.name,
    LOGNAME: user.name,
    HOME: user.home,
    PATH: user.uid === 0 ? paths.root : paths.others,
    MAIL: `/var/mail/${user.name}`,
    SHELL: user.shell,
    SSH_CLIENT: `${clientAddress} ${clientPort} ${serverPort}`,
    SSH_CONNECTION: `${clientAddress} ${clientPort} ${serverAddress} ${serverPort}`,
    ...(terminal === undefined ? {} : { SSH_TTY: terminal.path, TERM: terminal.name }),
  };
}
