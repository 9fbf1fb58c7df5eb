/** -G: the configuration of a host, and with --why where each of its values comes from. */
import type { ClientConfig } from '../client/config.ts';
import { clientOptions } from '../config/client-keywords.ts';
import { dumpClient, dumpName, shownValues } from '../config/dump.ts';
import { commandLineFile, type Block, type Origin } from '../config/settings.ts';
import { visibleText } from '../core/util/vis.ts';

/** Prints what -G prints. */
export function printConfig(config: ClientConfig, write: (text: string) => void): void {
  write(
    dumpClient(config.options, config.originalHost)
      .map((line) => `${line}\n`)
      .join(''),
  );
}

/**
 * Prints each value with its file, line and block, then the values that came too late, then the blocks that apply and those that don't, each
 * with the reason.
 */
export function printConfigOrigins(config: ClientConfig, write: (text: string) => void): void {
  const { options, settings } = config;
  const line = (text: string): void => write(`${visibleText(text)}\n`);
  line(`host ${config.originalHost}`);
  for (const option of clientOptions) {
    const origins = settings.origins(option);
    for (const [index, value] of shownValues(options, option).entries()) {
      const origin = origins[index] ?? origins.at(-1);
      line(`${dumpName(option)} ${value}  # ${origin === undefined ? 'default' : describeOrigin(origin)}`);
    }
  }
  if (settings.shadowed.length > 0) line('\nSet too late to count (the first value wins):');
  for (const { option, shown, origin } of settings.shadowed) line(`${dumpName(option)} ${shown.join(' ')}  # ${describeOrigin(origin)}`);
  const blocks = distinct(settings.blocks);
  printBlocks(
    'Blocks that apply:',
    blocks.filter((block) => block.applies),
    line,
  );
  printBlocks(
    'Blocks that do not apply:',
    blocks.filter((block) => !block.applies),
    line,
  );
}

function printBlocks(title: string, blocks: readonly Block[], line: (text: string) => void): void {
  if (blocks.length === 0) return;
  line(`\n${title}`);
  for (const block of blocks) line(`${block.kind} ${block.text}  # ${block.file} line ${block.line}: ${block.reason}`);
}

function describeOrigin({ file, line, block }: Origin): string {
  if (file === commandLineFile) return 'command line';
  return `${file} line ${line}${block === undefined ? '' : `, in ${block.kind} ${block.text}`}`;
}

/** Each block once, as the last pass judged it. */
function distinct(blocks: readonly Block[]): Block[] {
  const last = new Map<string, Block>();
  for (const block of blocks) last.set(`${block.file}\n${block.line}`, block);
  return [...last.values()];
}
