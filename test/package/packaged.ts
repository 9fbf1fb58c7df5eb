import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe } from 'vitest';

/** The folder that `npm run package` fills. */
const packages = fileURLToPath(new URL('../../build/package', import.meta.url));

/** The platform that this is, as packages are named. */
export const host = `${process.platform}-${process.arch}`;

/** What is in a platform's package, as it was before it was packed. */
export function unpacked(platform: string): string {
  return path.join(packages, `tsh-${platform}`);
}

/** The archive of a platform's package. */
export function archive(platform: string): string {
  const name = readdirSync(packages).find((file) => file.endsWith(`-${platform}.tar.gz`));
  if (name === undefined) throw new Error(`no archive for ${platform} in ${packages}`);
  return path.join(packages, name);
}

/**
 * A suite about packages. They are made from sources that may have changed since: it is run only where TSH_BIN says that they are meant, and
 * then they must be there.
 */
export function describePackaged(name: string, body: () => void): void {
  if (process.env['TSH_BIN'] === undefined) {
    describe.skip(`${name} (skipped: npm run package, then TSH_BIN=build/package/tsh-${host}/bin)`, body);
  } else describe(name, body);
}

/** The platforms that there are packages for. */
export function packagedPlatforms(): readonly string[] {
  if (!existsSync(packages)) return [];
  return readdirSync(packages).flatMap((file) => /^tsh-([a-z]+-[a-z0-9]+)$/.exec(file)?.[1] ?? []);
}
