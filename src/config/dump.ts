/** The settings as `-G` shows them. */
import { clientKeywords, clientOptions, type ClientOption, type Row } from './client-keywords.ts';
import type { FinalOptions } from './finalize-client.ts';
import { formatForward } from './forward-spec.ts';

/** Options that `-G` shows where they have no value. */
const shownUnset: Partial<Record<ClientOption, string>> = { connectTimeout: 'none' };

/**
 * The lines of `-G`, without line ends: `keyword value` in OpenSSH's order.
 *
 * @param originalHost the host as the command line names it.
 */
export function dumpClient(options: FinalOptions, originalHost: string): string[] {
  const lines = [`host ${originalHost}`];
  for (const option of clientOptions) {
    for (const value of shownValues(options, option)) lines.push(`${dumpName(option)} ${value}`);
  }
  return lines;
}

/** How `-G` writes an option's keyword. */
export function dumpName(option: ClientOption): string {
  const row = clientKeywords[option] as Row<unknown>;
  return typeof row.shownAs === 'string' ? row.shownAs : row.name.toLowerCase();
}

/** The values that `-G` shows for an option, one per line. */
export function shownValues(options: FinalOptions, option: ClientOption): readonly string[] {
  const row = clientKeywords[option] as Row<unknown>;
  const value: unknown = options[option];
  if (row.shownAs === false) return [];
  // OpenSSH keeps both kinds in one list and shows a local forwarding to a socket twice.
  if (option === 'dynamicForward') {
    const sockets = options.localForward.filter(({ connect }) => connect !== undefined && 'path' in connect);
    const inOrder = [...options.dynamicForward, ...sockets].sort((a, b) => (a.order ?? 0) - (b.order ?? 0));
    return inOrder.map((forward) => formatForward(forward, false));
  }
  if (value === undefined) {
    const shown = shownUnset[option];
    return shown === undefined ? [] : [shown];
  }
  return row.kind.format(value);
}
