import { requestAgentForwarding } from '../core/connection/agent-forward.ts';
import type { IncomingRequest } from '../core/connection/answer-queue.ts';
import type { Channel } from '../core/connection/channel.ts';
import type { Connection } from '../core/connection/connection.ts';
import {
  answerRequests,
  exec,
  exitAnswers,
  requestPty,
  type SessionExit,
  setEnv,
  shell,
  subsystem,
  windowChange,
} from '../core/connection/session-requests.ts';
import { KeystrokePacer } from '../core/connection/keystrokes.ts';
import { systemRandom } from '../core/crypto/random.ts';
import type { EventSink } from '../core/events.ts';
import { concat, utf8Bytes } from '../core/util/bytes.ts';
import type { Log } from '../core/util/log.ts';
import { visibleText } from '../core/util/vis.ts';
import type { TerminalModes } from '../core/wire/terminal-modes.ts';
import { ping } from '../core/wire/transport-messages.ts';
import { systemClock } from '../node/clock.ts';
import { onResize, terminalSize } from '../node/tty.ts';
import { EscapeFilter } from './escape.ts';
import { SessionIo } from './session-io.ts';

/** What a session is to run, and how. */
export interface SessionPlan {
  readonly run: { readonly kind: 'shell' } | { readonly kind: 'exec' | 'subsystem'; readonly command: string };
  /** Asks for a terminal on the server with these modes; `needed` where there is no session without. */
  readonly pty: { readonly terminal: string; readonly modes: TerminalModes; readonly needed: boolean } | undefined;
  /** Whether what is run may use this side's agent. */
  readonly forwardAgent: boolean;
  /** Variables for what is run. */
  readonly environment: readonly (readonly [name: string, value: string])[];
  /** The descriptor that is read as input; undefined for none (-n). */
  readonly stdin: number | undefined;
  /** The escape character's code; undefined where there is none. */
  readonly escape: number | undefined;
  /** Milliseconds between the packets of what is typed on a terminal, to hide when keys are pressed; 0 sends each at once. */
  readonly obscureMs: number;
}

/** What a session needs from its surroundings. */
export interface SessionSurroundings {
  readonly events: EventSink;
  readonly log: Log;
  /** Puts the terminal in raw mode, and gives back what undoes that. */
  readonly rawMode: () => () => void;
  /** The user asked for the end of the connection. */
  readonly terminate: () => void;
  readonly rekey: () => void;
  /** Reads a command on the terminal and does it (`~C`); undefined where that is not enabled. */
  readonly commandLine: (() => Promise<void>) | undefined;
  /** Raises (1) or lowers (-1) how much is logged, and says the new level. */
  readonly verbosity: (step: 1 | -1) => string;
}

/** One session channel with this process' terminal, stdin and stdout at its end. */
export class Session {
  private readonly connection: Connection;
  private readonly plan: SessionPlan;
  private readonly around: SessionSurroundings;
  private readonly io = new SessionIo();
  private readonly escapes: EscapeFilter | undefined;
  /** Sends what is typed at a fixed rate; undefined where it goes at once. */
  private pacer: KeystrokePacer | undefined;
  private exit: SessionExit | undefined;
  /** Whether the server would not do what was asked, so that there was no session. */
  refused = false;
  /** The error with which the connection went before the session was closed. */
  lost: Error | undefined;
  /** Whether the user asked for the end (`~.`). */
  private left = false;
  private cooked: (() => void) | undefined;
  private stopResize: (() => void) | undefined;
  private channel: Channel | undefined;
  /** Settles when a question that is being asked is answered. */
  private asking: Promise<unknown> = Promise.resolve();

  constructor(connection: Connection, plan: SessionPlan, around: SessionSurroundings) {
    this.connection = connection;
    this.plan = plan;
    this.around = around;
    if (plan.escape !== undefined && plan.pty !== undefined) this.escapes = new EscapeFilter(plan.escape);
  }

