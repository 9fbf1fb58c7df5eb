/**
 * The one vocabulary of what happens: every step emits a typed event, and `-v`, `--explain` and JSON are views of them.
 *
 * Types only. No event ever holds a secret: no key, passphrase, password or plain text of the session.
 */

/** Where an event goes. */
export type EventSink = (event: TshEvent) => void;

/** How loud a note is: OpenSSH's log levels (log.h). */
export type NoteLevel = 'fatal' | 'error' | 'info' | 'verbose' | 'debug1' | 'debug2' | 'debug3';

/** What one side offers in its KEXINIT (RFC 4253 section 7.1). */
export interface OfferedAlgorithms {
  readonly kex: readonly string[];
  readonly hostKey: readonly string[];
  readonly cipherClientToServer: readonly string[];
  readonly cipherServerToClient: readonly string[];
  readonly macClientToServer: readonly string[];
  readonly macServerToClient: readonly string[];
  readonly compressionClientToServer: readonly string[];
  readonly compressionServerToClient: readonly string[];
  readonly firstKexFollows: boolean;
}

/** What protects one direction. `mac` is undefined where the cipher authenticates by itself. */
export interface AgreedDirection {
  readonly cipher: string;
  readonly mac: string | undefined;
  readonly compression: string;
}

/** Everything that both sides agreed on. */
export interface AgreedAlgorithms {
  readonly kex: string;
  readonly hostKey: string;
  readonly clientToServer: AgreedDirection;
  readonly serverToClient: AgreedDirection;
  /** Whether both sides offered strict key exchange (PROTOCOL section 1.10). */
  readonly strict: boolean;
}

/** One line of a known_hosts file. */
export interface FileLine {
  readonly file: string;
  readonly line: number;
}

/** How a host key was judged. */
export type HostKeyVerdict = 'known' | 'new' | 'changed' | 'revoked' | 'certified' | 'refused';

/** One try of an authentication method or of one credential in it. */
export interface AuthenticationTry {
  readonly method: string;
  /** What is known of the credential: where it comes from, its type and its fingerprint. */
  readonly source?: string;
  readonly keyType?: string;
  readonly fingerprint?: string;
  /** Whether the user named the key: IdentityFile, -i. */
  readonly explicit?: boolean;
  /** Whether an agent holds the private key. */
  readonly agent?: boolean;
  /** The signature algorithm. */
  readonly algorithm?: string;
  /**
   * `planned`: will be tried; `offered`: the server is asked about it; `trying`: its private half is loaded, as no public one is known;
   * `accepted`: the server would take it; `signed`: a signature goes out; `skipped`: not offered; `failed`: it could not be used.
   */
  readonly outcome: 'planned' | 'offered' | 'trying' | 'accepted' | 'signed' | 'refused' | 'skipped' | 'failed' | 'partial' | 'succeeded';
  readonly reason?: string;
}

/** How far a run had come: the phase that a failure or a timeout hit. */
export type RunPhase = 'name' | 'tcp' | 'banner' | 'key exchange' | 'host key' | 'authentication' | 'channel' | 'session';

/** What became of one credential, as a person is told. */
export interface CredentialStory {
  readonly method: string;
  /** A key file, an agent's key, a certificate; for other methods there is nothing to tell. */
  readonly from: 'file' | 'default' | 'agent' | 'certificate' | undefined;
  readonly source: string;
  readonly keyType: string | undefined;
  readonly fingerprint: string | undefined;
  readonly offered: boolean;
  /** The server's answer, or why it was not offered. */
  readonly answer: string;
}

/** A part of what was seen: a heading and its lines. */
export interface Evidence {
  readonly title: string;
  readonly lines: readonly string[];
}

/** Why a run failed and what to do: what `--why` shows. The causes' names are stable. */
export interface Diagnosis {
  readonly cause: string;
  readonly phase: RunPhase;
  readonly sentence: string;
  readonly credentials: readonly CredentialStory[];
  readonly evidence: readonly Evidence[];
  readonly wayOut: readonly string[];
}

