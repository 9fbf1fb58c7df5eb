import type { EventSink } from '../events.ts';
import type { PublicKey } from '../keys/key.ts';
import type { PacketLink } from '../transport/link.ts';
import type { Inbox } from './inbox.ts';
import type { ServerPhase } from './phases.ts';

/** One request as a method sees it. */
export interface ServerRequest {
  readonly link: PacketLink;
  readonly inbox: Inbox<ServerPhase>;
  readonly emit: EventSink;
  readonly user: string;
  /** The user name as it was sent, with the style after a colon: what signatures cover. */
  readonly sentUser: string;
  readonly service: string;
  /**
   * Whether the user exists and may log in. A method does the same for both but never accepts an unknown user, so that nobody learns
   * who is known.
   */
  readonly known: boolean;
  /** The method as the client named it. */
  readonly method: string;
  /** The method's own fields (authRequests), a view. */
  readonly body: Uint8Array;
  /** The keys with which earlier steps succeeded: none may be used again. */
  readonly usedKeys: readonly PublicKey[];
}

/** What a method made of a request. */
export type ServerOutcome<Grant> =
  | {
      readonly type: 'accepted';
      /** What the credential allows, for the server to act upon. */
      readonly grant: Grant;
      readonly key?: PublicKey;
      /** The device that AuthenticationMethods may name. */
      readonly device?: string;
    }
  | { readonly type: 'refused'; readonly reason: string }
  /** The method has answered by itself, and the client goes on. */
  | { readonly type: 'postponed' }
  /** The client has begun another try instead of answering. */
  | { readonly type: 'abandoned'; readonly payload: Uint8Array };

/** One method as the server offers it. */
export interface ServerMethod<Grant> {
  /** Its name in lists. */
  readonly name: string;
  /** The names by which a request may choose it. */
  readonly requests: readonly string[];
  attempt(request: ServerRequest): Promise<ServerOutcome<Grant>>;
}

/** One method that went well. */
export interface AuthStep<Grant> {
  readonly method: string;
  readonly grant: Grant;
  readonly key?: PublicKey;
}
