/**
 * getopt(3) on commander's lexer: clustered flags, values attached or apart, options up to the first operand.
 *
 * Commander finds where an option ends and what is its value; what OpenSSH does beyond that (its messages, flags after the destination)
 * is up to the callers.
 */
import { Command, CommanderError } from 'commander';

/** One option as it stood on the command line, or what was wrong with it. */
export type Option =
  | { readonly flag: string; readonly value: string | undefined }
  | { readonly problem: 'unknown option' | 'option requires an argument'; readonly flag: string };

/** What getopt(3) makes of an argument list. */
export interface Lexed {
  /** In the order of the command line; a problem is the last. */
  readonly options: readonly Option[];
  /** How many arguments were options, their values or the `--` that ended them. */
  readonly taken: number;
}

/** What {@link getopt} knows of a program's options. */
export interface OptionSpec {
  /** Letters, each with a colon after it where it takes a value. */
  readonly letters: string;
  /** Long options, which OpenSSH does not have, with `=value` where they have one. */
  readonly words?: readonly string[];
}

/** Takes the options off the front of an argument list. */
export function getopt(argv: readonly string[], spec: OptionSpec): Lexed {
  const options: Option[] = [];
  const command = new Command().exitOverride().helpOption(false).allowExcessArguments().passThroughOptions();
  command.configureOutput({ outputError: () => undefined }).action(() => undefined);
  // Commander takes its time over each option that it is told of: those that can't be meant are left out.
  const given = argv.join('');
  const flags = [...spec.letters.matchAll(/(.)(:?)/g)]
    .map(([, letter = '', colon]) => ({ letter, hasValue: colon === ':' }))
    .filter(({ letter }) => letter === '0' || given.includes(letter));
  for (const { letter, hasValue } of flags) {
    command.option(hasValue ? `-${letter} <value>` : `-${letter}`);
    command.on(`option:${letter}`, (value: string) =>
      options.push({ flag: letter, value: hasValue ? value.replace('\0', '=') : undefined }),
    );
  }
  // Where no option is a digit, commander takes -5 for an operand.
  if (!spec.letters.includes('0')) {
    command.option('-0').on('option:0', () => {
      throw new CommanderError(1, 'commander.unknownOption', "'-0'");
    });
  }
  // A NUL can't come from a command line: it stands for the `=` that belongs to the option's name.
  const names = (spec.words ?? []).map((word) => word.replace('=', '\0'));
  for (const name of names.filter((word) => given.includes(word.replace('\0', '=')))) {
    command.option(`--${name}`).on(`option:${name}`, () => options.push({ flag: `--${name.replace('\0', '=')}`, value: undefined }));
  }
  try {
    command.parse(
      argv.map((argument) => (names.includes(argument.slice(2).replace('=', '\0')) ? argument.replace('=', '\0') : argument)),
      { from: 'user' },
    );
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const flag = /'-(.)/su.exec(error.message)?.[1] ?? '';
    options.push({ problem: error.code === 'commander.optionMissingArgument' ? 'option requires an argument' : 'unknown option', flag });
  }
  const taken = argv.length - command.args.length;
  return { options, taken: isDashEnded(argv[taken - 1], options.at(-1), flags) ? taken - 1 : taken };
}

/** Whether an argument is a cluster with a dash at its end: that is an operand, but what stands before the dash counts all the same. */
function isDashEnded(
  argument: string | undefined,
  last: Option | undefined,
  flags: readonly { letter: string; hasValue: boolean }[],
): boolean {
  if (argument === undefined || last === undefined || 'problem' in last || last.value !== undefined) return false;
  if (!/^-[^-]+-$/.test(argument)) return false;
  return Array.from(argument.slice(1, -1)).every((letter) => flags.some((flag) => flag.letter === letter && !flag.hasValue));
}
