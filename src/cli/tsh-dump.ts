/** -G: the configuration of a host, and with --why where each of its values comes from. */
import type { ClientConfig } from '../client/config.ts';
import { type ClientOption, clientOptions } from '../config/client-keywords.ts';
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
 * Prints the values that nothing set, those that were set, each with its file, line and block, those that came too late, and the blocks that
 * apply and that don't, each with the reason: what a user asks for stands last, where a terminal shows it.
 */
export function printConfigOrigins(config: ClientConfig, write: (text: string) => void): void {
  const { options, settings } = config;
  const line = (text: string): void => write(`${visibleText(text)}\n`);
  line(`host ${config.originalHost}`);
  const isSet = (option: ClientOption): boolean => settings.origins(option).length > 0;
  for (const option of clientOptions.filter((one) => !isSet(one)))
    for (const value of shownValues(options, option)) line(`${dumpName(option)} ${value}  # default`);
  const set = clientOptions.filter(isSet);
  line(set.length > 0 ? '\nValues that were set:' : '\nNothing was set, neither by a file nor on the command line.');
  for (const option of set) {
    const origins = settings.origins(option);
    for (const [index, value] of shownValues(options, option).entries()) {
      const origin = origins[index] ?? origins.at(-1);
      line(`${dumpName(option)} ${value}  # ${origin === undefined ? 'default' : describeOrigin(origin)}`);
    }
  }
  if (settings.shadowed.length > 0) line('\nSet too late to count (the first value wins):');
  for (const { option, shown, origin } of settings.shadowed) {
    const [first] = settings.origins(option);
    const winner = first === undefined ? '' : `; first came ${shortOrigin(first, origin)}`;
    line(`${dumpName(option)} ${shown.join(' ')}  # ${describeOrigin(origin)}${winner}`);
  }
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

/** Where the first value was set, as seen from a later one: the file only where it is another. */
function shortOrigin({ file, line }: Origin, later: Origin): string {
  if (file === commandLineFile) return 'the command line';
  return file === later.file ? `line ${line}` : `${file} line ${line}`;
}

/** Each block once, as the last pass judged it. */
function distinct(blocks: readonly Block[]): Block[] {
  const last = new Map<string, Block>();
  for (const block of blocks) last.set(`${block.file}\n${block.line}`, block);
  return [...last.values()];
}
