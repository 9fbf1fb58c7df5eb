import { errnoText, errnoOf } from '../node/errno.ts';
import { removeStaleAgents } from '../node/agent-socket.ts';
import { closeInherited, isWorker, reportToParent, runUnderAgent, startWorker } from '../node/agent-worker.ts';
import { writeTo } from '../node/files.ts';
import { staySmall } from '../node/small.ts';
import { type AgentOptions, parseAgentOptions } from './tsh-agent-options.ts';
import type { RunningAgent } from './tsh-agent-serve.ts';
import { versionLine } from './version.ts';

/** The variables by which the agent is found. */
const socketVariable = 'SSH_AUTH_SOCK';
const pidVariable = 'SSH_AGENT_PID';

/** What `tsh-agent` does: the process ends with the status that it gives. */
export async function main(argv: readonly string[]): Promise<number> {
  const options = parseAgentOptions(argv);
  if ('message' in options) {
    writeTo(2, options.message);
    return options.status;
  }
  if (options.action !== 'serve') return actions[options.action](options);
  if (isWorker()) return serveInBackground(options);
  closeInherited();
  return options.foreground === undefined ? startInBackground(options) : serveInForeground(options);
}

const actions: Readonly<Record<Exclude<AgentOptions['action'], 'serve'>, (options: AgentOptions) => Promise<number> | number>> = {
  kill: killAgent,
  clean: async ({ everyHost }) => {
    await removeStaleAgents(everyHost);
    writeTo(1, 'Deleted stale agent sockets in ~/.ssh/agent\n');
    return 0;
  },
  version: () => {
    writeTo(2, `${versionLine()}\n`);
    return 0;
  },
};

function killAgent(options: AgentOptions): number {
  const text = process.env[pidVariable];
  const problem = text === undefined ? `${pidVariable} not set, cannot kill agent` : badPid(text);
  if (problem !== undefined) {
    writeTo(2, `${problem}\n`);
    return 1;
  }
  try {
    process.kill(Number(text), 'SIGTERM');
  } catch (error) {
    writeTo(2, `kill: ${errnoText(errnoOf(error) ?? 'EINVAL')}\n`);
    return 1;
  }
  const unset = isCsh(options) ? 'unsetenv' : 'unset';
  writeTo(1, `${unset} ${socketVariable};\n${unset} ${pidVariable};\necho Agent pid ${Number(text)} killed;\n`);
  return 0;
}

function badPid(text: string): string | undefined {
  const problem = !/^[+-]?\d+$/.test(text)
    ? 'invalid'
    : Number(text) < 1
      ? 'too small'
      : Number(text) > 0x7fffffff
        ? 'too large'
        : undefined;
  return problem === undefined ? undefined : `${pidVariable}="${text}", which is not a good PID: ${problem}`;
}

async function serveInForeground(options: AgentOptions): Promise<number> {
  try {
    const { path } = await serve(options);
    const lines = path === undefined ? '' : setting(options, socketVariable, path);
    writeTo(1, `${lines}echo Agent pid ${process.pid};\n`);
  } catch (error) {
    return refused(error);
  }
  return new Promise(() => {});
}

async function serveInBackground(options: AgentOptions): Promise<number> {
  try {
    const agent = await serve(options);
    const end = options.command.length === 0 ? undefined : () => agent.end(0);
    reportToParent({ path: agent.path ?? '' }, end);
  } catch (error) {
    reportToParent({ problem: textOf(error) }, undefined);
    return 1;
  }
  return new Promise(() => {});
}

async function serve(options: AgentOptions): Promise<RunningAgent> {
  // Before the rest is loaded, because only what is loaded later becomes smaller by it.
  staySmall();
  const { serveAgent } = await import('./tsh-agent-serve.ts');
  return serveAgent(options);
}

async function startInBackground(options: AgentOptions): Promise<number> {
  const { pid, report } = await startWorker();
  if ('problem' in report) return refused(new Error(report.problem));
  const { command } = options;
  if (command.length === 0) {
    const lines = `${setting(options, socketVariable, report.path)}${setting(options, pidVariable, String(pid))}`;
    writeTo(1, `${lines}echo Agent pid ${pid};\n`);
    return 0;
  }
  try {
    return await runUnderAgent(command, { [socketVariable]: report.path, [pidVariable]: String(pid) });
  } catch (error) {
    writeTo(2, `${command[0] ?? ''}: ${errnoText(errnoOf(error) ?? 'ENOENT')}\n`);
    return 1;
  }
}

/** A line that sets and exports a variable. */
function setting(options: AgentOptions, name: string, value: string): string {
  const quoted = /^[\w/.,:=@%+-]*$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
  return isCsh(options) ? `setenv ${name} ${quoted};\n` : `${name}=${quoted}; export ${name};\n`;
}

function isCsh({ syntax }: AgentOptions): boolean {
  return syntax === undefined ? (process.env['SHELL'] ?? '').endsWith('csh') : syntax === 'csh';
}

function refused(error: unknown): number {
  writeTo(2, `${textOf(error)}\r\n`);
  return 1;
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
