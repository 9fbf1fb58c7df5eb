/** What a row must not exceed; a row that does is marked. */
export interface Targets {
  /** CPU seconds, tsh's over ssh's. */
  readonly cpu?: number;
  readonly wall?: number;
  /** tsh's own peak of resident memory, in MB. */
  readonly memory?: number;
}

/** One line of the table: what both programs are run for. */
export interface Row {
  readonly name: string;
  /** Arguments before the host. */
  readonly options: readonly string[];
  readonly command: string;
  /** Whether a file of {@link size} bytes is the input; otherwise there is none. */
  readonly upload: boolean;
  /** How many bytes are moved; 0 where that is not the point. */
  readonly size: number;
  /** The round trip's time, in milliseconds, that is added to loopback's. */
  readonly delayMs: number;
  readonly targets: Targets;
}

const MiB = 1024 * 1024;

/** Ciphers and MACs by the rows' names; without options each program takes its own choice. */
const ciphers: readonly { readonly name: string; readonly options: readonly string[]; readonly cpu?: number }[] = [
  { name: 'default', options: [], cpu: 1.2 },
  { name: 'aes128-gcm', options: ['-c', 'aes128-gcm@openssh.com'], cpu: 2 },
  { name: 'aes256-gcm', options: ['-c', 'aes256-gcm@openssh.com'] },
  { name: 'chacha20-poly1305', options: ['-c', 'chacha20-poly1305@openssh.com'] },
  { name: 'aes128-ctr+umac-64-etm', options: ['-c', 'aes128-ctr', '-m', 'umac-64-etm@openssh.com'] },
  { name: 'aes128-ctr+hmac-sha2-256-etm', options: ['-c', 'aes128-ctr', '-m', 'hmac-sha2-256-etm@openssh.com'] },
];

/** The whole table; `bulkMiB` and `farMiB` are how much each transfer moves. */
export function benchRows(bulkMiB: number, farMiB: number): readonly Row[] {
  const start: Row = {
    name: 'true',
    options: [],
    command: 'true',
    upload: false,
    size: 0,
    delayMs: 0,
    targets: { wall: 2, memory: 80 },
  };
  const bulk = ciphers.flatMap(({ name, options, cpu }) => {
    return transfers(name, options, bulkMiB * MiB, 0, cpu === undefined ? {} : { cpu });
  });
  return [start, ...bulk, ...transfers('far', [], farMiB * MiB, 200, {})];
}

function transfers(name: string, options: readonly string[], size: number, delayMs: number, targets: Targets): readonly Row[] {
  return [
    { name: `${name} down`, options, command: `head -c ${size} /dev/zero`, upload: false, size, delayMs, targets },
    { name: `${name} up`, options, command: 'cat >/dev/null', upload: true, size, delayMs, targets },
  ];
}
