import type { AuthenticationTry, HostKeyVerdict, OfferedAlgorithms, FileLine, RunPhase, TshEvent } from '../../core/events.ts';

type EventOf<T extends TshEvent['type']> = Extract<TshEvent, { type: T }>;

/** A run as its events tell it: what `--why` looks for causes in. */
export class Story {
  addresses: readonly string[] | undefined;
  readonly connectFailures: EventOf<'connect-failed'>[] = [];
  connecting = false;
  connected: EventOf<'connected'> | undefined;
  /** What came in the place of an identification, in lines. */
  readonly beforeIdent: string[] = [];
  ident: string | undefined;
  own: OfferedAlgorithms | undefined;
  peer: OfferedAlgorithms | undefined;
  noMatch: EventOf<'no-match'> | undefined;
  hostKey: EventOf<'host-key'> | undefined;
  /** How the host key was judged, before it was refused for that. */
  verdict: { readonly verdict: HostKeyVerdict; readonly host: string; readonly at: FileLine | undefined } | undefined;
  hostKeyRefused = false;
  /** How many directions have keys. */
  newKeys = 0;
  agent: EventOf<'agent'> | undefined;
  readonly attempts: AuthenticationTry[] = [];
  /** Key files that a wrong passphrase was given for. */
  readonly wrongPassphrases = new Set<string>();
  /** What the server takes, as it said last; undefined where it never said. */
  canContinue: readonly string[] | undefined;
  readonly partial: string[] = [];
  authenticated: string | undefined;
  channelRefused: EventOf<'channel-refused'> | undefined;
  readonly requestsRefused: string[] = [];
  channelOpened = false;
  listenFailed: string | undefined;
  exit: EventOf<'exit'> | undefined;
  /** The user has had enough: nothing failed. */
  left = false;
  disconnected: EventOf<'disconnected'> | undefined;
  stopped: EventOf<'stopped'> | undefined;

  /** Takes in one event. */
  tell(event: TshEvent): void {
    const row = rows[event.type] as ((story: Story, event: TshEvent) => void) | undefined;
    row?.(this, event);
  }

  /** How far the run came. */
  get phase(): RunPhase {
    if (this.authenticated !== undefined) return this.channelOpened ? 'session' : 'channel';
    if (this.newKeys >= 2) return 'authentication';
    if (this.hostKeyRefused) return 'host key';
    if (this.ident !== undefined) return 'key exchange';
    if (this.connected !== undefined) return 'banner';
    return this.addresses === undefined ? 'name' : 'tcp';
  }

  /** Whether the run itself failed; a command's own status is none of that. */
  get failed(): boolean {
    return !this.left && (this.stopped !== undefined || this.exit === undefined || this.exit.status === undefined);
  }

  /** The tries of keys that were put to the server, each key once. */
  get refusedKeys(): readonly AuthenticationTry[] {
    return this.attempts.filter(({ method, outcome }) => method === 'publickey' && outcome === 'refused');
  }

  /** What the server sent when it hung up, where it said something. */
  get goodbye(): string | undefined {
    return this.disconnected?.by === 'peer' ? this.disconnected.description : undefined;
  }

  /** Whether the way to the server broke or was closed. */
  get hungUp(): boolean {
    const { code = '', system } = this.stopped ?? {};
    return ['SSH_ERR_CONN_CLOSED', 'SSH_ERR_DISCONNECTED'].includes(code) || ['ECONNRESET', 'EPIPE'].includes(system ?? '');
  }

  /** Whether something took too long. */
  get timedOut(): boolean {
    return this.stopped?.code === 'SSH_ERR_CONN_TIMEOUT' || this.stopped?.system === 'ETIMEDOUT';
  }
}

const rows: { readonly [T in TshEvent['type']]?: (story: Story, event: EventOf<T>) => void } = {
  resolved: (story, { addresses }) => {
    story.addresses = addresses;
  },
  connecting: (story) => {
    story.connecting = true;
  },
  'connect-failed': (story, event) => void story.connectFailures.push(event),
  connected: (story, event) => {
    story.connected = event;
  },
  'before-ident': (story, { text }) => {
    for (const line of text.split(/\r?\n/)) if (line !== '' && !story.beforeIdent.includes(line)) story.beforeIdent.push(line);
  },
  'ident-received': (story, { ident }) => {
    story.ident = ident;
  },
  kexinit: (story, { by, offer }) => {
    story[by] = offer;
  },
  'no-match': (story, event) => {
    story.noMatch = event;
  },
  'host-key': (story, event) => {
    story.hostKey = event;
  },
  'host-key-checked': (story, { verdict, host, at }) => {
    if (verdict === 'refused') story.hostKeyRefused = true;
    else story.verdict = { verdict, host, at };
  },
  'new-keys': (story) => {
    story.newKeys++;
  },
  agent: (story, event) => {
    story.agent = event;
  },
  'wrong-passphrase': (story, { source }) => void story.wrongPassphrases.add(source),
  'authentication-methods': (story, { canContinue }) => {
    story.canContinue = canContinue;
  },
  'authentication-try': (story, { attempt }) => {
    story.attempts.push(attempt);
    if (attempt.outcome === 'partial') story.partial.push(attempt.method);
  },
  authenticated: (story, { method }) => {
    story.authenticated = method;
  },
  'channel-opened': (story) => {
    story.channelOpened = true;
  },
  'channel-refused': (story, event) => {
    if (!story.channelOpened) story.channelRefused = event;
  },
  'channel-reply': (story, { request, success }) => {
    if (!success) story.requestsRefused.push(request);
  },
  'listen-failed': (story, { address }) => {
    story.listenFailed = address;
  },
  exit: (story, event) => {
    story.exit = event;
  },
  left: (story) => {
    story.left = true;
  },
  disconnected: (story, event) => {
    // our own goodbye at the end of a run says nothing
    if (event.by === 'peer' || event.description === 'timeout') story.disconnected = event;
  },
  stopped: (story, event) => {
    story.stopped = event;
    if (event.code === 'HostKeyRefused') story.hostKeyRefused = true;
  },
};