  /**
   * Runs the session to its end; settles with how the command ended, or with undefined where the server did not tell.
   *
   * @throws ChannelOpenError where the server opens no session; SshError where the connection ends before.
   */
  async run(): Promise<SessionExit | undefined> {
    const ended = deferred();
    const answers = answerRequests(
      exitAnswers((exit) => {
        // the status counts, and of several the last
        this.exit = 'status' in exit ? exit : (this.exit ?? exit);
      }),
    );
    // a question that is being asked has the terminal
    await this.asking;
    if (this.plan.pty !== undefined) this.cooked = this.around.rawMode();
    const opening = this.connection.open(
      'session',
      {},
      {
        ...this.io.handler,
        onRequest: (request: IncomingRequest) => answers(request),
        onClose: (error) => {
          this.lost = error;
          ended.resolve();
        },
      },
    );
    // one session is all that this run opens
    this.connection.sendNoMoreSessions();
    let channel: Channel;
    try {
      channel = await opening;
      this.channel = channel;
      this.io.attach(channel);
      this.refused = !(await this.begin(channel));
      if (this.refused) channel.close();
      else await ended.promise;
      // whoever is being asked answers first, and what came meanwhile is shown then
      await this.asking;
    } finally {
      this.pacer?.flush('no active channels');
      // with `~.`, or where the connection is gone, ssh says so before the terminal is as it was
      if (!this.left && this.lost === undefined) this.leaveRawMode();
      this.stopResize?.();
      this.io.stopInput();
    }
    await new Promise<void>((done) => {
      this.io.finish(done);
    });
    this.tellExit(channel);
    return this.exit;
  }

  /** Puts the terminal back as it was; for those who end the session from outside. */
  leaveRawMode(): void {
    this.cooked?.();
    this.cooked = undefined;
  }

  /**
   * Asks a question on the terminal, which is then as it was before the session and read for nothing else. What the session brings meanwhile
   * is shown after the answer, and another question waits for it.
   */
  aside<T>(question: () => Promise<T>): Promise<T> {
    const answer = this.asking.then(() => this.ask(question));
    this.asking = answer.catch(() => undefined);
    return answer;
  }

  private async ask<T>(question: () => Promise<T>): Promise<T> {
    const wasRaw = this.cooked !== undefined;
    this.leaveRawMode();
    this.io.holdInput(true);
    const show = this.io.withhold();
    try {
      return await question();
    } finally {
      this.io.holdInput(false);
      if (wasRaw) this.cooked = this.around.rawMode();
      show(true);
    }
  }

  /** Asks for all that the session needs; false where the server refused it, which was told. */
  private async begin(channel: Channel): Promise<boolean> {
    const { plan } = this;
    // all that prepares the command goes out in one write; the answers come in their order
    if (plan.forwardAgent) {
      this.around.log('DEBUG', 'Requesting authentication agent forwarding.');
      requestAgentForwarding(channel, this.connection.link.peerExtension('agent-forward'));
    }
    const pty = plan.pty === undefined ? undefined : requestPty(channel, plan.pty.terminal, terminalSize(plan.stdin ?? 0), plan.pty.modes);
    for (const [name, value] of plan.environment) {
      this.around.log('DEBUG', `channel ${channel.id}: setting env ${name} = "${value}"`);
      setEnv(channel, name, value);
    }
    const started = this.start(channel).catch(() => true);
    if (pty !== undefined) {
      const needed = plan.pty?.needed === true;
      // the command runs on the server in any case, perhaps before its refusal of the terminal is read here
      const release = needed ? this.io.withhold() : undefined;
      const granted = await pty.catch(() => true);
      release?.(granted);
      if (granted) this.stopResize = onResize(() => windowChange(channel, terminalSize(plan.stdin ?? 0)));
      else this.around.log(needed ? 'ERROR' : 'INFO', `PTY allocation request failed on channel ${channel.id}`);
      if (!granted && needed) return false;
      if (!granted) this.leaveRawMode();
    }
    if (!(await started)) {
      this.around.log('ERROR', `${plan.run.kind} request failed on channel ${channel.id}`);
      return false;
    }
    await this.asking;
    if (plan.stdin === undefined) channel.eof();
    else {
      if (plan.pty !== undefined && plan.obscureMs > 0) this.pacer = this.pace();
      this.io.read(
        plan.stdin,
        (input) => this.typed(input),
        () => this.pacer?.flush('no active channels'),
      );
    }
    return true;
  }

