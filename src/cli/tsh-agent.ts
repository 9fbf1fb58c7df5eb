import { staySmall } from '../node/small.ts';
import { runProgram } from './program.ts';

runProgram('tsh-agent', 1, async (argv) => {
  // Before anything else is loaded, because only what is loaded later becomes smaller by it.
  staySmall();
  // Until there is something to be done at this signal it must not open the runtime's debugger.
  process.on('SIGUSR1', () => {});
  const { main } = await import('./tsh-agent-main.ts');
  return main(argv);
});
