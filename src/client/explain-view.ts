import type { AgreedAlgorithms, AgreedDirection, AuthenticationTry, OfferedAlgorithms, TshEvent } from '../core/events.ts';
import { visibleText } from '../core/util/vis.ts';

/** The steps of a connection as `--explain` counts them. */
const steps = ['Connection', 'Versions', 'Algorithms', 'Key exchange', 'Host key', 'Authentication', 'Session'] as const;

type Step = (typeof steps)[number];

/** How parts of the text are coloured; each the identity where there is no colour. */
export interface Palette {
  readonly heading: (text: string) => string;
  readonly good: (text: string) => string;
  readonly bad: (text: string) => string;
  readonly quiet: (text: string) => string;
}

/** No colour. */
export const plainPalette: Palette = { heading: same, good: same, bad: same, quiet: same };

/** The peer's words, made safe for the terminal. */
function printable(text: string): string {
  return visibleText(text);
}

function same(text: string): string {
  return text;
}

type EventOf<T extends TshEvent['type']> = Extract<TshEvent, { type: T }>;

/** What an event tells: its step (absent: the present one) and the sentences under it. */
interface Told {
  readonly step?: Step;
  readonly lines: readonly string[];
}

type Rows = { readonly [T in TshEvent['type']]?: (event: EventOf<T>, view: ExplainView) => Told };

/** Tells a person what happens under the hood as it happens, and where it stopped. */
export class ExplainView {
  readonly palette: Palette;
  /** Both sides' lists, for the reason why an algorithm was chosen. */
  own: OfferedAlgorithms | undefined;
  peer: OfferedAlgorithms | undefined;
  /** Whether a later key exchange is under way; it is told in one line. */
  rekeying = false;
  private readonly write: (text: string) => void;
  private readonly now: () => number;
  private readonly begun: number;
  private step: Step | undefined;

  /** `write` is given whole lines; `now` is a clock in milliseconds. */
  constructor(write: (text: string) => void, now: () => number, palette: Palette = plainPalette) {
    this.write = write;
    this.now = now;
    this.begun = now();
    this.palette = palette;
  }

  /** Tells one event. */
  tell(event: TshEvent): void {
    const row = rows[event.type] as ((event: TshEvent, view: ExplainView) => Told) | undefined;
    const told = row?.(event, this);
    if (told === undefined) return;
    if (told.step !== undefined && told.step !== this.step) this.begin(told.step);
    for (const line of told.lines) this.write(`      ${line}\n`);
  }

  /** Where it is now: "step 5 of 7 (Host key)". */
  get place(): string {
    const step = this.step ?? steps[0];
    return `step ${steps.indexOf(step) + 1} of ${steps.length} (${step})`;
  }

  private begin(step: Step): void {
    this.step = step;
    const seconds = ((this.now() - this.begun) / 1000).toFixed(3);
    const { heading, quiet } = this.palette;
    this.write(`${heading(`[${steps.indexOf(step) + 1}/${steps.length}] ${step}`)}${quiet(`  +${seconds} s`)}\n`);
  }
}

