import type { Channel, ChannelHandler } from '../core/connection/channel.ts';
import { answerRequests, sendExit, signalNames, type TerminalSize } from '../core/connection/session-requests.ts';
import type { ChannelRequestValues } from '../core/wire/connection-messages.ts';
import { decodeTerminalModes } from '../core/wire/terminal-modes.ts';
import type { Timer } from '../core/util/clock.ts';
import { systemClock } from '../node/clock.ts';
import { ChannelDrain, channelFeed } from '../node/channel-stream.ts';
import { errnoOf } from '../node/errno.ts';
import type { ByteStream } from '../node/socket.ts';
import { type ChildEnd, spawnPiped } from '../node/spawn.ts';
import { ServerTerminal } from '../node/terminal-child.ts';
import type { User } from '../node/users.ts';
import { type ConnectionEnds, sessionEnvironment } from './environment.ts';

/** Whose sessions these are and what they may do. */
export interface SessionRules {
  readonly user: User;
  readonly ends: ConnectionEnds;
  /** Whether a variable of this name is taken from the client (AcceptEnv). */
  readonly acceptsEnv: (name: string) => boolean;
  /** The shell command of a subsystem; undefined where there is no such. */
  readonly subsystem: (name: string) => string | undefined;
}

/** The most variables of one session, and the most bytes of them. */
const MOST_VARIABLES = 1000;
const MOST_VARIABLE_BYTES = 128 * 1024;

/** What was started for a session. */
interface Program {
  /** Its output and input; on a terminal the errors are among the output. */
  readonly stream: ByteStream & { closeReading(): void };
  readonly stderr: ByteStream | undefined;
  readonly ended: Promise<ChildEnd>;
  kill(signal: NodeJS.Signals): void;
}

/**
 * The handler of a session channel (RFC 4254 section 6): starts the user's shell or a command in it, on pipes or on a terminal, and joins
 * them to the channel. Where native calls are off, terminals are refused and the client goes on without one.
 */
export function serveSession(rules: SessionRules): ChannelHandler {
  return new ServerSession(rules).handler;
}

class ServerSession {
  readonly handler: ChannelHandler;
  private readonly rules: SessionRules;
  private readonly variables = new Map<string, string>();
  private variableBytes = 0;
  private started = false;
  private channel: Channel | undefined;
  private child: Program | undefined;
  private terminal: { readonly name: string; readonly device: ServerTerminal } | undefined;
  private stdin: ChannelDrain | undefined;
  /** What came before the program was there; the channel's window bounds it. */
  private early: Uint8Array[] = [];
  private inputEnded = false;
  private readonly outputs = { stdout: true, stderr: true };
  private exited = false;
  private patience: Timer | undefined;

  constructor(rules: SessionRules) {
    this.rules = rules;
    this.handler = {
      onOpen: (channel) => {
        this.channel = channel;
      },
      onRequest: answerRequests({
        'pty-req': (asked) => this.openTerminal(asked),
        'window-change': (size) => {
          this.terminal?.device.resize(sizeOf(size));
          return this.terminal !== undefined;
        },
        env: ({ variableName, variableValue }) => this.setVariable(variableName, variableValue),
        shell: () => this.start(undefined),
        exec: ({ command }) => this.start(command),
        subsystem: ({ subsystemName }) => {
          const command = rules.subsystem(subsystemName);
          return command !== undefined && this.start(command);
        },
        signal: ({ signalName }) => this.signal(signalName),
      }),
      onRun: (pieces) => {
        this.received(pieces);
      },
      onEof: () => {
        this.inputEnded = true;
        this.child?.stream.end();
      },
      onEndOfWrite: () => {
        this.child?.stream.closeReading();
        this.outputEnded('stdout');
      },
      onDrain: () => {
        this.child?.stream.resume();
        this.child?.stderr?.resume();
      },
      onClose: () => {
        // as with sshd the program is not killed, but a terminal hangs up: it finds its input at an end and nobody who reads its output
        this.channel = undefined;
        this.terminal?.device.destroy();
        this.child?.stream.destroy();
        this.child?.stderr?.destroy();
      },
    };
  }

  private setVariable(name: string, value: string): boolean {
    if (this.started || !this.rules.acceptsEnv(name) || /[=\0]/.test(name) || value.includes('\0')) return false;
    this.variableBytes += name.length + value.length;
    if (this.variables.size >= MOST_VARIABLES || this.variableBytes > MOST_VARIABLE_BYTES) return false;
    this.variables.set(name, value);
    return true;
  }

