import { Chalk } from 'chalk';
import { type Palette, plainPalette } from '../client/explain-view.ts';
import { isatty } from '../node/tty.ts';

/** Colours for a terminal behind this descriptor; none where it is no terminal, or with NO_COLOR. */
export function terminalPalette(fd: number): Palette {
  const noColor = process.env['NO_COLOR'];
  if (!isatty(fd) || (noColor !== undefined && noColor !== '')) return plainPalette;
  const chalk = new Chalk({ level: 1 });
  return { heading: chalk.bold.cyan, good: chalk.green, bad: chalk.red, quiet: chalk.dim };
}