const rows: Rows = {
  resolved: ({ host, addresses }) => ({
    step: 'Connection',
    lines: addresses[0] === host ? [] : [`The name ${host} stands for ${addresses.join(', ')}.`],
  }),
  connecting: ({ address, port }) => ({ step: 'Connection', lines: [`Opening a TCP connection to ${address} port ${port}.`] }),
  'connect-failed': ({ address, reason }, { palette }) => ({ lines: [palette.bad(`${address} did not answer: ${reason}.`)] }),
  connected: ({ address, port, via }, { palette }) => ({
    step: 'Connection',
    lines: [
      via === undefined
        ? palette.good(`Connected to ${address} port ${port}. So far everything is readable for whoever listens.`)
        : palette.good(`Connected through the command: ${printable(via)}`),
    ],
  }),
  'ident-sent': ({ ident }) => ({ step: 'Versions', lines: [`We say who we are:   ${ident}`] }),
  'ident-received': ({ ident, major, minor }) => ({
    step: 'Versions',
    lines: [
      `The server answers:  ${printable(ident)}`,
      `Both speak SSH version 2${major === 1 ? ` (the server also offers ${major}.${minor})` : ''}.`,
    ],
  }),
  kexinit: ({ by, offer, rekey }, view) => {
    if (by === 'own') view.own = offer;
    else view.peer = offer;
    view.rekeying = rekey;
    if (rekey) return { lines: [by === 'own' ? 'We ask for fresh keys.' : 'The server takes part in a fresh key exchange.'] };
    return { step: 'Algorithms', lines: [by === 'own' ? 'We offer:' : 'The server offers:', ...offerLines(offer)] };
  },
  agreed: ({ algorithms, rekey }, view) => (rekey ? { lines: [] } : { lines: agreedLines(algorithms, view) }),
  'no-match': ({ what, own, peer }, { palette }) => ({
    step: 'Algorithms',
    lines: [palette.bad(`${what}.`), `  ours:   ${own.join(', ')}`, `  theirs: ${peer.map(printable).join(', ')}`],
  }),
  'kex-message': ({ name, sent }, view) => ({
    ...(view.rekeying ? {} : { step: 'Key exchange' as const }),
    lines: [sent ? `We send our public value (${name}).` : `The server's public value and its signature are here (${name}).`],
  }),
  'gex-group': ({ bits }) => ({ lines: [`The server chose a group of ${bits} bits.`] }),
  'host-key': ({ keyType, fingerprint, algorithm }) => ({
    step: 'Host key',
    lines: [
      `The server's key is ${keyType} ${fingerprint}`,
      `It signed this very key exchange with ${algorithm}, and the signature is right: nobody sits in between who lacks that key.`,
    ],
  }),
  'host-key-checked': ({ verdict, host, keyType, at }, { palette }) => {
    const place = at === undefined ? '' : ` ${at.file}, line ${at.line}`;
    const bad = verdict === 'changed' || verdict === 'revoked' || verdict === 'refused';
    return { step: 'Host key', lines: [(bad ? palette.bad : palette.good)(verdicts[verdict](host, keyType, place))] };
  },
  'new-keys': ({ sent, cipher, rekey }, { palette }) => {
    if (rekey) return { lines: sent ? ['Fresh keys are in use for what we send.'] : ['Fresh keys are in use for what we receive.'] };
    return { lines: [palette.good(`From now on everything we ${sent ? 'send' : 'receive'} is encrypted with ${cipher}.`)] };
  },
  'ext-info': ({ sent, extensions }) =>
    sent ? { lines: [] } : { lines: [`The server also knows: ${extensions.map(({ name }) => printable(name)).join(', ')}`] },
  service: () => ({ step: 'Authentication', lines: ['The server is ready to hear who we are.'] }),
  'authentication-methods': ({ canContinue, partialSuccess }) => ({
    step: 'Authentication',
    lines: [
      `${partialSuccess ? 'That was right, and the server wants more; it' : 'The server'} takes: ${canContinue.map(printable).join(', ') || 'nothing'}`,
    ],
  }),
  'authentication-method': ({ method }) => ({ lines: [`Trying ${method}.`] }),
  'authentication-try': ({ attempt }, view) => tryLines(attempt, view.palette),
  authenticated: ({ user, method }, { palette }) => ({ lines: [palette.good(`The server let ${printable(user)} in by ${method}.`)] }),
  listening: ({ address, port, target }) => ({
    step: 'Session',
    lines: [`Listening on ${address} port ${port}; connections go through the tunnel to ${target}.`],
  }),
  'channel-open': ({ channel, kind, by, target }) => ({
    step: 'Session',
    lines: [
      `${by === 'own' ? 'We open' : 'The server opens'} channel ${channel} (${printable(kind)})${target === undefined ? '' : ` to ${printable(target)}`}.`,
    ],
  }),
  'channel-opened': ({ channel, window }) => ({
    lines: [`Channel ${channel} is open${window === 0 ? '' : `; the server takes ${window} bytes before we must wait`}.`],
  }),
  'channel-refused': ({ channel, description, reason }, { palette }) => ({
    lines: [palette.bad(`The server refused channel ${channel}: ${printable(description)} (reason ${reason}).`)],
  }),
  'channel-request': ({ channel, request, by, detail }) => ({
    lines: [
      `Channel ${channel}: ${by === 'own' ? 'we ask for' : 'the server says'} ${printable(request)}${detail === undefined ? '' : `: ${printable(detail)}`}`,
    ],
  }),
  'channel-reply': ({ channel, request, success }, { palette }) => ({
    lines: success ? [] : [palette.bad(`Channel ${channel}: the server refused ${request}.`)],
  }),
  'channel-closed': ({ channel, received, sent }) => ({ lines: [`Channel ${channel} is closed; ${received} bytes came, ${sent} went.`] }),
  exit: ({ status, signal }) => ({
    lines: [
      status === undefined
        ? `The command was ended by signal ${printable(signal ?? '?')}.`
        : `The command ended with exit status ${status}.`,
    ],
  }),
  left: () => ({ lines: ['You ended the session.'] }),
  disconnected: ({ by, description, reason }) => ({
    lines: by === 'peer' ? [`The server ended the connection: ${printable(description)} (reason ${reason}).`] : [],
  }),
  stopped: ({ message, detail }, { palette, place }) => ({
    lines: [palette.bad(`Stopped at ${place}: ${printable(message)}${detail === undefined ? '' : ` - ${printable(detail)}`}`)],
  }),
  transferred: ({ sent, received, seconds }) => ({ lines: [`Over: ${sent} bytes sent, ${received} received in ${seconds.toFixed(1)} s.`] }),
};