/** Everything that can happen. */
export type TshEvent =
  // the way to the server
  | { readonly type: 'config-file'; readonly file: string }
  | { readonly type: 'resolved'; readonly host: string; readonly addresses: readonly string[] }
  | { readonly type: 'connecting'; readonly host: string; readonly address: string; readonly port: number }
  | { readonly type: 'connect-failed'; readonly address: string; readonly port: number; readonly reason: string }
  | { readonly type: 'connected'; readonly address: string; readonly port: number; readonly via?: string }
  // the transport
  | { readonly type: 'ident-sent'; readonly ident: string }
  /** What the peer sent in the place of its identification, or before it; the bytes as Latin-1. */
  | { readonly type: 'before-ident'; readonly text: string }
  | { readonly type: 'ident-received'; readonly ident: string; readonly major: number; readonly minor: number; readonly software: string }
  | { readonly type: 'kexinit'; readonly by: 'own' | 'peer'; readonly offer: OfferedAlgorithms; readonly rekey: boolean }
  | { readonly type: 'agreed'; readonly algorithms: AgreedAlgorithms; readonly rekey: boolean }
  | { readonly type: 'no-match'; readonly what: string; readonly own: readonly string[]; readonly peer: readonly string[] }
  | { readonly type: 'kex-message'; readonly name: string; readonly sent: boolean }
  | { readonly type: 'gex-group'; readonly bits: number; readonly bitsSet: number }
  | { readonly type: 'host-key'; readonly algorithm: string; readonly keyType: string; readonly bits: number; readonly fingerprint: string }
  | {
      readonly type: 'host-key-checked';
      readonly verdict: HostKeyVerdict;
      readonly host: string;
      readonly keyType: string;
      readonly at?: FileLine;
    }
  | {
      readonly type: 'new-keys';
      readonly sent: boolean;
      readonly cipher: string;
      readonly blocks: number;
      readonly sequence: number;
      readonly strict: boolean;
      readonly rekey: boolean;
    }
  | { readonly type: 'ext-info'; readonly sent: boolean; readonly extensions: readonly { readonly name: string; readonly value: string }[] }
  | { readonly type: 'packet'; readonly sent: boolean; readonly number: number }
  | { readonly type: 'peer-debug'; readonly text: string; readonly alwaysDisplay: boolean }
  | { readonly type: 'disconnected'; readonly by: 'own' | 'peer'; readonly reason: number; readonly description: string }
  // authentication
  /** The agent was asked for its keys. */
  | { readonly type: 'agent'; readonly socket: string; readonly keys: number; readonly problem?: string }
  /** What was given as a key file's passphrase does not open it. */
  | { readonly type: 'wrong-passphrase'; readonly source: string }
  | { readonly type: 'service'; readonly name: string; readonly accepted: boolean }
  | { readonly type: 'banner'; readonly text: string }
  | { readonly type: 'authentication-methods'; readonly canContinue: readonly string[]; readonly partialSuccess: boolean }
  | { readonly type: 'authentication-method'; readonly method: string }
  | { readonly type: 'authentication-try'; readonly attempt: AuthenticationTry }
  | { readonly type: 'authenticated'; readonly user: string; readonly method: string }
  // the connection
  | {
      readonly type: 'channel-open';
      readonly channel: number;
      readonly kind: string;
      readonly by: 'own' | 'peer';
      readonly target?: string;
    }
  | {
      readonly type: 'channel-opened';
      readonly channel: number;
      readonly kind: string;
      readonly window: number;
      readonly maximumPacket: number;
    }
  | {
      readonly type: 'channel-refused';
      readonly channel: number;
      readonly kind: string;
      readonly reason: number;
      readonly description: string;
    }
  | {
      readonly type: 'channel-request';
      readonly channel: number;
      readonly request: string;
      readonly by: 'own' | 'peer';
      readonly detail?: string;
    }
  | { readonly type: 'channel-reply'; readonly channel: number; readonly request: string; readonly success: boolean }
  | { readonly type: 'channel-eof'; readonly channel: number; readonly by: 'own' | 'peer' }
  | { readonly type: 'channel-closed'; readonly channel: number; readonly kind: string; readonly received: number; readonly sent: number }
  | { readonly type: 'global-request'; readonly request: string; readonly by: 'own' | 'peer' }
  | { readonly type: 'exit'; readonly channel: number; readonly status?: number; readonly signal?: string }
  /** The user ended the session, by an escape. */
  | { readonly type: 'left' }
  | { readonly type: 'listen-failed'; readonly address: string }
  | { readonly type: 'listening'; readonly address: string; readonly port: number; readonly target: string }
  // all of it
  | { readonly type: 'note'; readonly level: NoteLevel; readonly text: string }
  | {
      readonly type: 'stopped';
      readonly code: string;
      readonly message: string;
      readonly detail?: string;
      /** The name of the system's error behind it: `ECONNREFUSED`. */
      readonly system?: string;
    }
  | ({ readonly type: 'diagnosis' } & Diagnosis)
  | { readonly type: 'transferred'; readonly sent: number; readonly received: number; readonly seconds: number };
