/**
 * How our programs are started again: as scripts of the runtime, or as the single binary, which is all of them and acts by the name that
 * it is called by.
 */
import fs from 'node:fs';
import path from 'node:path';

/** The name of the single binary, where nobody renamed it. */
const binaryName = 'tsh';

/** What spawn(3) takes to start this very program again. */
export interface OwnStart {
  readonly file: string;
  readonly args: readonly string[];
  /** What it sees as its name; undefined where that is of no account. */
  readonly argv0: string | undefined;
}

let isBinary = false;

/**
 * Has this process be the single binary.
 *
 * @returns which of `programs` it is asked to be: by its own name, or by OpenSSH's for what it does.
 */
export function beBinary(programs: readonly string[]): string {
  isBinary = true;
  const program = askedProgram(programs);
  delete process.env['TSH_PROGRAM'];
  if (process.platform === 'linux') showName(program);
  return program;
}

/** Which of `programs` the single binary is asked to be: by TSH_PROGRAM, which tells what its name can't, else by its name. */
export function askedProgram(programs: readonly string[]): string {
  return programOf(process.env['TSH_PROGRAM'] ?? process.argv0, programs);
}

/**
 * The program that a path or name such as `/usr/bin/tsh-add`, `ssh-add`, `scp` or `tsh-add.exe` stands for: one of `programs`, of which the
 * first is what every unknown name means.
 */
export function programOf(name: string, programs: readonly string[]): string {
  // a dash in front says that it is a login shell
  const base = (/[^/\\]*$/.exec(name)?.[0] ?? '').replace(/^-|\.exe$/gi, '');
  const names = [base, `t${base.slice(1)}`, `t${base}`];
  return programs.find((program) => names.includes(program)) ?? programs[0] ?? '';
}

/** The command that starts one of our programs, for a shell or a spawn: a file and its first arguments. */
export function ownCommand(program: string): readonly string[] {
  if (!isBinary) {
    const script = fs.realpathSync(process.argv[1] ?? '');
    return [process.execPath, path.join(path.dirname(script), `${program}${path.extname(script)}`)];
  }
  return program === binaryName && path.basename(process.execPath) === binaryName
    ? [process.execPath]
    : ['/usr/bin/env', `TSH_PROGRAM=${program}`, process.execPath];
}

/** What starts this very program again with the arguments that it has. Flags are the runtime's, which the single binary takes none of. */
export function ownStart(flags: readonly string[]): OwnStart {
  const args = process.argv.slice(2);
  if (isBinary) return { file: process.execPath, args, argv0: process.argv0 };
  return { file: process.execPath, args: [...process.execArgv, ...flags, process.argv[1] ?? '', ...args], argv0: undefined };
}

/**
 * A file that the single binary holds, to be read only: it is the binary's own memory. Undefined in every other form.
 *
 * @throws Error where the binary lacks it.
 */
export function embeddedFile(name: string): Uint8Array | undefined {
  return isBinary ? rawAsset(name) : undefined;
}

/** The same for the single binary's own start, before it knows what it is; undefined where the binary lacks it. */
export function startAsset(name: string): Uint8Array | undefined {
  try {
    return rawAsset(name);
  } catch {
    return undefined;
  }
}

function rawAsset(name: string): Uint8Array {
  return new Uint8Array(process.getBuiltinModule('node:sea').getRawAsset(name) as ArrayBuffer);
}

/** The runtime names its main thread after itself, and that is the name that ps(1) and pgrep(1) see. */
function showName(program: string): void {
  try {
    fs.writeFileSync('/proc/self/comm', program);
  } catch {
    // Without /proc there is nobody who could see it.
  }
}
