// The compiled code of the programs, kept by runs of them on another Node than this one, for a binary that holds it.
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { root } from './bundle.mjs';

/**
 * Runs what is in dist/ and bin/ on a Node: connections to the demo's own server, and what is done most without one.
 *
 * @param folder is made, below the folder that holds node_modules.
 * @returns the path of the script, and by the programs' names those of the code that they kept of it.
 */
export function rehearse(node, folder) {
  mkdirSync(folder);
  cpSync(path.join(root, 'bin'), path.join(folder, 'bin'), { recursive: true });
  cpSync(path.join(root, 'dist'), path.join(folder, 'dist'), { recursive: true, filter: (file) => path.basename(file) !== 'code' });
  const program = (name) => path.join(folder, 'bin', name);
  const key = path.join(folder, 'key');
  const run = (...args) => execFileSync(node, args, { stdio: ['ignore', 'ignore', 'ignore'], timeout: 120_000 });
  run(path.join(folder, 'dist/demo.js'));
  run(program('tsh'), '-V');
  run(program('tsh'), '-G', '-F', 'none', 'server');
  run(program('tsh-keygen'), '-q', '-t', 'ed25519', '-N', '', '-f', key);
  run(program('tsh-keygen'), '-lf', key);
  run(program('tsh-agent'), node, program('tsh-add'), '-q', key);
  const script = readdirSync(path.join(folder, 'dist')).find((name) => /^programs-.*\.cjs$/.test(name));
  const kept = () => readdirSync(path.join(folder, 'dist/code')).map((name) => [name.slice(script.length + 1).split('.')[0], name]);
  // Most of what tsh-copy-id does is what tsh does: it begins with that code, and adds its own, up to a connection that does not come about.
  const codeOfTsh = path.join(folder, 'dist/code', Object.fromEntries(kept()).tsh);
  copyFileSync(codeOfTsh, codeOfTsh.replace(`${script}.tsh.`, `${script}.tsh-copy-id.`));
  spawnSync(node, [program('tsh-copy-id'), '-i', `${key}.pub`, '-F', 'none', '-o', 'ProxyCommand=false', 'server'], { stdio: 'ignore' });
  return {
    script: path.join(folder, 'dist', script),
    code: Object.fromEntries(kept().map(([name, file]) => [name, path.join(folder, 'dist/code', file)])),
  };
}
