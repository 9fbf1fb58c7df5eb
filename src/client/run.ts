import { ChannelTimeouts } from '../core/connection/timeouts.ts';
import { openDirectStreamlocal, openDirectTcpip } from '../core/connection/forwarding.ts';
import { ChannelOpenError } from '../core/connection/open-error.ts';
import { SshError } from '../core/util/errors.ts';
import { type LogLevel, isLogged } from '../core/util/log.ts';
import { matchPatternList } from '../core/util/pattern.ts';
import { systemClock } from '../node/clock.ts';
import { compileLess } from '../node/compile-less.ts';
import { SystemError } from '../node/errno.ts';
import { readAnswer } from '../node/read-passphrase.ts';
import { ownEnvironment } from '../node/own-words.ts';
import { runShell, runShellAside, userShell } from '../node/spawn.ts';
import { terminalModes } from '../node/terminal-modes.ts';
import { enterRawMode } from '../node/tty.ts';
import { agentAnswers, forwardedAgent } from './agent-forward.ts';
import type { StdioForward } from '../config/forward-spec.ts';
import { connectionTokens, expandConfiguredTokens, tokensOf } from '../config/tokens.ts';
import { type Authenticated, Client, type ClientTask, exitCode } from './client.ts';
import type { ClientConfig } from './config.ts';
import { EndSignals } from './end-signals.ts';
import { runEscapeCommand } from './escape-command.ts';
import { LocalForwards } from './local-forwards.ts';
import { SessionIo } from './session-io.ts';
import { Session, type SessionPlan } from './session.ts';

/** A whole run of the client: a connection and what is done with it. */
export interface ClientRun extends ClientTask {
  /** -W: what stdin and stdout are tied to; then there is no session. */
  readonly stdioForward: StdioForward | undefined;
  /** How much is logged, which the user may change while the session runs. */
  readonly level: { get(): LogLevel; set(level: LogLevel): void };
}

/** The exit code of every failure of ssh's own. */
const FAILED = 255;

/**
 * Connects, runs what is to be run, and settles with the exit code: the remote command's own, or 255. What there is to say is said.
 */
export async function runClient(run: ClientRun): Promise<number> {
  const agent = forwardedAgent(run.config, run.environment, run.log);
  if (agent !== undefined && 'failed' in agent && run.config.options.exitOnForwardFailure) return FAILED;
  const client = new Client({ ...run, agentSocket: agent !== undefined && 'socket' in agent ? agent.socket : undefined });
  const signals = new EndSignals();
  try {
    const opened = await client.open();
    const code = await new Runner(run, opened, {
      signals,
      end: (well) => (well ? client.finish() : client.leave()),
      tell: (error) => client.tell(error),
    }).run();
    client.finish();
    return code;
  } catch (error) {
    client.tell(error);
    return FAILED;
  } finally {
    signals.stop();
    client.abandon();
  }
}

/** How a run ends that something ends from outside. */
interface Ending {
  readonly signals: EndSignals;
  readonly end: (well: boolean) => void;
  /** Says why the connection is gone, once. */
  readonly tell: (error: unknown) => void;
}

class Runner {
  private readonly task: ClientRun;
  private readonly opened: Authenticated;
  private readonly ending: Ending;
  private readonly localForwards: LocalForwards;

  constructor(run: ClientRun, opened: Authenticated, ending: Ending) {
    this.task = run;
    this.opened = opened;
    this.ending = ending;
    this.localForwards = new LocalForwards(opened.connection, opened.options, run);
  }

  async run(): Promise<number> {
    const { options } = this.opened;
    this.limitIdleness();
    const strict = options.exitOnForwardFailure;
    const all = await this.localForwards.start(options.localForward, strict);
    if (!all && strict) return FAILED;
    const { stdioForward } = this.task;
    if (stdioForward !== undefined) return await this.tieStdio(stdioForward);
    if (options.sessionType === 'none') return await this.stay();
    return await this.session();
  }

