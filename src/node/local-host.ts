import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import { systemCall, systemError } from './errno.ts';

/** The local host's name as gethostname(2) gives it. */
export function localHostname(): string {
  return os.hostname();
}

/** The addresses of the network interfaces that are up, the loopback's too, without scopes. */
export function interfaceAddresses(): string[] {
  return Object.values(os.networkInterfaces()).flatMap((entries) => (entries ?? []).map((entry) => entry.address));
}

/** The TCP port of a service by its name or alias in /etc/services, or undefined. */
export function servicePort(name: string): number | undefined {
  if (!/^[A-Za-z][A-Za-z0-9._+-]*$/.test(name)) return undefined;
  services ??= readServices();
  return services.get(name);
}

/** Makes sure that there is such a program and that it may be executed. @throws SystemError where not */
export function expectExecutable(file: string): void {
  systemCall(() => fs.accessSync(file, fs.constants.X_OK));
}

/**
 * Runs a command by a shell with nothing on its standard input and output, and waits for it; its errors are seen.
 *
 * @returns its exit status, or undefined where it died of a signal.
 * @throws SystemError where the shell can't be started.
 */
export function shellStatus(shell: string, command: string): number | undefined {
  const { status, error } = spawnSync(shell, ['-c', command], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (error !== undefined) throw systemError(error);
  return status ?? undefined;
}

let services: ReadonlyMap<string, number> | undefined;

function readServices(): Map<string, number> {
  const ports = new Map<string, number>();
  let text: string;
  try {
    text = fs.readFileSync('/etc/services', 'latin1');
  } catch {
    return ports;
  }
  for (const line of text.split('\n')) {
    const [name, where, ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/);
    const port = /^([0-9]+)\/tcp$/.exec(where ?? '')?.[1];
    if (name === undefined || port === undefined) continue;
    for (const known of [name, ...aliases]) if (!ports.has(known)) ports.set(known, Number(port));
  }
  return ports;
}

/** Whether the locale's characters are UTF-8 (locale(7)), so that peers' texts may be shown as they are. */
export function terminalTakesUtf8(environment: NodeJS.ProcessEnv): boolean {
  const { LC_ALL, LC_CTYPE, LANG } = environment;
  return /utf-?8/i.test([LC_ALL, LC_CTYPE, LANG].find((name) => name !== undefined && name !== '') ?? '');
}
