import { SshError } from '../util/errors.ts';
import { ciphers } from './ciphers.ts';
import { type MacRow, macs } from './macs.ts';
import type { CipherName, MacName } from './names.ts';
import type { AeadSource, DirectionKeys, PacketOpener, PacketSealer } from './packet-cipher.ts';
import { StreamOpener, StreamSealer, type StreamSource } from './packet-stream.ts';

/** How many bytes of each key one direction takes from the key derivation (RFC 4253 section 7.2). */
export interface KeyLengths {
  readonly key: number;
  readonly iv: number;
  /** 0 where the cipher authenticates by itself. */
  readonly macKey: number;
}

/** The lengths of one direction's keys; `mac` does not count where the cipher authenticates by itself. */
export function keyLengths(cipher: CipherName, mac: MacName | undefined): KeyLengths {
  const row = ciphers[cipher];
  return { key: row.keyBytes, iv: row.ivBytes, macKey: row.authenticated ? 0 : macRow(mac).keyBytes };
}

/**
 * Loads what the cipher and MAC need before {@link createSealer} and {@link createOpener} may be called; undefined where nothing is
 * missing, so that nobody has to wait.
 */
export function prepare(cipher: CipherName, mac: MacName | undefined): Promise<void> | undefined {
  const row = ciphers[cipher];
  return row.authenticated ? row.source.prepare?.() : macRow(mac).prepare?.();
}

/**
 * The protection of what is sent with these algorithms and keys, after {@link prepare}. The keys are copied: the caller wipes its own.
 *
 * @throws SshError SSH_ERR_NO_MAC_ALG_MATCH where the cipher needs a MAC and there is none; SSH_ERR_KEY_LENGTH where a key's length is
 * not what {@link keyLengths} says.
 */
export function createSealer(cipher: CipherName, mac: MacName | undefined, keys: DirectionKeys): PacketSealer {
  checkLengths(keyLengths(cipher, mac), keys);
  const row = ciphers[cipher];
  return row.authenticated ? row.source.sealer(keys) : new StreamSealer(row, macRow(mac), keys);
}

/** The protection of what is received; otherwise as {@link createSealer}. */
export function createOpener(cipher: CipherName, mac: MacName | undefined, keys: DirectionKeys): PacketOpener {
  checkLengths(keyLengths(cipher, mac), keys);
  const row = ciphers[cipher];
  return row.authenticated ? row.source.opener(keys) : new StreamOpener(row, macRow(mac), keys);
}

/** Both directions of a stream cipher whose blocks come from `source`, and whose MACs are made by `create` where that is given. */
export function streamFrom(
  source: StreamSource,
  cipher: CipherName,
  mac: MacName | undefined,
  create?: MacRow['create'],
): Pick<AeadSource, 'sealer' | 'opener'> | undefined {
  const row = ciphers[cipher];
  if (row.authenticated) return undefined;
  const protection = create === undefined ? macRow(mac) : { ...macRow(mac), create };
  return {
    sealer: (keys) => new StreamSealer(row, protection, keys, source),
    opener: (keys) => new StreamOpener(row, protection, keys, source),
  };
}

function macRow(name: MacName | undefined): MacRow {
  if (name === undefined) throw new SshError('SSH_ERR_NO_MAC_ALG_MATCH', 'the cipher does not authenticate by itself');
  return macs[name];
}

function checkLengths(lengths: KeyLengths, keys: DirectionKeys): void {
  const right = keys.key.length === lengths.key && keys.iv.length === lengths.iv && keys.macKey.length === lengths.macKey;
  if (!right) throw new SshError('SSH_ERR_KEY_LENGTH', 'keys of a direction');
}
