// All programs as one CommonJS script. Node's own modules are loaded when they are used: a run of `-V` needs few of them, and some take
// longer than the rest of it.
import { build } from 'esbuild';
import { bundling } from './bundle.mjs';

/** An entry as CommonJS, in ASCII; a dynamic import() becomes a part that is initialised when it is asked for. */
export async function bundleCommonJs(entry, define = {}) {
  const { outputFiles } = await build({
    ...bundling,
    target: 'node20',
    entryPoints: [entry],
    format: 'cjs',
    charset: 'ascii',
    // a script that is compiled by node:vm has no import()
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': '__filename', 'import.meta.dirname': '__dirname', ...define },
  });
  return lateBuiltins(outputFiles[0].text);
}

/**
 * `var import_node_net=require("node:net")` becomes a function that loads it when it is first called, and each use a call.
 *
 * @throws Error where esbuild's output is not what this takes it to be.
 */
function lateBuiltins(text) {
  const names = new Set();
  const late = text.replace(/\b(import_node_\w+)=((?:__toESM\()?require\("node:[\w/]+"\)(?:,1\)|\))?)/g, (_all, name, load) => {
    names.add(name);
    return `${name}=__late(()=>${load})`;
  });
  const called = late.replace(/(\bnew )?\b(import_node_\w+)(?=\.)/g, (all, isNew, name) => {
    if (!names.has(name)) return all;
    return isNew === undefined ? `${name}()` : `new (${name}())`;
  });
  const left = [...called.matchAll(/\b(import_node_\w+)(?![\w(=,;])/g)].map(([, name]) => name);
  if (names.size === 0 || left.length > 0) throw new Error(`the bundle uses ${left.join(' ') || 'no module of Node'} in an unknown way`);
  const strict = '"use strict";';
  if (!called.startsWith(strict)) throw new Error('the bundle is not strict');
  return `${strict}var __late=load=>{let module;return()=>module??=load()};${called.slice(strict.length)}`;
}

/**
 * A CommonJS bundle as a function expression, with a last argument that is told each part as it is initialised.
 *
 * @throws Error where esbuild's output is not what this takes it to be.
 */
export function asFunction(text) {
  const initialise = 'fn[__getOwnPropNames(fn)[0]]';
  if (text.split(initialise).length !== 2) throw new Error('the bundle initialises its parts in an unknown way');
  if (/[^\0-\x7f]/.test(text)) throw new Error('the bundle is not ASCII');
  const told = text.replace(initialise, 'fn[__told(__getOwnPropNames(fn)[0])]');
  const names = 'exports,require,module,__filename,__dirname,__loaded';
  return `(function(${names}){${told.replace('var __late=', 'var __told=part=>(__loaded(part),part);var __late=')}\n})`;
}
