// `npm run package [PLATFORM...]`: single binaries of all programs in one, with Node inside, made by Node itself (--build-sea) out of the
// official builds that npm carries. All platforms of node-builds.mjs where none is named.
//
//   build/package/tsh-PLATFORM/                   bin, share, install.sh: what the archive holds
//   build/package/tsh-VERSION-PLATFORM.tar.gz
//
// The binary holds dist's script of all programs and, for the platform that it is made on, the compiled code that runs of it have kept: half
// of what a start would take beyond Node's own. (A snapshot of the memory with all programs loaded takes longer to start from, and more room.)
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';
import { bundledPackages, bundling, licensesOf, packageJson, root } from './bundle.mjs';
import { forgetVariable, stripElf } from './executable.mjs';
import { koffiBuild, nodeBuild, platforms } from './node-builds.mjs';
import { bundleCommonJs } from './programs.mjs';
import { rehearse } from './rehearse.mjs';
import { tar } from './tar.mjs';
import { buildWasm } from './wasm.mjs';

const programs = Object.keys(packageJson.bin);
const piece = 65536;
/** Variables by which Node would run another program, or write files. */
const forgotten = ['NODE_REPL_EXTERNAL_MODULE', 'NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE'];
const output = path.join(root, 'build/package');
const work = path.join(output, 'work');
const host = `${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
/** All files have one date, so that the same sources make the same archive: npm's, where SOURCE_DATE_EPOCH says no other. */
const date = Number(process.env.SOURCE_DATE_EPOCH ?? 499162500);

const asked = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(platforms);
const unknown = asked.filter((platform) => !(platform in platforms));
if (unknown.length > 0) fail(`no such platform: ${unknown.join(' ')}; there are ${Object.keys(platforms).join(' ')}`);
if (!(host in platforms)) fail(`binaries can be made on ${Object.keys(platforms).join(', ')}; this is ${host}`);

delete process.env.NODE_EXTRA_CA_CERTS;
delete process.env.NODE_OPTIONS;
rmSync(work, { recursive: true, force: true });
mkdirSync(work, { recursive: true });
await buildWasm();
const main = path.join(work, 'main.cjs');
writeFileSync(main, await bundleCommonJs('src/cli/binary.ts', { PROGRAM_NAMES: JSON.stringify(programs) }));
const maker = path.join(work, 'node');
const { program, license } = nodeBuild(host);
writeFileSync(maker, program, { mode: 0o755 });
const rehearsed = rehearse(maker, path.join(work, 'rehearsal'));
const unrehearsed = programs.filter((name) => !(name in rehearsed.code));
if (unrehearsed.length > 0) fail(`no code was kept of ${unrehearsed.join(' ')}`);
const shared = sharedFiles(license);
const forUnix = [
  ...(await completions()),
  { name: 'install.sh', bytes: readFileSync(path.join(root, 'test/tools/install.sh')), mode: 0o755 },
];
for (const platform of asked) makePackage(platform);
rmSync(work, { recursive: true });

function makePackage(platform) {
  const folder = path.join(output, `tsh-${platform}`);
  rmSync(folder, { recursive: true, force: true });
  const binary = makeBinary(platform);
  const entries = [...shared, ...(platform.startsWith('win-') ? [] : forUnix), ...binaryEntries(platform, binary)];
  for (const entry of entries) put(path.join(folder, entry.name), entry);
  if (platform === host) execFileSync(path.join(folder, 'bin/tsh'), ['-V'], { stdio: ['ignore', 'ignore', 'pipe'] });
  const name = `tsh-${packageJson.version}-${platform}`;
  const archive = tar(
    entries.map((entry) => ({ ...entry, name: `${name}/${entry.name}` })),
    date,
  );
  writeFileSync(path.join(output, `${name}.tar.gz`), archive);
  process.stdout.write(`${name}.tar.gz: ${megabytes(archive)} MB, the binary ${megabytes(binary)} MB\n`);
}

/** A platform's Node with our programs inside. */
function makeBinary(platform) {
  const node = forgotten.reduce(forgetVariable, nodeBuild(platform).program);
  const koffi = koffiBuild(platform);
  const [empty, koffiFile, config, made] = ['node-empty', 'koffi.node', 'sea.json', 'made'].map((name) =>
    path.join(work, `${platform}-${name}`),
  );
  writeFileSync(empty, platform.startsWith('linux-') ? stripElf(node) : node, { mode: 0o755 });
  if (koffi !== undefined) writeFileSync(koffiFile, koffi);
  // Another platform's V8 refuses the code.
  const kept = platform === host ? Object.entries(rehearsed.code).map(([name, file]) => [`code/${name}`, file]) : [];
  const settings = {
    main,
    executable: empty,
    output: made,
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: false,
    // Neither NODE_OPTIONS nor the command line reaches Node.
    execArgvExtension: 'none',
    // What follows is the name that the binary is called by, which is no option either: a login shell's begins with a dash.
    execArgv: ['--'],
    assets: { programs: rehearsed.script, ...Object.fromEntries(kept), ...(koffi && { 'koffi.node': koffiFile }) },
  };
  writeFileSync(config, JSON.stringify(settings));
  execFileSync(maker, ['--build-sea', config], { stdio: ['ignore', 'ignore', 'inherit'] });
  const binary = readFileSync(made);
  for (const file of [empty, made]) rmSync(file);
  return binary;
}

/** The binary and the other names that it is called by. Windows has no links for everyone: files there say which program is meant. */
function binaryEntries(platform, binary) {
  if (!platform.startsWith('win-')) {
    return programs.map((name) => ({ name: `bin/${name}`, ...(name === 'tsh' ? { bytes: binary, mode: 0o755 } : { link: 'tsh' }) }));
  }
  const script = (name) => `@setlocal\r\n@set TSH_PROGRAM=${name}\r\n@"%~dp0tsh.exe" %*\r\n`;
  return programs.map((name) =>
    name === 'tsh' ? { name: 'bin/tsh.exe', bytes: binary, mode: 0o755 } : { name: `bin/${name}.cmd`, bytes: Buffer.from(script(name)) },
  );
}

/** What stands beside the binary on every platform: manual pages and licences. */
function sharedFiles(nodeLicense) {
  const read = (name) => readFileSync(path.join(root, name));
  const manuals = readdirSync(path.join(root, 'man')).map((name) => ({
    name: `share/man/man${name.at(-1)}/${name}`,
    bytes: read(`man/${name}`),
  }));
  const packages = licensesOf([...bundledPackages, ...Object.keys(packageJson.dependencies)]);
  return [
    ...manuals,
    { name: 'share/doc/tsh/README.md', bytes: read('README.md') },
    { name: 'share/doc/tsh/LICENSE', bytes: read('LICENSE') },
    { name: 'share/doc/tsh/LICENSE.node', bytes: nodeLicense },
    { name: 'share/doc/tsh/LICENSE.packages', bytes: Buffer.from(packages) },
  ];
}

/** The scripts that shells look for by the names of the programs. */
async function completions() {
  const { outputFiles } = await build({ ...bundling, entryPoints: ['src/cli/completion.ts'], format: 'esm', target: 'node20' });
  const { completionScript } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`);
  const [first, ...others] = programs;
  const folder = (shell) => ({ bash: 'share/bash-completion/completions', fish: 'share/fish/vendor_completions.d' })[shell];
  const suffix = (shell) => (shell === 'fish' ? '.fish' : '');
  return [
    { name: 'share/zsh/site-functions/_tsh', bytes: Buffer.from(completionScript('zsh')) },
    ...['bash', 'fish'].flatMap((shell) => [
      { name: `${folder(shell)}/${first}${suffix(shell)}`, bytes: Buffer.from(completionScript(shell)) },
      ...others.map((name) => ({ name: `${folder(shell)}/${name}${suffix(shell)}`, link: `${first}${suffix(shell)}` })),
    ]),
  ];
}

function put(file, { bytes, link, mode = 0o644 }) {
  mkdirSync(path.dirname(file), { recursive: true });
  if (link !== undefined) symlinkSync(link, file);
  else {
    // Piece by piece, as tar(1) and cp(1) do: Linux keeps what was written at once together, and whoever runs it has all of that in memory.
    const fd = openSync(file, 'w', mode);
    for (let at = 0; at < bytes.length; at += piece) writeSync(fd, bytes, at, Math.min(piece, bytes.length - at));
    closeSync(fd);
    chmodSync(file, mode);
  }
}

function megabytes(bytes) {
  return (bytes.length / 1e6).toFixed(1);
}

function fail(text) {
  process.stderr.write(`package: ${text}\n`);
  process.exit(2);
}
