/** Compiles a script and writes what V8 would keep of it; with "less" after it has compiled less for a while, with "still" while it does. */
import { Script } from 'node:vm';
import { compileAsEver, compileLess } from '../../src/node/compile-less.ts';

const [source = '', how] = process.argv.slice(2);
if (how !== undefined) compileLess('turbofan', 'maglev');
if (how === 'less') compileAsEver();
process.stdout.write(new Script(source).createCachedData());
