import { verboseLevel } from '../core/util/log.ts';
import { writeTo } from '../node/files.ts';
import { getopt } from './getopt.ts';
import { operationOf } from './keygen/operations.ts';
import { keygenFlags, keygenSpec, newOptions, type KeygenOptions } from './keygen/options.ts';
import { Exit, Fatal } from './keygen/endings.ts';
import { Run } from './keygen/run.ts';
import { keygenUsage } from './keygen/usage.ts';
import { runProgram } from './program.ts';

/** What ssh-keygen exits with for errors that it tells in its log. */
const FAILED = 255;

async function main(argv: readonly string[]): Promise<number> {
  let run = new Run(newOptions(), 'INFO');
  try {
    const options = readOptions(argv);
    if (options === 'usage') return 1;
    run = new Run(options, verboseLevel(options.verbosity));
    const status = await operationOf(run)(run);
    run.flush();
    return status;
  } catch (error) {
    if (error instanceof Exit) {
      run.flush();
      return error.status;
    }
    if (!(error instanceof Fatal)) throw error;
    run.log('FATAL', error.message);
    return FAILED;
  }
}

/** The options of a command line; where it is wrong the user has been told. @throws Fatal for a wrong value */
function readOptions(argv: readonly string[]): KeygenOptions | 'usage' {
  const { options, taken } = getopt(argv, keygenSpec);
  const draft = newOptions();
  for (const option of options) {
    if ('problem' in option) {
      writeTo(2, `${option.problem} -- ${option.flag}\r\n${keygenUsage}`);
      return 'usage';
    }
    const { flag, value = '' } = option;
    const row = keygenFlags[flag];
    if (row?.value === undefined) draft.given.add(flag);
    else draft.values.set(flag, value);
    row?.apply?.(draft, value);
  }
  draft.operands = argv.slice(taken);
  return draft;
}

runProgram('ssh-keygen', FAILED, main);
