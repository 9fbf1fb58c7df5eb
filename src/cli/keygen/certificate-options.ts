/** -O of certificates: what they allow and forbid. */
import { flagOption, textOption } from '../../core/keys/certify.ts';
import type { CertificateOption, CertificateRole } from '../../core/keys/key.ts';
import { isNetworkAddress, parseNetwork } from '../../core/util/addr.ts';
import { Fatal } from './endings.ts';
import type { Run } from './run.ts';

/** The options of a certificate, sorted as they are written. */
export interface CertificateOptions {
  readonly criticalOptions: readonly CertificateOption[];
  readonly extensions: readonly CertificateOption[];
}

/** Flags by the words that turn them on and off, and whether a user's certificate has them unless told otherwise. */
const flags: readonly { readonly on: string; readonly off: string; readonly name: string; readonly usual: boolean }[] = [
  { on: 'permit-x11-forwarding', off: 'no-x11-forwarding', name: 'permit-X11-forwarding', usual: true },
  { on: 'permit-agent-forwarding', off: 'no-agent-forwarding', name: 'permit-agent-forwarding', usual: true },
  { on: 'permit-port-forwarding', off: 'no-port-forwarding', name: 'permit-port-forwarding', usual: true },
  { on: 'permit-pty', off: 'no-pty', name: 'permit-pty', usual: true },
  { on: 'permit-user-rc', off: 'no-user-rc', name: 'permit-user-rc', usual: true },
  { on: 'no-touch-required', off: 'touch-required', name: 'no-touch-required', usual: false },
  { on: 'verify-required', off: 'no-verify-required', name: 'verify-required', usual: false },
];

/** The flag that is a critical option rather than an extension. */
const criticalFlag = 'verify-required';

interface Draft {
  readonly on: Set<string>;
  /** The critical options that have a value, by name. */
  readonly values: Map<string, string>;
  readonly criticalOptions: CertificateOption[];
  readonly extensions: CertificateOption[];
}

const valued: ReadonlyMap<string, (run: Run, value: string) => void> = new Map([
  ['force-command', () => undefined],
  ['source-address', checkAddresses],
]);

/** What a list of -O asks for. @throws Fatal with ssh-keygen's complaint */
export function readCertificateOptions(run: Run, list: readonly string[], role: CertificateRole): CertificateOptions {
  const draft: Draft = {
    on: new Set(role === 'user' ? flags.filter(({ usual }) => usual).map(({ name }) => name) : []),
    values: new Map(),
    criticalOptions: [],
    extensions: [],
  };
  for (const option of list) readOption(run, draft, option);
  const critical = [...draft.values].map(([name, value]) => textOption(name, value));
  if (draft.on.has(criticalFlag)) critical.push(flagOption(criticalFlag));
  const extensions = [...draft.on].filter((name) => name !== criticalFlag).map(flagOption);
  return { criticalOptions: sorted([...critical, ...draft.criticalOptions]), extensions: sorted([...extensions, ...draft.extensions]) };
}

function readOption(run: Run, draft: Draft, option: string): void {
  const word = option.toLowerCase();
  if (word === 'clear') {
    draft.on.clear();
    return;
  }
  const flag = flags.find(({ on, off }) => word === on || word === off);
  if (flag !== undefined) {
    if (word === flag.on) draft.on.add(flag.name);
    else draft.on.delete(flag.name);
    return;
  }
  const [, name = '', value = ''] = /^([^=]*)=([^]*)$/.exec(option) ?? [];
  const check = valued.get(name.toLowerCase());
  if (check !== undefined) {
    if (value === '') throw new Fatal(`Empty ${name.toLowerCase()} option`);
    if (draft.values.has(name.toLowerCase())) throw new Fatal(`${name.toLowerCase()} already specified`);
    check(run, value);
    draft.values.set(name.toLowerCase(), value);
    return;
  }
  const [, kind, own = '', content] = /^(extension|critical):([^=]*)(?:=([^]*))?$/i.exec(option) ?? [];
  if (kind === undefined) throw new Fatal(`Unsupported certificate option "${option}"`);
  const rows = kind.toLowerCase() === 'critical' ? draft.criticalOptions : draft.extensions;
  rows.push(content === undefined ? flagOption(own) : textOption(own, content));
}

function sorted(options: readonly CertificateOption[]): CertificateOption[] {
  return [...options].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

function checkAddresses(run: Run, list: string): void {
  for (const entry of list.split(',')) {
    const network = parseNetwork(entry);
    if (network !== undefined && isNetworkAddress(network)) continue;
    if (/[^0-9a-fA-F.:/]/.test(entry)) run.error(`addr_match_cidr_list: list entry "${entry}" contains invalid characters`);
    run.error(network === undefined ? `Invalid network entry "${entry}"` : `Inconsistent mask length for network "${entry}"`);
    throw new Fatal('Invalid source-address list');
  }
}
