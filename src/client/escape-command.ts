import { type Forward, type ForwardKind, parseForward } from '../config/forward-spec.ts';
import type { Lookups } from '../config/kind.ts';
import type { LocalForwards } from './local-forwards.ts';

/** What the commands of `~C` work on. */
export interface CommandLineReach {
  readonly lookups: Lookups;
  readonly localForwards: LocalForwards;
  /** Runs a command by the user's shell; undefined where PermitLocalCommand does not let it. */
  readonly runLocal: ((command: string) => Promise<void>) | undefined;
}

/** One kind of forwarding: how it is read and asked for, and how it is called off. */
interface ForwardRow {
  readonly kinds: readonly ForwardKind[];
  /** What its specification is called where it is wrong. */
  readonly what: 'local' | 'remote';
  readonly request: (forward: Forward, reach: CommandLineReach) => boolean | Promise<boolean>;
  readonly cancel: (forward: Forward, reach: CommandLineReach) => boolean;
}

const forwards: Readonly<Record<string, ForwardRow>> = {
  L: {
    kinds: ['local'],
    what: 'local',
    request: (forward, { localForwards }) => localForwards.add(forward),
    cancel: ({ listen }, { localForwards }) => localForwards.cancel(listen),
  },
  R: {
    kinds: ['remote', 'remoteDynamic'],
    what: 'remote',
    request: (_forward, { lookups }) => refuse('remote forwarding (-R)', lookups),
    cancel: () => false,
  },
  D: {
    kinds: ['dynamic'],
    what: 'local',
    request: (_forward, { lookups }) => refuse('dynamic forwarding (-D)', lookups),
    cancel: () => false,
  },
};

/** The commands, as ssh lists them. */
const help: readonly string[] = [
  'Commands:',
  '      -L[bind_address:]port:host:hostport    Request local forward',
  '      -R[bind_address:]port:host:hostport    Request remote forward',
  '      -D[bind_address:]port                  Request dynamic forward',
  '      -KL[bind_address:]port                 Cancel local forward',
  '      -KR[bind_address:]port                 Cancel remote forward',
  '      -KD[bind_address:]port                 Cancel dynamic forward',
];
const localHelp = '      !args                                  Execute local command';

/** Does what a line says that was typed after `~C` (ssh(1), ESCAPE CHARACTERS), and logs what came of it. An empty line does nothing. */
export async function runEscapeCommand(line: string, reach: CommandLineReach): Promise<void> {
  const { log } = reach.lookups;
  const command = line.replace(/^[ \t\n\v\f\r]+/, '').replace(/^-/, '');
  if (command === '') return;
  if (/^[hH?]/.test(command)) {
    for (const text of reach.runLocal === undefined ? help : [...help, localHelp]) log('INFO', text);
  } else if (command.startsWith('!') && reach.runLocal !== undefined) {
    if (command.length > 1) await reach.runLocal(command.slice(1));
  } else {
    log('INFO', await forwardCommand(command, reach));
  }
}

/** Asks for a forwarding or calls one off; what is to be said of it. */
async function forwardCommand(command: string, reach: CommandLineReach): Promise<string> {
  const [, cancels = '', letter = '', text = ''] = /^(K?)([LRD])[ \t\n\v\f\r]*([^]*)$/.exec(command) ?? [];
  const row = forwards[letter];
  if (row === undefined) return 'Invalid command.';
  if (cancels !== '') {
    const forward = parseForward(text, 'dynamic', reach.lookups);
    if (forward === undefined) return 'Bad forwarding close specification.';
    return row.cancel(forward, reach) ? 'Canceled forwarding.' : 'Unknown port forwarding.';
  }
  for (const kind of row.kinds) {
    const forward = parseForward(text, kind, reach.lookups);
    if (forward !== undefined) return (await row.request(forward, reach)) ? 'Forwarding port.' : 'Port forwarding failed.';
  }
  return `Bad ${row.what} forwarding specification.`;
}

function refuse(what: string, { log }: Lookups): false {
  log('ERROR', `${what} is not available in this version`);
  return false;
}