/** How a host key was judged, in a sentence. */
const verdicts: Readonly<Record<EventOf<'host-key-checked'>['verdict'], (host: string, keyType: string, place: string) => string>> = {
  known: (host, keyType, place) => `It is the ${keyType} key that is known for ${host}:${place}`,
  certified: (host, _keyType, place) => `It is certified for ${host} by an authority that is trusted:${place}`,
  new: (host, keyType) => `No ${keyType} key was known for ${host} so far.`,
  changed: (host, _keyType, place) => `It is NOT the key that is known for ${host}:${place}`,
  revoked: (host, _keyType, place) => `It is marked as revoked for ${host}:${place}`,
  refused: (host) => `It was not accepted for ${host}.`,
};

function offerLines(offer: OfferedAlgorithms): readonly string[] {
  return [
    ...listLines('  key exchange  ', offer.kex),
    ...listLines('  host key      ', offer.hostKey),
    ...listLines('  cipher        ', offer.cipherClientToServer),
    ...listLines('  MAC           ', offer.macClientToServer),
    ...listLines('  compression   ', offer.compressionClientToServer),
  ];
}

/** How wide a list may get before it goes on in the next line. */
const WIDTH = 90;

/** The names of a list after its title, over as many lines as it takes. */
function listLines(title: string, names: readonly string[]): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const [index, name] of names.entries()) {
    const word = printable(name) + (index === names.length - 1 ? '' : ', ');
    if (line !== '' && line.length + word.length > WIDTH - title.length) {
      lines.push(line);
      line = '';
    }
    line += word;
  }
  return [...lines, line].map((text, index) => (index === 0 ? title : ' '.repeat(title.length)) + text.trimEnd());
}

function agreedLines({ kex, hostKey, clientToServer, serverToClient, strict }: AgreedAlgorithms, view: ExplainView): readonly string[] {
  const { good } = view.palette;
  const alike = clientToServer.cipher === serverToClient.cipher && clientToServer.mac === serverToClient.mac;
  return [
    'Agreed on, by the rule that the first of our list that the server has too wins:',
    `  key exchange  ${good(kex)}${why(kex, view.own?.kex)}${postQuantum(kex)}`,
    `  host key      ${good(hostKey)}${why(hostKey, view.own?.hostKey)}`,
    ...(alike
      ? [`  both ways     ${good(protection(clientToServer))}`]
      : [`  to the server ${good(protection(clientToServer))}`, `  from it       ${good(protection(serverToClient))}`]),
    strict
      ? 'Both sides keep to strict key exchange: nobody can drop or add a message unnoticed.'
      : 'The server does not know strict key exchange.',
  ];
}

function why(name: string, own: readonly string[] | undefined): string {
  const at = own?.indexOf(name) ?? -1;
  if (at < 0) return '';
  return at === 0 ? ' (our first choice)' : ` (our choice ${at + 1}: the server has none of those before it)`;
}

function postQuantum(kex: string): string {
  return /^(mlkem|sntrup)/.test(kex)
    ? '; safe from a later quantum computer'
    : '; a recording of this session could be read by a later quantum computer';
}

function protection({ cipher, mac, compression }: AgreedDirection): string {
  return `${cipher}${mac === undefined ? '' : ` with ${mac}`}${compression === 'none' ? '' : `, compressed by ${compression}`}`;
}

/** What became of a try, in words; undefined for what is not worth a line. */
const outcomes: Readonly<Record<AuthenticationTry['outcome'], string | undefined>> = {
  planned: undefined,
  trying: 'to be tried by signing, as its public half is not known',
  offered: 'offered',
  accepted: 'the server would take it',
  signed: 'signed, to prove that we hold its private half',
  refused: 'refused',
  skipped: 'not tried',
  failed: 'failed',
  partial: 'right, but the server wants more',
  succeeded: undefined,
};

function tryLines({ method, source, keyType, fingerprint, outcome, reason }: AuthenticationTry, palette: Palette): Told {
  const word = outcomes[outcome];
  if (word === undefined) return { lines: [] };
  const what = [source, keyType, fingerprint]
    .filter((part) => part !== undefined)
    .map(printable)
    .join(' ');
  const paint = outcome === 'accepted' ? palette.good : outcome === 'refused' || outcome === 'failed' ? palette.bad : same;
  return { lines: [paint(`${what === '' ? method : what}: ${word}${reason === undefined ? '' : ` (${printable(reason)})`}`)] };
}
