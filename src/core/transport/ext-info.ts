import { latin1Text, utf8Bytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { type Extension, extInfo } from '../wire/transport-messages.ts';

/** What a client tells after its first NEWKEYS: that EXT_INFO may come during authentication too (PROTOCOL section 1.9). */
export const clientExtensions: readonly Extension[] = [{ name: 'ext-info-in-auth@openssh.com', value: utf8Bytes('0') }];

/** What a server tells (RFC 8308 section 3.1, PROTOCOL sections 1.8 and 3.1). */
export function serverExtensions(signatureAlgorithms: readonly string[]): readonly Extension[] {
  return [
    { name: 'server-sig-algs', value: utf8Bytes(signatureAlgorithms.join(',')) },
    { name: 'publickey-hostbound@openssh.com', value: utf8Bytes('0') },
    { name: 'ping@openssh.com', value: utf8Bytes('0') },
  ];
}

/** A peer sends the message once after its first NEWKEYS, and a server once more before it lets the client in. */
const MOST_MESSAGES = 4;

/** What the peer told in its EXT_INFO messages; of one name the last word counts (RFC 8308 section 2.4). */
export class PeerExtensions {
  private readonly values = new Map<string, Uint8Array>();
  private messages = 0;

  /**
   * Takes a message's extensions, and gives them back as text for the events.
   *
   * @throws SshError where it is malformed, or there are too many: they are kept, and nobody has authenticated yet.
   */
  take(payload: Uint8Array): readonly { readonly name: string; readonly value: string }[] {
    if (++this.messages > MOST_MESSAGES) throw new SshError('SSH_ERR_PROTOCOL_ERROR', `${extInfo.name} again and again`);
    const { extensions } = extInfo.decode(payload);
    for (const { name, value } of extensions) this.values.set(name, value.slice());
    return extensions.map(({ name, value }) => ({ name, value: latin1Text(value) }));
  }

  /** The value of an extension, or undefined where the peer did not name it. */
  get(name: string): Uint8Array | undefined {
    return this.values.get(name);
  }
}
