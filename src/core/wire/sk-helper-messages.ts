import { boolean, byte, rest, string, uint32, utf8 } from './codec.ts';
import { struct } from './message.ts';

/**
 * The messages between OpenSSH's programs and ssh-sk-helper, which has security keys sign (ssh-sk.h, version 5): one request to its
 * stdin, one answer from its stdout, each with its length before it, as a uint32.
 */

/** The version of these messages. */
export const SK_HELPER_VERSION = 5;

/** The longest message that is sent or taken, in bytes without its length. */
export const LONGEST_SK_MESSAGE = 256 * 1024;

/** What can be asked for, by its number, which an answer repeats; enrolling a key, number 2, is not asked for. */
export const skRequests = { sign: 1, loadResident: 3 } as const;

/** The number of an answer that is an error. */
export const SK_ERROR = 0;

/** What every request begins with: `level` is that of the log, counted from 0 for QUIET. */
export const skRequestHead = struct({ version: byte, type: uint32, logsToStderr: boolean, level: uint32 });

/** A signature: the key is its type's name and its private fields. There is one algorithm for each type, so none is named. */
export const skSignRequest = struct({ key: string, provider: utf8, data: string, algorithm: utf8, compat: uint32, pin: string });

/** The keys that a device itself keeps; where no device is named it is the one that there is. */
export const skLoadResidentRequest = struct({ provider: utf8, device: utf8, pin: string, flags: uint32 });

/** What every answer begins with. */
export const skAnswer = struct({ version: byte, type: uint32, body: rest });

/** A signature, its whole encoding. */
export const skSignAnswer = struct({ signature: string });

/** One resident key, its type's name and its private fields; they follow each other to the end of the answer. */
export const skResidentKey = struct({ key: string, comment: string, userId: string });
