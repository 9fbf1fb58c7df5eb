/** -M: groups for diffie-hellman-group-exchange, found and tested. */
import { systemRandom } from '../../core/crypto/random.ts';
import {
  formatModuliLine,
  isCandidate,
  moduliCandidates,
  parseModuliLine,
  screenModulus,
  smallPrimeCount,
  usualSieveWidth,
} from '../../core/keys/moduli.ts';
import { concat, copyBytes, fromHex, utf8Bytes, utf8Text } from '../../core/util/bytes.ts';
import { removeFile } from '../../node/file-entries.ts';
import { appendLines, overwriteFile, readTextIfAny, readWholeFile, replaceFile } from '../../node/files.ts';
import { readInput } from '../../node/standard-input.ts';
import { because, Fatal } from './endings.ts';
import type { Run } from './run.ts';

const largestFile = 1024 * 1024 * 1024;

const USUAL_BITS = 3072;
const FEWEST_BITS = 512;
const MOST_BITS = 65_536;

const USUAL_TRIALS = 100;
const FEWEST_TRIALS = 4;

/** How much memory ssh-keygen's sieve may take, in MiB, with a bit for each odd number: more numbers are looked at the more it is. */
const LEAST_MEMORY = 8;
const MOST_MEMORY = 127;
const NUMBERS_PER_BYTE = 16;

/** How often a checkpoint is written, in milliseconds. */
const CHECKPOINT_PERIOD = 60_000;

/** Does what -M names, into the one file that is named behind the options. */
export async function moduli(run: Run): Promise<number> {
  const { operands, moduli: operation } = run.options;
  const [output] = operands;
  if (output === undefined) throw new Fatal('No output file specified');
  if (operands.length > 1) throw new Fatal('Too many output files specified');
  return operation === 'generate' ? generate(run, output) : screen(run, output);
}

/** The values of -O by their names. @throws Fatal for a name that the operation does not have */
function readOptions(run: Run, names: readonly string[], what: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const option of run.options.list) {
    const [, name = '', value = ''] = /^([^=]*)=([^]*)$/.exec(option) ?? [];
    if (!names.includes(name.toLowerCase())) throw new Fatal(`Option "${option}" is unsupported for moduli ${what}`);
    values.set(name.toLowerCase(), value);
  }
  return values;
}

function number(text: string, least: number, complaint: (problem: string) => string): number {
  if (!/^\s*[+-]?\d+$/.test(text)) throw new Fatal(complaint('invalid'));
  const value = Number(text);
  if (value < least) throw new Fatal(complaint('too small'));
  if (value > 0xffffffff) throw new Fatal(complaint('too large'));
  return value;
}

function generate(run: Run, output: string): number {
  const options = readOptions(run, ['start', 'memory', 'bits'], 'generation');
  const startText = options.get('start');
  if (startText !== undefined && !/^[0-9a-fA-F]+$/.test(startText)) throw new Fatal('Invalid start point.');
  const memory = options.get('memory');
  const mebibytes = memory === undefined ? undefined : number(memory, 1, (problem) => `Memory limit is ${problem}: ${memory}`);
  const bitsText = options.get('bits');
  const bits = bitsText === undefined ? USUAL_BITS : number(bitsText, 1, (problem) => `Invalid number: ${bitsText} (${problem})`);
  write(output, '', `Couldn't open modulus candidate file "${output}"`);
  const refused = refusal(bits, mebibytes);
  if (refused !== undefined) {
    run.error(refused);
    throw new Fatal('modulus candidate generation failed');
  }
  const width = sieveWidth(run, bits, mebibytes);
  const start = startText === undefined ? undefined : fromHex(startText.length % 2 === 0 ? startText : `0${startText}`);
  const started = Date.now();
  // ssh-keygen counts in 32 bits here
  run.info(`${dateText()} Sieve next ${width % 2 ** 32} plus ${bits - 1}-bit`);
  const candidates = moduliCandidates({ bits, width, ...(start && { start }), random: systemRandom, now: Math.floor(started / 1000) });
  const lines = Array.from(candidates, formatModuliLine);
  const seconds = Math.floor((Date.now() - started) / 1000);
  run.info(`${dateText()} Sieved with ${smallPrimeCount()} small primes in ${seconds} seconds`);
  write(output, lines.map((line) => `${line}\n`).join(''), `Couldn't open modulus candidate file "${output}"`);
  run.info(`${dateText()} Found ${lines.length} candidates`);
  return 0;
}

function refusal(bits: number, mebibytes: number | undefined): string | undefined {
  if (mebibytes !== undefined && (mebibytes < LEAST_MEMORY || mebibytes > MOST_MEMORY)) {
    return `Invalid memory amount (min ${LEAST_MEMORY}, max ${MOST_MEMORY})`;
  }
  if (bits > MOST_BITS) return `Too many bits: ${bits} > ${MOST_BITS}`;
  return bits < FEWEST_BITS ? `Too few bits: ${bits} < ${FEWEST_BITS}` : undefined;
}

