import { createRequire } from 'node:module';
import path from 'node:path';
import type * as wholeKoffi from 'koffi';

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
  for (const file of candidates()) {
    const module: { exports: unknown } = { exports: {} };
    try {
      process.dlopen(module, file);
      return { koffi: module.exports as Koffi };
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
    }
  }
  return { reason: reason === '' ? `koffi has no binary for ${process.platform} on ${process.arch}` : reason };
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
