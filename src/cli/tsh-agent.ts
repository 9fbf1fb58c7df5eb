import { runProgram } from './program.ts';

runProgram('tsh-agent', 1, async (argv) => {
  // Until there is something to be done at this signal it must not open the runtime's debugger.
  process.on('SIGUSR1', () => {});
  const { main } = await import('./tsh-agent-main.ts');
  return main(argv);
});
