import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Brings the generated WebAssembly modules up to date, so that tests run without a build before them. */
export function setup(): void {
  execFileSync(process.execPath, [fileURLToPath(new URL('wasm.mjs', import.meta.url))], { stdio: 'inherit' });
}