/** How many numbers are looked at: as many as the memory that is given has bits for their odd ones, or as is usual. */
function sieveWidth(run: Run, bits: number, mebibytes: number | undefined): number {
  const usual = usualSieveWidth(bits);
  if (mebibytes === undefined) return usual;
  const given = mebibytes * 1024 * 1024 * NUMBERS_PER_BYTE;
  const bytes = usual / NUMBERS_PER_BYTE;
  run.info(
    given >= usual ? `Increased memory: ${mebibytes} MB; need ${bytes} bytes` : `Decreased memory: ${mebibytes} MB; want ${bytes} bytes`,
  );
  return given;
}

async function screen(run: Run, output: string): Promise<number> {
  const options = readOptions(run, ['lines', 'start-line', 'checkpoint', 'generator', 'prime-tests'], 'screening');
  const generatorText = options.get('generator');
  const generator = generatorText && number(generatorText, 1, (problem) => `Generator invalid: ${generatorText} (${problem})`);
  const trialsText = options.get('prime-tests');
  const trials = trialsText === undefined ? USUAL_TRIALS : number(trialsText, 1, (problem) => `Invalid number: ${trialsText} (${problem})`);
  const text = readCandidates(run);
  const complaint = `Couldn't open moduli file "${output}"`;
  append(output, '', complaint);
  if (trials < FEWEST_TRIALS) {
    run.error(`Minimum primality trials is ${FEWEST_TRIALS}`);
    throw new Fatal('modulus screening failed');
  }
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const checkpoint = options.get('checkpoint');
  const first = Math.max(Number.parseInt(options.get('start-line') ?? '0', 10) || 0, readCheckpoint(run, checkpoint));
  const count = Number.parseInt(options.get('lines') ?? '0', 10) || lines.length;
  const started = Date.now();
  let saved = started;
  let tested = 0;
  let found = 0;
  for (const [index, line] of lines.slice(first, first + count).entries()) {
    const candidate = parseModuliLine(line);
    if (candidate === undefined || !isCandidate(candidate, generator || undefined)) continue;
    tested++;
    const now = Math.floor(Date.now() / 1000);
    const modulus = await screenModulus(candidate, { trials, now, ...(generator && { generator }) });
    if (modulus !== undefined) {
      found++;
      append(output, `${formatModuliLine(modulus)}\n`, complaint);
    }
    if (checkpoint !== undefined && Date.now() - saved > CHECKPOINT_PERIOD) {
      saved = Date.now();
      writeCheckpoint(run, checkpoint, first + index + 1);
    }
  }
  const seconds = Math.round((Date.now() - started) / 1000);
  run.info(`${dateText()} Found ${found} safe primes of ${tested} candidates in ${seconds} seconds`);
  if (checkpoint !== undefined) removeFile(checkpoint);
  return 0;
}

function readCandidates(run: Run): string {
  const file = run.options.values.get('f');
  if (file === undefined || file === '-') {
    const pieces: Uint8Array[] = [];
    readInput((piece) => void pieces.push(copyBytes(piece)));
    return utf8Text(concat(...pieces));
  }
  try {
    return utf8Text(readWholeFile(file, largestFile).bytes);
  } catch (error) {
    throw because(`Couldn't open modulus candidate file "${file}"`, error);
  }
}

/** The line that an earlier run came to. */
function readCheckpoint(run: Run, file: string | undefined): number {
  const text = file === undefined ? undefined : readTextIfAny(file);
  if (file === undefined || text === undefined) return 0;
  const [, line] = /^\s*(\d{1,15})/.exec(text) ?? [];
  if (line === undefined) run.info(`Failed to load checkpoint from '${file}'`);
  else run.info(`Loaded checkpoint from '${file}' line ${line}`);
  return Number(line ?? 0);
}

function writeCheckpoint(run: Run, file: string, line: number): void {
  try {
    replaceFile(file, utf8Bytes(`${line}\n`), { mode: 0o600 });
    run.log('DEBUG3', `wrote checkpoint line ${line} to '${file}'`);
  } catch (error) {
    run.info(because(`failed to write to checkpoint file '${file}'`, error).message);
  }
}

function write(file: string, text: string, complaint: string): void {
  try {
    overwriteFile(file, utf8Bytes(text), 0o666);
  } catch (error) {
    throw because(complaint, error);
  }
}

/** What is screened is added to what the file holds. */
function append(file: string, lines: string, complaint: string): void {
  try {
    appendLines(file, lines, 0o666);
  } catch (error) {
    throw because(complaint, error);
  }
}

/** The time as ctime(3) writes it. */
function dateText(): string {
  const date = new Date();
  const [weekday = '', month = ''] = date.toString().split(' ');
  const two = (value: number, filler = '0'): string => String(value).padStart(2, filler);
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return `${weekday} ${month} ${two(date.getDate(), ' ')} ${time} ${date.getFullYear()}`;
}
