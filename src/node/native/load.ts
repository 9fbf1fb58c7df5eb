import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import type * as wholeKoffi from 'koffi';
import { embeddedFile } from '../own-program.ts';

/** koffi as its binary alone offers it: without what its JavaScript adds. */
export type Koffi = Omit<typeof wholeKoffi, 'default' | 'introspect' | 'resolve'>;

type Loaded = { readonly koffi: Koffi } | { readonly reason: string };

let loaded: Loaded | undefined;

/**
 * koffi, loaded on the first call, or undefined where native calls are off: by TSH_NO_NATIVE=1, or because the package has no binary for
 * this platform. Its binary is loaded without its JavaScript, which is quicker and lets it stand beside a bundle.
 */
export function loadKoffi(): Koffi | undefined {
  const result = load();
  return 'koffi' in result ? result.koffi : undefined;
}

/** A sentence that says that `feature` can't be had, and why. */
export function nativeRefusal(feature: string): string {
  const result = load();
  return `${feature} needs native calls, which are off: ${'reason' in result ? result.reason : 'this platform lacks a function'}`;
}

function load(): Loaded {
  loaded ??= process.env['TSH_NO_NATIVE'] === '1' ? { reason: 'TSH_NO_NATIVE is set' } : open();
  return loaded;
}

function open(): Loaded {
  let reason = '';
  try {
    const embedded = loadEmbedded();
    if (embedded !== undefined) return { koffi: embedded };
  } catch (error) {
    return { reason: textOf(error) };
  }
  for (const file of candidates()) {
    try {
      return { koffi: loadFile(file) };
    } catch (error) {
      reason = textOf(error);
    }
  }
  return { reason: reason === '' ? `koffi has no binary for ${process.platform} on ${process.arch}` : reason };
}

function loadFile(file: string): Koffi {
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, file);
  return module.exports as Koffi;
}

/**
 * koffi out of the single binary. The system's loader takes files only: the bytes go into one that nobody else can have opened, in a new
 * folder that is ours alone, and that is gone again before anything else happens. It is loaded by its descriptor where that has a name, so
 * that whoever may rename the folder meanwhile can't put another file in its place.
 *
 * @throws Error where the file can't be made or not be loaded, as from a file system that is mounted noexec.
 */
function loadEmbedded(): Koffi | undefined {
  const bytes = embeddedFile('koffi.node');
  if (bytes === undefined) return undefined;
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'tsh-'));
  const file = path.join(folder, 'koffi.node');
  try {
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = fs.constants;
    const fd = fs.openSync(file, O_CREAT | O_EXCL | O_NOFOLLOW | O_RDWR, 0o700);
    try {
      for (const { uid, mode } of [fs.lstatSync(folder), fs.fstatSync(fd)]) {
        if (uid !== process.geteuid?.() || (mode & 0o077) !== 0) throw new Error(`${file} is not ours alone`);
      }
      for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at);
      return loadFile(process.platform === 'linux' ? `/proc/self/fd/${fd}` : file);
    } finally {
      fs.closeSync(fd);
      fs.unlinkSync(file);
    }
  } finally {
    fs.rmdirSync(folder);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Where the binary may be: in koffi's package for this platform, for glibc or else for musl. */
function candidates(): string[] {
  const { platform, arch } = process;
  try {
    const fromKoffi = createRequire(createRequire(import.meta.url).resolve('koffi'));
    const folder = path.dirname(fromKoffi.resolve(`@koromix/koffi-${platform}-${arch}/package.json`));
    const builds = platform === 'linux' ? [`linux_${arch}`, `musl_${arch}`] : [`${platform}_${arch}`];
    return builds.map((build) => path.join(folder, build, 'koffi.node'));
  } catch {
    return [];
  }
}
