import { ascii, boolean, nameList, string, uint32, utf8 } from './codec.ts';
import type { Codec } from './codec.ts';
import { message } from './message.ts';
import { SshError } from '../util/errors.ts';

/** A language tag at a message's end, which some servers leave out. */
const lastLanguageTag: Codec<string> = {
  read: (reader) => (reader.remaining === 0 ? '' : utf8.read(reader)),
  write: (writer, value) => utf8.write(writer, value),
};

/** RFC 4253 section 11.1. */
export const disconnectMessage = message(1, 'SSH_MSG_DISCONNECT', { reasonCode: uint32, description: utf8, languageTag: lastLanguageTag });

/** RFC 4253 section 11.2. */
export const ignoreMessage = message(2, 'SSH_MSG_IGNORE', { data: string });

/** RFC 4253 section 11.4. */
export const unimplementedMessage = message(3, 'SSH_MSG_UNIMPLEMENTED', { sequenceNumber: uint32 });

/** RFC 4253 section 11.3. */
export const debugMessage = message(4, 'SSH_MSG_DEBUG', { alwaysDisplay: boolean, message: utf8, languageTag: utf8 });

/** RFC 4253 section 10. */
export const serviceRequest = message(5, 'SSH_MSG_SERVICE_REQUEST', { serviceName: ascii });

/** RFC 4253 section 10. */
export const serviceAccept = message(6, 'SSH_MSG_SERVICE_ACCEPT', { serviceName: ascii });

/** One extension of an EXT_INFO message (RFC 8308 section 2.3). */
export interface Extension {
  readonly name: string;
  readonly value: Uint8Array;
}

/** More extensions than any implementation has; OpenSSH takes as many. */
const MOST_EXTENSIONS = 1024;

const extensions: Codec<readonly Extension[]> = {
  read: (reader) => {
    const count = reader.uint32();
    if (count > MOST_EXTENSIONS) throw new SshError('SSH_ERR_INVALID_FORMAT', 'SSH_MSG_EXT_INFO: too many extensions');
    return Array.from({ length: count }, () => ({ name: ascii.read(reader), value: reader.string() }));
  },
  write: (writer, value) => {
    writer.uint32(value.length);
    for (const { name, value: body } of value) {
      ascii.write(writer, name);
      writer.string(body);
    }
  },
};

/** RFC 8308 section 2.3. */
export const extInfo = message(7, 'SSH_MSG_EXT_INFO', { extensions });

const cookie: Codec<Uint8Array> = {
  read: (reader) => reader.take(16),
  write: (writer, value) => void writer.raw(value),
};

/** RFC 4253 section 7.1. */
export const kexInit = message(20, 'SSH_MSG_KEXINIT', {
  cookie,
  kexAlgorithms: nameList,
  serverHostKeyAlgorithms: nameList,
  encryptionClientToServer: nameList,
  encryptionServerToClient: nameList,
  macClientToServer: nameList,
  macServerToClient: nameList,
  compressionClientToServer: nameList,
  compressionServerToClient: nameList,
  languagesClientToServer: nameList,
  languagesServerToClient: nameList,
  firstKexPacketFollows: boolean,
  reserved: uint32,
});

/** The values of a KEXINIT. */
export type KexInit = ReturnType<typeof kexInit.decode>;

/** RFC 4253 section 7.3. */
export const newKeys = message(21, 'SSH_MSG_NEWKEYS', {});

/** PROTOCOL section 1.8: ping@openssh.com. */
export const ping = message(192, 'SSH2_MSG_PING', { data: string });

/** PROTOCOL section 1.8. */
export const pong = message(193, 'SSH2_MSG_PONG', { data: string });
