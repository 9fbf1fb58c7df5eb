import { type PipedChild, spawnPiped, userShell } from './spawn.ts';

/**
 * Runs a ProxyCommand, whose tokens are expanded already, by the user's shell; `exec` keeps the shell from staying between. It gets pipes, and its stderr is
 * ours. The connection's end is told to it by {@link endProxyCommand}.
 *
 * @throws SystemError where the shell can't be started.
 */
export function startProxyCommand(command: string): Promise<PipedChild> {
  return spawnPiped(userShell(), ['-c', `exec ${command}`], { pipes: true });
}

/** Ends a ProxyCommand as ssh(1) does, with SIGHUP, and drops its streams. */
export function endProxyCommand(child: PipedChild): void {
  child.kill('SIGHUP');
  child.stream.destroy();
}
