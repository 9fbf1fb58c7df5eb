// What must hold of the sources before they land. `npm run check` runs all, `npm run check -- lint types` some; two at a time.
// A check that passes is one line; what a failing one says follows it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildWasm } from './wasm.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const bin = path.join(root, 'node_modules/.bin');

/** The slowest first. What is unused can be told only where there is a program to use it. */
const checks = {
  lint: ['eslint', '--config', 'test/lint/eslint.config.mjs', '--max-warnings', '0', 'src', 'test'],
  types: ['tsc', '-p', '.'],
  dependencies: ['depcruise', '--config', 'test/lint/dependencies.config.mjs', 'src'],
  unused: existsSync(path.join(root, 'src/cli/tsh.ts')) ? ['knip', '--config', 'test/lint/knip.json', '--no-progress'] : undefined,
  format: ['biome', 'format', '--config-path=test/lint/format.json', 'src', 'test'],
};

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in checks));
if (unknown.length > 0) {
  process.stderr.write(`no such check: ${unknown.join(' ')}; there are ${Object.keys(checks).join(' ')}\n`);
  process.exit(2);
}

delete process.env.NODE_EXTRA_CA_CERTS;
await buildWasm();
const waiting = asked.length > 0 ? asked : Object.keys(checks);
await Promise.all([worker(), worker()]);

async function worker() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await run(name);
}

function run(name) {
  if (checks[name] === undefined) return Promise.resolve();
  const [program, ...args] = checks[name];
  const started = Date.now();
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(bin, program), args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = [];
    child.stdout.on('data', (bytes) => output.push(bytes));
    child.stderr.on('data', (bytes) => output.push(bytes));
    child.on('error', reject);
    child.on('close', (code) => {
      const seconds = ((Date.now() - started) / 1000).toFixed(1);
      process.stdout.write(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} ${seconds} s\n`);
      if (code !== 0) {
        process.stdout.write(Buffer.concat(output));
        process.exitCode = 1;
      }
      resolve();
    });
  });
}
