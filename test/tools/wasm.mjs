// Compiles every AssemblyScript source `src/**/NAME.as.ts` to the generated module `NAME.wasm.ts` beside it, which exports the binary as
// base64. A source whose text and options are those of the module that is there is left alone, so that a second run costs nothing.
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const options = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd'];

/** Brings the generated modules up to date with their sources and removes those whose source is gone. */
export async function buildWasm() {
  const sources = files('.as.ts');
  for (const module of files('.wasm.ts')) {
    if (!sources.includes(module.replace(/\.wasm\.ts$/, '.as.ts'))) rmSync(path.join(root, module));
  }
  for (const source of sources) {
    const target = source.replace(/\.as\.ts$/, '.wasm.ts');
    const stamp = `// Generated from ${path.basename(source)}: ${digest(readFileSync(path.join(root, source)))}`;
    if (firstLine(path.join(root, target)) === stamp) continue;
    const text = `${stamp}\n/** The module's binary, in base64. */\nexport const wasmBase64 =\n  '${(await compile(source)).toString('base64')}';\n`;
    const temporary = path.join(root, `${target}.${process.pid}`);
    writeFileSync(temporary, text);
    renameSync(temporary, path.join(root, target));
  }
}

function files(suffix) {
  return walk('src').filter((file) => file.endsWith(suffix));
}

function walk(folder) {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    return entry.isDirectory() ? walk(file) : [file];
  });
}

function digest(bytes) {
  return createHash('sha256').update(options.join(' ')).update(bytes).digest('hex');
}

function firstLine(file) {
  try {
    return readFileSync(file, 'utf8').split('\n', 1)[0];
  } catch {
    return undefined;
  }
}

async function compile(source) {
  const { default: asc } = await import('assemblyscript/asc');
  let binary;
  const { error, stderr } = await asc.main([source, '--baseDir', root, '--outFile', 'out.wasm', ...options], {
    writeFile(name, contents) {
      if (name.endsWith('.wasm')) binary = Buffer.from(contents);
    },
  });
  if (error !== null || binary === undefined) throw new Error(`${source}: ${stderr.toString()}${error?.message ?? 'no output'}`);
  return binary;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildWasm();
