import type { FinalOptions } from '../config/finalize-client.ts';
import type { Log } from '../core/util/log.ts';
import { HostKeyRefused } from './host-key-policy.ts';

interface Risk {
  readonly isAsked: (options: FinalOptions) => boolean;
  readonly what: string;
}

/** What a host must not have whose key is another than the known one, in the order in which ssh(1) tells it. */
const risks: readonly Risk[] = [
  { isAsked: ({ passwordAuthentication }) => passwordAuthentication, what: 'Password authentication' },
  { isAsked: ({ kbdInteractiveAuthentication }) => kbdInteractiveAuthentication, what: 'Keyboard-interactive authentication' },
  { isAsked: ({ forwardAgent }) => forwardAgent !== false, what: 'Agent forwarding' },
  { isAsked: ({ forwardX11 }) => forwardX11, what: 'X11 forwarding' },
  {
    isAsked: ({ localForward, dynamicForward, remoteForward }) => localForward.length + dynamicForward.length + remoteForward.length > 0,
    what: 'Port forwarding',
  },
  { isAsked: ({ tunnel }) => tunnel !== 'false', what: 'Tunnel forwarding' },
];

/**
 * The options for a host that is not trusted though the connection goes on: without what a man in the middle could use, each of which is
 * told.
 *
 * @throws HostKeyRefused where ExitOnForwardFailure ends the connection.
 */
export function distrust(options: FinalOptions, log: Log): FinalOptions {
  const cancelled = risks.filter(({ isAsked }) => isAsked(options));
  for (const { what } of cancelled) log('ERROR', `${what} is disabled to avoid man-in-the-middle attacks.`);
  if (options.updateHostKeys !== 'false') log('ERROR', 'UpdateHostkeys is disabled because the host key is not trusted.');
  if (options.exitOnForwardFailure && cancelled.length > 0) {
    throw new HostKeyRefused('Error: forwarding disabled due to host key check failure');
  }
  return {
    ...options,
    passwordAuthentication: false,
    kbdInteractiveAuthentication: false,
    forwardAgent: false,
    forwardX11: false,
    localForward: [],
    dynamicForward: [],
    remoteForward: [],
    tunnel: 'false',
    updateHostKeys: 'false',
  };
}
