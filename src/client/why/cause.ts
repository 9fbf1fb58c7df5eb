import type { ClientOption } from '../../config/client-keywords.ts';
import type { CredentialStory, Evidence } from '../../core/events.ts';
import type { Origin } from '../../config/settings.ts';
import type { FinalOptions } from '../../config/finalize-client.ts';
import type { Story } from './story.ts';

/** What was asked for, which no event tells. */
export interface Asked {
  /** The host as the command line names it, and as it is called in the end. */
  readonly originalHost: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly options: FinalOptions;
  /** Where an option was set: empty where nothing set it. */
  readonly origins: (option: ClientOption) => readonly Origin[];
  /** The key files that are tried, `~` expanded. */
  readonly identityFiles: readonly { readonly path: string; readonly explicit: boolean }[];
}

/** What is found out beside the events once a run has failed: what is in the files that it names. */
export interface Findings {
  /** What is wrong with key files that could not be used, by their paths. */
  readonly keyFiles: ReadonlyMap<string, KeyFileFinding>;
  /** The known_hosts line that spoke against the host key, and the other names of the key that came. */
  readonly oldHostKey: { readonly keyType: string; readonly fingerprint: string } | undefined;
  readonly otherNames: readonly string[];
}

/** Why a key file is of no use, and what helps. */
export interface KeyFileFinding {
  readonly problem: string;
  readonly cure: string;
  /** Nothing is there. */
  readonly missing: boolean;
}

/** All that a cause is recognised by and told with. */
export interface Scene {
  readonly story: Story;
  readonly asked: Asked;
  readonly findings: Findings;
  readonly credentials: readonly CredentialStory[];
}

/** A cause of failure: how it is recognised, and how it is told. The first row that holds is the one. */
export interface Cause {
  /** Its stable name. */
  readonly code: string;
  readonly holds: (scene: Scene) => boolean;
  readonly sentence: (scene: Scene) => string;
  readonly evidence?: (scene: Scene) => readonly Evidence[];
  readonly wayOut: (scene: Scene) => readonly string[];
}

/** The host as a Host block of the user's would name it. */
export function hostBlock(asked: Asked, ...lines: readonly string[]): string {
  return [`Host ${asked.originalHost}`, ...lines.map((line) => `    ${line}`)].join('\n');
}

/** The command line that asks the same again with more options in front. */
export function again(asked: Asked, ...options: readonly string[]): string {
  return ['tsh', ...options, ...(asked.port === 22 ? [] : ['-p', String(asked.port)]), `${asked.user}@${asked.originalHost}`].join(' ');
}
