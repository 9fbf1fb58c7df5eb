// All programs as one script: a function for each of their parts, which runs when the part is first asked for. V8 makes nothing of the
// others, and what it keeps of the script is what has run. Node's own modules are loaded when they are used: a run of `-V` needs few of
// them, and some take longer than the rest of it.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { build, transform } from 'esbuild';
import { bundling, root } from './bundle.mjs';

const options = {
  target: 'node20',
  charset: 'ascii',
  define: { 'import.meta.url': '__filename', 'import.meta.dirname': '__dirname' },
};

/** An entry as CommonJS, in ASCII. */
export async function bundleCommonJs(entry, define = {}) {
  const { outputFiles } = await build({
    ...bundling,
    ...options,
    entryPoints: [entry],
    format: 'cjs',
    define: { ...options.define, ...define },
  });
  return `"use strict";${lateHelpers}${lateBuiltins(outputFiles[0].text.replace(/^"use strict";/, ''))}`;
}

/**
 * An entry as a function expression of what CommonJS modules are called with, and of who wants to know of each part that is loaded.
 *
 * @throws Error where esbuild's output is not what this takes it to be.
 */
export async function bundleParts(entry) {
  const { outputFiles, metafile } = await build({
    ...bundling,
    ...options,
    entryPoints: [entry],
    outdir: 'out',
    format: 'esm',
    splitting: true,
    chunkNames: '[name]-[hash]',
    metafile: true,
  });
  refuseVariables(Object.keys(metafile.inputs));
  const helpers = await helpersOf();
  const nameOf = (file) => path.basename(file, '.js');
  const parts = await Promise.all(
    outputFiles.map(async ({ path: file, text }) => `${JSON.stringify(nameOf(file))}(){${await part(text, helpers)}}`),
  );
  const names = 'exports,require,module,__filename,__dirname,__loaded';
  const loader =
    'var __made=new Map,__part=name=>{let made=__made.get(name);return made===void 0&&(__loaded(name),__made.set(name,made=__parts[name]()??{})),made};';
  const script = `(function(${names}){"use strict";${lateHelpers}${helpers}${loader}var __parts={${parts.join(',\n')}};Object.assign(exports,__part(${JSON.stringify(path.basename(entry, '.ts'))}))\n})`;
  if (/[^\0-\x7f]/.test(script)) throw new Error('the bundle is not ASCII');
  return script;
}

/** A part takes what it imports when it begins: nothing that is exported may change later. */
function refuseVariables(files) {
  for (const file of files.filter((one) => /\.[cm]?[jt]s$/.test(one))) {
    if (/^export (let|var) /m.test(readFileSync(path.join(root, file), 'utf8'))) throw new Error(`${file} exports a variable`);
  }
}

/** The body of a function that returns what an ES module of esbuild's exports. */
async function part(text, helpers) {
  const imported = text
    .replace(/\bimport(?:\{([^{}"]*)\}from)?"\.\/([\w.-]+)\.js";/g, (_all, names, name) => {
      const call = `__part(${JSON.stringify(name)});`;
      return names === undefined ? call : `var{${asProperties(names)}}=${call}`;
    })
    .replace(/\bimport\("\.\/([\w.-]+)\.js"\)/g, (_all, name) => `Promise.resolve().then(()=>__part(${JSON.stringify(name)}))`)
    .replace(/\bexport\{([^{}"]*)\};?\s*$/, (_all, names) => `__exported({${asProperties(names, true)}});`);
  if (/\b(?:from|import)\(?"\.{0,2}\//.test(imported) || /[;}]export[{* ]/.test(imported)) {
    throw new Error(
      `the bundle imports or exports in an unknown way: ${/.{60}\b(?:from|import)\(?"\.{0,2}\/.{20}/.exec(imported)?.[0] ?? ''}`,
    );
  }
  const { code } = await transform(imported, {
    ...options,
    define: {},
    format: 'cjs',
    platform: 'node',
    minifySyntax: true,
    minifyWhitespace: true,
  });
  const body = lateBuiltins(code.startsWith(helpers) ? code.slice(helpers.length).trimEnd() : code.trimEnd());
  if (/\bmodule\.exports=/.test(body)) throw new Error('a part exports in an unknown way');
  return body.replace(/(?:,|\b)__exported\((\{[^{}]*\})\);?$/, ';return$1');
}

/** `a as b,c` as the properties of an object: `a:b,c` of one that is taken apart, `b:a,c` of one that is made. */
function asProperties(names, isMade = false) {
  return names
    .split(',')
    .map((name) => name.split(' as '))
    .map(([from, to]) => (to === undefined ? from : isMade ? `${to}:${from}` : `${from}:${to}`))
    .join(',');
}

/** What esbuild puts before code that imports in its way. */
async function helpersOf() {
  const { code } = await transform('import fs from"node:fs";fs.stat', {
    ...options,
    define: {},
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
  });
  return code.slice(0, code.indexOf('var import_node_fs'));
}

/** A module of Node's that is loaded when it is first used, and one that is its own default export. */
const lateHelpers = 'var __late=load=>{let module;return()=>module??=load()},__builtin=module=>({__proto__:module,default:module});';

/**
 * `var import_node_net=require("node:net")` becomes a function that loads it when it is first called, and each use a call.
 *
 * @throws Error where esbuild's output is not what this takes it to be.
 */
function lateBuiltins(text) {
  const names = new Set();
  const load = /\b(import_node_\w+)=(?:require\(("node:[\w/]+")\)|__toESM\(require\(("node:[\w/]+")\)(?:,1)?\))/g;
  const late = text.replace(load, (_all, name, module, whole) => {
    names.add(name);
    return `${name}=__late(()=>${whole === undefined ? `require(${module})` : `__builtin(require(${whole}))`})`;
  });
  const called = late.replace(/(\bnew )?\b(import_node_\w+)(?=\.)/g, (all, isNew, name) => {
    if (!names.has(name)) return all;
    return isNew === undefined ? `${name}()` : `new (${name}())`;
  });
  const left = [...called.matchAll(/\b(import_node_\w+)(?![\w(=,;])/g)].map(([, name]) => name);
  if (left.length > 0) throw new Error(`the bundle uses ${left.join(' ')} in an unknown way`);
  return called;
}