  /** Runs a command in the user's shell, or the shell itself as a login shell; false where one runs already or it can't be started. */
  private async start(command: string | undefined): Promise<boolean> {
    if (this.started) return false;
    this.started = true;
    const { home } = this.rules.user;
    try {
      this.run(
        await this.spawn(command, home).catch((error: unknown) => {
          // a home that is not there is no reason to refuse a session
          if (errnoOf(error) !== 'ENOENT') throw error;
          return this.spawn(command, '/');
        }),
      );
      return true;
    } catch {
      return false;
    }
  }

  private async spawn(command: string | undefined, folder: string): Promise<Program> {
    const { user, ends } = this.rules;
    const { terminal } = this;
    if (terminal !== undefined) {
      const env = sessionEnvironment(user, ends, this.variables, { name: terminal.name, path: terminal.device.path });
      const program = await terminal.device.run(user.shell, command === undefined ? ['-l'] : ['-c', command], { env, folder });
      return { stream: terminal.device, stderr: undefined, ...program };
    }
    const name = user.shell.slice(user.shell.lastIndexOf('/') + 1);
    return spawnPiped(user.shell, command === undefined ? [] : ['-c', command], {
      env: sessionEnvironment(user, ends, this.variables),
      folder,
      name: command === undefined ? `-${name}` : name,
      stderr: 'pipe',
      ownSession: true,
      pipes: true,
    });
  }

  private openTerminal(asked: ChannelRequestValues['pty-req']): boolean {
    if (this.started || this.terminal !== undefined) return false;
    const device = ServerTerminal.open(sizeOf(asked), decodeTerminalModes(asked.terminalModes));
    if (device === undefined) return false;
    this.terminal = { name: asked.terminal, device };
    return true;
  }

  private run(child: Program): void {
    const { channel } = this;
    void child.ended.then((end) => {
      this.ended(end);
    });
    if (channel === undefined) {
      child.stream.destroy();
      child.stderr?.destroy();
      return;
    }
    this.child = child;
    const stdin = new ChannelDrain(channel, child.stream);
    this.stdin = stdin;
    const stdoutEnded = (): void => {
      this.outputEnded('stdout');
    };
    const stderrEnded = (): void => {
      this.outputEnded('stderr');
    };
    child.stream.start(
      channelFeed(channel, 0, {
        ended: stdoutEnded,
        failed: stdoutEnded,
        drained: () => {
          stdin.drained();
        },
        writeFailed: () => {
          // the program reads no more: the client may stop sending
          channel.stopReading();
        },
      }),
    );
    if (child.stderr === undefined) this.outputs.stderr = false;
    child.stderr?.start(channelFeed(channel, 1, { ended: stderrEnded, failed: stderrEnded, drained: () => undefined }));
    if (this.early.length > 0) stdin.write(this.early.splice(0));
    if (this.inputEnded) child.stream.end();
  }

  private received(pieces: readonly Uint8Array[]): void {
    if (this.stdin === undefined) this.early.push(...pieces.map((piece) => new Uint8Array(piece)));
    else this.stdin.write(pieces);
  }

  private signal(name: string): boolean {
    const known: readonly string[] = signalNames;
    if (this.child === undefined || this.exited || !known.includes(name)) return false;
    this.child.kill(`SIG${name}` as NodeJS.Signals);
    return true;
  }

  private outputEnded(output: 'stdout' | 'stderr'): void {
    this.outputs[output] = false;
    this.finish();
  }

  private ended({ status, signal }: ChildEnd): void {
    this.exited = true;
    if (this.channel === undefined) return;
    sendExit(this.channel, signal === null ? { status: status ?? 255 } : { signal: signal.slice(3), coreDumped: false, message: '' });
    this.finish();
  }

  /**
   * EOF when all output is sent; the end of the channel when the program has ended too, but not before: others may hold its output open.
   *
   * A program that closes its output is about to end, nearly always. EOF waits a moment for that, so that the exit status goes first:
   * PuTTY's plink closes the channel at EOF, and a status that comes later than that reaches nobody.
   */
  private finish(): void {
    const { channel } = this;
    if (this.outputs.stdout || this.outputs.stderr || channel === undefined) return;
    if (this.exited) {
      this.patience?.stop();
      channel.eof();
      channel.close();
    } else {
      this.patience ??= systemClock.after(EXIT_PATIENCE_MS, () => channel.eof());
    }
  }
}

/** How long EOF waits for the program's end, in milliseconds. */
const EXIT_PATIENCE_MS = 100;

function sizeOf(asked: ChannelRequestValues['window-change']): TerminalSize {
  return { columns: asked.widthColumns, rows: asked.heightRows, widthPixels: asked.widthPixels, heightPixels: asked.heightPixels };
}