  /** Closes channels that are idle for longer than ChannelTimeout lets them. */
  private limitIdleness(): void {
    const { connection, closed } = this.opened;
    const { log, config, stdioForward } = this.task;
    const types: Readonly<Record<string, string>> = {
      session: `session:${sessionKind(config)}`,
      'auth-agent@openssh.com': 'agent-connection',
      ...(stdioForward === undefined ? {} : { 'direct-tcpip': 'stdio-forward', 'direct-streamlocal@openssh.com': 'stdio-forward' }),
    };
    const timeouts = new ChannelTimeouts(systemClock, {
      timeouts: config.options.channelTimeout,
      channels: () => connection.channels,
      typeOf: ({ type }) => types[type] ?? type,
      expired: ({ id }, seconds) => log('VERBOSE', `channel ${id}: closing after ${seconds} seconds of inactivity`),
    });
    void closed.then(() => timeouts.stop());
  }

  /** Ties stdin and stdout to something on the server's side (-W). */
  private async tieStdio(target: StdioForward): Promise<number> {
    const io = new SessionIo();
    const over = new Promise<void>((settle) => {
      io.handler.onClose = () => settle();
    });
    // what hangs up may do so with its first bytes
    io.handler.onOpen = (channel) => io.attach(channel);
    // whoever holds our stdin open waits for our end: a program that goes through this one (ProxyJump) would wait for ever
    io.handler.onEof = () => io.endInput();
    try {
      this.enter();
      const { connection } = this.opened;
      if ('path' in target) await openDirectStreamlocal(connection, target.path, io.handler);
      else await openDirectTcpip(connection, target, { host: '127.0.0.1', port: 65535 }, io.handler);
      io.read(0, (input) => input);
      await over;
      await new Promise<void>((done) => io.finish(done));
      return 0;
    } catch (error) {
      if (!(error instanceof ChannelOpenError)) throw error;
      this.task.log('ERROR', `channel ${error.channel}: open failed: ${error.message}`);
      this.task.log('ERROR', 'stdio forwarding failed');
      return FAILED;
    }
  }

  /**
   * Marks packets by IPQoS. Where nobody chose a class, only those of a terminal are marked: the mark costs loading native calls, which a
   * terminal has paid for already.
   */
  private markTraffic(interactive: boolean): void {
    const { options, settings } = this.task.config;
    const value = interactive ? options.ipQos.interactive : options.ipQos.bulk;
    // a DSCP is the upper six bits of the byte
    if (value !== 'none' && (interactive || settings.get('ipQos') !== undefined)) this.opened.mark(value << 2);
  }

  /** Runs LocalCommand, where it is permitted; whatever becomes of it, the session goes on. */
  private runLocalCommand(): void {
    const { config, environment, log } = this.task;
    const { localCommand, permitLocalCommand } = config.options;
    if (localCommand === undefined || !permitLocalCommand) return;
    // %T: there is no tunnel device
    const command = expandConfiguredTokens(
      localCommand,
      tokensOf('localCommand', { ...connectionTokens(config.tokens, environment), T: 'NONE' }),
      environment,
    );
    const execution = `${userShell()} -c "${command}"`;
    log('DEBUG3', `Executing ${execution}`);
    try {
      runShell(command);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log('ERROR', `Couldn't execute ${execution}: ${error.message}`);
    }
  }

  /** From here on the connection is the user's; `farewell` is what is said when a signal ends it. */
  private enter(farewell?: string): void {
    const { log, config, stdioForward } = this.task;
    const endsWell = stdioForward !== undefined || config.options.sessionType === 'none';
    this.ending.signals.start({ log, farewell, endsWell, end: this.ending.end });
    if (stdioForward === undefined) log('DEBUG', 'Entering interactive session.');
  }

  /** Without a session (-N) the connection lasts until it is ended. */
  private async stay(): Promise<number> {
    this.markTraffic(false);
    this.runLocalCommand();
    this.enter();
    const error = await this.opened.closed;
    if (error !== undefined) throw error;
    return FAILED;
  }