  private pace(): KeystrokePacer {
    const { link } = this.connection;
    const takesPing = link.peerExtension('ping@openssh.com') !== undefined;
    return new KeystrokePacer(systemClock, systemRandom, {
      intervalMs: this.plan.obscureMs,
      send: (bytes) => this.io.send(bytes),
      // as long as a message with one key
      chaff: takesPing ? () => link.send(ping.encode({ data: chaff })) : undefined,
      tell: (text) => this.around.log('DEBUG3', text),
    });
  }

  private start(channel: Channel): Promise<boolean> {
    const { run } = this.plan;
    if (run.kind === 'shell') return shell(channel);
    return run.kind === 'exec' ? exec(channel, run.command) : subsystem(channel, run.command);
  }

  private typed(input: Uint8Array): Uint8Array {
    const { escapes } = this;
    if (escapes === undefined || escapes.passes(input)) return this.paced(input);
    const { forward, actions } = escapes.filter(input);
    if (actions.length > 0) this.pacer?.flush('escape');
    for (const action of actions) this.act[action]();
    return this.paced(concat(...forward));
  }

  /** What is left to be sent at once. */
  private paced(input: Uint8Array): Uint8Array {
    const { pacer } = this;
    if (pacer === undefined) return input;
    pacer.typed(input);
    return nothing;
  }

  /** What the escapes do. */
  private readonly act = {
    terminate: (): void => {
      this.left = true;
      this.around.events({ type: 'left' });
      this.around.terminate();
    },
    break: (): void => {
      this.say('B\r\n');
      this.channel?.send('break', { breakLengthMs: 1000 });
    },
    rekey: (): void => {
      this.around.rekey();
    },
    quieter: (): void => {
      this.say(`V [LogLevel ${this.around.verbosity(-1)}]\r\n`);
    },
    louder: (): void => {
      this.say(`v [LogLevel ${this.around.verbosity(1)}]\r\n`);
    },
    suspend: (): void => {
      this.suspend();
    },
    list: (): void => {
      this.say(`#\r\nThe following connections are open:\r\n`);
      for (const { id, type } of this.connection.channels) this.io.tell(`  #${id} ${visibleText(type)}\r\n`);
    },
    commandLine: (): void => {
      const { commandLine } = this.around;
      if (commandLine === undefined) this.io.tell('commandline disabled\r\n');
      else void this.aside(commandLine);
    },
    background: (): void => {
      this.io.tell('going to the background is not available in this version\r\n');
    },
    help: (): void => {
      this.io.tell(this.escapes?.help(this.around.commandLine !== undefined) ?? '');
    },
  };

  /** Shows an escape as it was typed and what it did. */
  private say(text: string): void {
    this.io.tell(`${String.fromCharCode(this.plan.escape ?? 0)}${text}`);
  }

  /** Stops this process as ^Z would, with the terminal as it was, and goes on where it is continued. */
  private suspend(): void {
    this.say('^Z [suspend ssh]\r\n');
    this.leaveRawMode();
    process.kill(process.pid, 'SIGTSTP');
    // here it goes on: at once where nobody is there to continue it, for then the signal does nothing
    setImmediate(() => {
      this.cooked = this.around.rawMode();
      if (this.channel !== undefined) windowChange(this.channel, terminalSize(this.plan.stdin ?? 0));
    });
  }

  private tellExit(channel: Channel): void {
    const { exit } = this;
    if (exit === undefined) return;
    this.around.events({ type: 'exit', channel: channel.id, ...('status' in exit ? { status: exit.status } : { signal: exit.signal }) });
  }
}

const nothing = new Uint8Array(0);

/** A message of ping@openssh.com with this is as long as one of channel data with a single byte. */
const chaff = utf8Bytes('PING!');

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
