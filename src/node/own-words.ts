import fs from 'node:fs';
import { utf8Text } from '../core/util/bytes.ts';

/** What the runtime puts in the place of bytes that are not UTF-8, which so are lost. */
const LOST = '\ufffd';

/** The command line behind the program's name; bytes that are not UTF-8 are kept as {@link utf8Text} keeps them, where /proc has them. */
export function ownArguments(): readonly string[] {
  const args = process.argv.slice(2);
  if (!args.some((one) => one.includes(LOST))) return args;
  const whole = stringsOf('/proc/self/cmdline').slice(-args.length);
  return args.map((one, at) => trueText(one, [whole[at] ?? Buffer.from(one)]));
}

/** The environment, each variable that is set; bytes that are not UTF-8 are kept as in {@link ownArguments}. */
export function ownEnvironment(): readonly (readonly [name: string, value: string])[] {
  let entries: readonly Buffer[] | undefined;
  return Object.entries(process.env).flatMap(([name, value = '']) => {
    if (!value.includes(LOST)) return [[name, value] as const];
    entries ??= stringsOf('/proc/self/environ');
    return [[name, trueText(`${name}=${value}`, entries).slice(name.length + 1)] as const];
  });
}

/** The one of these byte strings that the runtime made this text of; the text itself where there is none. */
function trueText(text: string, candidates: readonly Buffer[]): string {
  const found = candidates.find((bytes) => bytes.toString('utf8') === text);
  return found === undefined ? text : utf8Text(found);
}

/** The byte strings of a file of proc(5), each of which ends with a zero byte; none where there is no such file. */
function stringsOf(file: string): Buffer[] {
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(file);
  } catch {
    return [];
  }
  const strings: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf(0, at);
    const next = end === -1 ? bytes.length : end;
    strings.push(bytes.subarray(at, next));
    at = next + 1;
  }
  return strings;
}