  private async session(): Promise<number> {
    const { connection, transport, closed, agentSocket } = this.opened;
    const { config, log, events, level } = this.task;
    const { options } = config;
    const plan = sessionPlan(this.task, agentSocket !== undefined && (await agentAnswers(agentSocket, log)));
    const session = new Session(connection, plan, {
      events,
      log,
      rawMode: () => (plan.stdin === undefined ? (): void => undefined : enterRawMode(plan.stdin)),
      terminate: () => transport.disconnect(11, 'disconnected by user'),
      rekey: () => transport.rekey(),
      commandLine: options.enableEscapeCommandline ? () => this.commandLine() : undefined,
      verbosity: (step) => {
        const next = levels[Math.min(levels.length - 1, Math.max(0, levels.indexOf(level.get()) + step))] ?? 'INFO';
        level.set(next);
        // the first of OpenSSH's names for it
        return next === 'QUIET' ? 'SILENT' : next;
      },
    });
    const farewell = plan.pty !== undefined && isLogged('INFO', options.logLevel) ? `Connection to ${config.host} closed.` : undefined;
    await this.opened.askBy((question) => session.aside(question));
    this.markTraffic(plan.pty !== undefined);
    if (plan.pty !== undefined) {
      transport.hasten();
      // keys are few, and none is to wait for a compiler
      compileLess('maglev');
    }
    this.runLocalCommand();
    this.enter(farewell);
    let broken: Error | undefined;
    void closed.then((error) => {
      broken = error;
    });
    try {
      const exit = await session.run();
      if (session.refused) return FAILED;
      // connections that were forwarded go on without the session
      await connection.idle();
      const { lost } = session;
      // who only hangs up has told how the command ended, if that came before
      const hungUp = lost instanceof SshError && lost.code === 'SSH_ERR_CONN_CLOSED';
      const failure = exit === undefined ? broken : hungUp ? undefined : lost;
      if (failure !== undefined) throw failure;
      if (hungUp) this.ending.tell(lost);
      if (farewell !== undefined && !this.opened.silent()) log('INFO', farewell);
      return exitCode(exit, log);
    } catch (error) {
      if (error instanceof ChannelOpenError) {
        session.leaveRawMode();
        log('ERROR', `channel ${error.channel}: open failed: ${error.message}`);
        return FAILED;
      }
      const cause = broken ?? error;
      this.ending.tell(cause);
      if (farewell !== undefined && cause instanceof SshError && cause.code === 'SSH_ERR_CONN_CLOSED') log('INFO', farewell);
      throw cause;
    } finally {
      session.leaveRawMode();
    }
  }

  /** Reads a command on the terminal and does it (`~C`); ^C and an empty line leave it at that. */
  private async commandLine(): Promise<void> {
    const { config, environment } = this.task;
    await this.ending.signals.withoutInterrupt(async () => {
      const line = await readAnswer('\r\nssh> ').catch(() => undefined);
      await runEscapeCommand(line ?? '', {
        lookups: environment,
        localForwards: this.localForwards,
        runLocal: config.options.permitLocalCommand ? runShellAside : undefined,
      });
    });
  }
}

/** What `~v` and `~V` step through. */
const levels: readonly LogLevel[] = ['QUIET', 'FATAL', 'ERROR', 'INFO', 'VERBOSE', 'DEBUG', 'DEBUG2', 'DEBUG3'];

function sessionPlan(run: ClientRun, forwardAgent: boolean): SessionPlan {
  const { options, session } = run.config;
  const { command } = session;
  const requested = options.requestTTY === 'true' || options.requestTTY === 'force';
  const kind = options.sessionType === 'subsystem' ? 'subsystem' : command === undefined ? 'shell' : 'exec';
  return {
    run: kind === 'shell' ? { kind } : { kind, command: command ?? '' },
    pty: session.wantsTerminal
      ? { terminal: run.environment.variable('TERM') ?? '', modes: terminalModes(0), needed: requested }
      : undefined,
    forwardAgent,
    environment: sessionEnvironment(run),
    stdin: options.stdinNull ? undefined : 0,
    escape: typeof options.escapeChar === 'number' ? options.escapeChar : undefined,
    obscureMs: options.obscureKeystrokeTiming,
  };
}

/** What a session is, as ChannelTimeout names it. */
function sessionKind({ options, session: { command } }: ClientConfig): string {
  if (options.sessionType === 'subsystem') return `subsystem:${command ?? ''}`;
  return command === undefined ? 'shell' : 'command';
}

/** The variables that SendEnv and SetEnv let go along. */
function sessionEnvironment(run: ClientRun): readonly (readonly [string, string])[] {
  const { sendEnv, setEnv } = run.config.options;
  const sent =
    sendEnv.length === 0 ? [] : ownEnvironment().filter(([name]) => sendEnv.some((one) => matchPatternList(name, one) === 'match'));
  const set = setEnv.map((setting) => {
    const equals = setting.indexOf('=');
    return [setting.slice(0, equals), setting.slice(equals + 1)] as const;
  });
  return [...sent, ...set];
}
