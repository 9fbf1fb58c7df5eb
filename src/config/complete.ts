/** What a shell can offer where a keyword of ssh_config(5) is to be written, and behind it. */
import { clientKeywords, clientOptions, type ClientOption, type Row } from './client-keywords.ts';

/** What may stand behind a keyword. */
export type KeywordValue =
  | { readonly is: 'words' | 'list'; readonly words: readonly string[] }
  | { readonly is: 'file' | 'hosts' }
  /** Nothing that could be guessed. */
  | { readonly is: 'any' };

/** A keyword by the name that ssh_config(5) has for it. */
export interface CompletedKeyword {
  readonly name: string;
  readonly value: KeywordValue;
}

/** Keywords whose values are files. */
const files: ReadonlySet<ClientOption> = new Set([
  'certificateFile',
  'controlPath',
  'globalKnownHostsFile',
  'identityAgent',
  'identityFile',
  'revokedHostKeys',
  'securityKeyProvider',
  'userKnownHostsFile',
  'xauthLocation',
]);

/** Keywords whose values are hosts. */
const hosts: ReadonlySet<ClientOption> = new Set(['hostKeyAlias', 'hostname', 'proxyJump']);

/** Every keyword, in the order of `-G`. */
export function completedKeywords(): readonly CompletedKeyword[] {
  return clientOptions.map((option) => ({ name: clientKeywords[option].name, value: valueOf(option) }));
}

function valueOf(option: ClientOption): KeywordValue {
  const { words, names } = (clientKeywords[option] as Row<unknown>).kind;
  if (names !== undefined) return { is: 'list', words: names() };
  if (words !== undefined) return { is: 'words', words: words.filter((word) => !isOtherName(word, words)) };
  if (files.has(option)) return { is: 'file' };
  return { is: hosts.has(option) ? 'hosts' : 'any' };
}

/** Whether a word says what `yes` or `no` says too, which people write. */
function isOtherName(word: string, words: readonly string[]): boolean {
  return (word === 'true' && words.includes('yes')) || (word === 'false' && words.includes('no'));
}
