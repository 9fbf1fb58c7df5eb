/** The programs as a shell completes them: their flags, from the tables that read their command lines, and what stands behind each. */
import { keyFileCiphers } from '../core/keys/key-file-ciphers.ts';
import { fingerprintHashes } from '../core/keys/fingerprint.ts';
import { cipherNames, macNames } from '../core/crypto/names.ts';
import type { KeywordValue } from '../config/complete.ts';
import { letters as copyIdLetters, withValue as copyIdValues } from './copy-id-options.ts';
import { shortNames } from './keygen/key-type.ts';
import { keygenFlags } from './keygen/options.ts';
import { signatureOperations } from './keygen/sshsig.ts';
import { addOptionRows } from './tsh-add-options.ts';
import { agentOptionRows, extras } from './tsh-agent-options.ts';
import { muxCommands, tshFlags } from './tsh-options.ts';
import { queryNames } from './tsh-query.ts';

/** What a flag's value is: as a keyword's, or a keyword itself with its value. */
export type FlagValue =
  | KeywordValue
  | { readonly is: 'keyword' }
  /** It may be left out: then a flag follows, or what stands where no flag does. */
  | { readonly is: 'file, if any' };

/** A program. */
export interface CompletedProgram {
  readonly name: string;
  /** As they are written: `-v`, `--why`. */
  readonly flags: readonly string[];
  /** What follows the flags that take a value, by their letters. */
  readonly values: Readonly<Record<string, FlagValue>>;
  /** What stands where no flag does. */
  readonly operands: 'host, then a command' | 'host' | 'command' | 'files';
}

const any = { is: 'any' } as const;
const file = { is: 'file' } as const;
const hosts = { is: 'hosts' } as const;

function words(...all: readonly string[]): FlagValue {
  return { is: 'words', words: all };
}

/** Every program. */
export function completedPrograms(): readonly CompletedProgram[] {
  const hashes = words(...fingerprintHashes);
  return [
    {
      name: 'tsh',
      flags: Object.keys(tshFlags).map(written),
      values: {
        ...{ B: any, b: any, D: any, E: file, e: any, F: file, I: file, i: file, J: hosts, L: any, l: any, P: any, p: any },
        ...{ R: any, S: file, W: any, w: any, o: { is: 'keyword' }, O: words(...muxCommands), Q: words(...queryNames) },
        c: { is: 'list', words: cipherNames },
        m: { is: 'list', words: macNames },
      },
      operands: 'host, then a command',
    },
    {
      name: 'tsh-keygen',
      flags: Object.keys(keygenFlags).map(written),
      values: {
        ...{ C: any, D: file, E: hashes, F: hosts, I: any, M: words('generate', 'screen'), N: any, O: any, P: any, R: hosts, V: any },
        ...{ Z: words(...keyFileCiphers.map(({ name }) => name)), a: any, b: any, f: file, m: words('RFC4716', 'PKCS8', 'PEM', 'PPK') },
        ...{ n: any, r: hosts, s: file, t: words(...shortNames.keys()), w: file, z: any },
        Y: words(...signatureOperations.map(({ word }) => word)),
      },
      operands: 'files',
    },
    {
      name: 'tsh-agent',
      flags: agentOptionRows.map(({ flag }) => written(flag)),
      values: { a: file, E: hashes, O: words(...extras.map(({ name }) => name)), P: file, t: any },
      operands: 'command',
    },
    {
      name: 'tsh-add',
      flags: addOptionRows.map(({ flag }) => written(flag)),
      values: { E: hashes, e: file, H: file, h: hosts, S: file, s: file, t: any },
      operands: 'files',
    },
    {
      name: 'tsh-copy-id',
      flags: Array.from(copyIdLetters, written),
      values: {
        ...Object.fromEntries(Array.from(copyIdValues, (letter) => [letter, { p: any, o: { is: 'keyword' } as const }[letter] ?? file])),
        i: { is: 'file, if any' },
      },
      operands: 'host',
    },
  ];
}

function written(flag: string): string {
  return flag.length === 1 ? `-${flag}` : flag;
}
