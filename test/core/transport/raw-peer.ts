import type { CipherName, MacName } from '../../../src/core/crypto/names.ts';
import type { KexInit } from '../../../src/core/wire/transport-messages.ts';
import type { Message } from '../../../src/core/wire/message.ts';
import { ciphers } from '../../../src/core/crypto/ciphers.ts';
import { nullOpener, nullSealer } from '../../../src/core/crypto/packet-null.ts';
import { createOpener, createSealer, keyLengths, prepare } from '../../../src/core/crypto/packet-protection.ts';
import { deriveKeys } from '../../../src/core/transport/derive.ts';
import { exchangeAsClient, exchangeAsServer, type ExchangeContext } from '../../../src/core/transport/exchange.ts';
import { negotiate } from '../../../src/core/transport/negotiate.ts';
import { PacketReader, PacketWriter } from '../../../src/core/transport/packet.ts';
import { group14 } from '../../../src/core/crypto/dh-groups.ts';
import { latin1Bytes, latin1Text } from '../../../src/core/util/bytes.ts';
import { kexInit, newKeys, unimplementedMessage } from '../../../src/core/wire/transport-messages.ts';
import { fixedRandom } from '../crypto/fixed-random.ts';
import { configOf, End, type EndOptions, FakeClock, hostKey, plain, type Role, turn } from './pair.ts';

/** A peer that says what a test wants, in whatever order, to a transport of ours. */
export class RawPeer {
  readonly clock = new FakeClock();
  /** The transport under test. */
  readonly end: End;
  readonly role: Role;
  readonly writer: PacketWriter;
  readonly reader = new PacketReader(nullOpener);
  /** The first exchange's hash. */
  sessionId: Uint8Array | undefined;
  strict = false;
  /** The sequence numbers that the transport answered with UNIMPLEMENTED, as far as they were read. */
  readonly unimplemented: number[] = [];
  private ownInit = new Uint8Array(0);
  private peerIdent = '';
  private batch: Uint8Array[] | undefined;

  /** `role` is that of the transport under test. */
  constructor(role: Role, options: EndOptions = {}) {
    this.end = new End(configOf(role, options), this.clock, 'raw');
    this.role = role === 'client' ? 'server' : 'client';
    this.writer = new PacketWriter(nullSealer, fixedRandom('raw peer'), (bytes) => {
      if (this.batch === undefined) this.end.transport.receive(bytes);
      else this.batch.push(bytes);
    });
    this.end.start();
  }

  /** Exchanges identifications. */
  async idents(): Promise<void> {
    this.raw(latin1Bytes(`SSH-2.0-raw_${this.role}\r\n`));
    for (;;) {
      const bytes = this.pull();
      const newline = bytes.indexOf(10);
      if (newline >= 0) {
        this.peerIdent = latin1Text(bytes.subarray(0, newline - 1));
        this.reader.skip(newline + 1);
        return;
      }
      await turn();
    }
  }

  raw(bytes: Uint8Array): void {
    this.end.transport.receive(bytes);
  }

  send(payload: Uint8Array): void {
    this.writer.append(payload, undefined);
    this.writer.flush();
  }

  /** From here on nothing that is sent is delivered. */
  keep(): void {
    this.batch = [];
  }

  /** What was sent and not delivered; from here on all is delivered again. */
  kept(): Uint8Array {
    const bytes = Uint8Array.from(Buffer.concat(this.batch ?? []));
    this.batch = undefined;
    return bytes;
  }

  /** The next payload that the transport sent; it must be of this number where one is given. */
  async next(number?: number): Promise<Uint8Array> {
    for (;;) {
      this.pull();
      const payload = this.reader.next();
      if (payload !== undefined) {
        if (payload[0] === 3) {
          this.unimplemented.push(unimplementedMessage.decode(payload).sequenceNumber);
          if (number !== 3) continue;
        }
        if (number !== undefined && payload[0] !== number) throw new Error(`message ${String(payload[0])} instead of ${String(number)}`);
        return Uint8Array.from(payload);
      }
      if (this.end.ended) throw new Error(`it has ended: ${String(this.end.error)}: ${String(this.end.detail)}`);
      await turn();
    }
  }

  /** All payloads that it has sent so far. */
  async rest(): Promise<Uint8Array[]> {
    for (let i = 0; i < 5; i++) await turn();
    const payloads: Uint8Array[] = [];
    for (;;) {
      this.pull();
      const payload = this.reader.next();
      if (payload === undefined) return payloads;
      if (payload[0] === 3) this.unimplemented.push(unimplementedMessage.decode(payload).sequenceNumber);
      payloads.push(Uint8Array.from(payload));
    }
  }

  kexInit(fields: Partial<KexInit> = {}, strict = true): void {
    const marker = this.role === 'client' ? 'kex-strict-c-v00@openssh.com' : 'kex-strict-s-v00@openssh.com';
    this.ownInit = Uint8Array.from(
      kexInit.encode({
        cookie: new Uint8Array(16),
        kexAlgorithms: [...plain.kex, ...(strict ? [marker] : [])],
        serverHostKeyAlgorithms: plain.hostKey,
        encryptionClientToServer: plain.ciphers,
        encryptionServerToClient: plain.ciphers,
        macClientToServer: plain.macs,
        macServerToClient: plain.macs,
        compressionClientToServer: ['none'],
        compressionServerToClient: ['none'],
        languagesClientToServer: [],
        languagesServerToClient: [],
        firstKexPacketFollows: false,
        reserved: 0,
        ...fields,
      }),
    );
    this.send(this.ownInit);
  }

  /**
   * The rest of an exchange: reads the other KEXINIT, and ends with new keys in both directions. `change` may tamper with each message;
   * `sealed` is called once what is sent is sealed with the new keys.
   */
  async exchange(change: (payload: Uint8Array) => Uint8Array = (payload) => payload, sealed: () => void = () => undefined): Promise<void> {
    const peerInit = await this.next(20);
    const client = this.role === 'client';
    const [clientInit, serverInit] = client ? [this.ownInit, peerInit] : [peerInit, this.ownInit];
    const initial = this.sessionId === undefined;
    const agreement = negotiate(
      kexInit.decode(clientInit),
      kexInit.decode(serverInit),
      this.role,
      (cipher) => ciphers[cipher as CipherName].authenticated,
      initial ? undefined : this.strict,
    );
    this.strict = agreement.strict;
    const ident = latin1Bytes(`SSH-2.0-raw_${this.role}`);
    const peerIdent = latin1Bytes(this.peerIdent);
    const context: ExchangeContext = {
      peer: {
        send: (payload) => {
          this.send(change(payload));
        },
        next: <T>(expected: Message<T>) => this.next(expected.number),
      },
      random: fixedRandom('raw exchange'),
      events: () => undefined,
      method: agreement.kex,
      hostKeyAlgorithm: agreement.hostKey,
      clientIdent: client ? ident : peerIdent,
      serverIdent: client ? peerIdent : ident,
      clientKexInit: clientInit,
      serverKexInit: serverInit,
      needBytes: 32,
    };
    const result = await (client ? exchangeAsClient(context, undefined) : exchangeAsServer(context, hostKey, () => group14));
    this.sessionId ??= result.exchangeHash;
    const keys = async <T>(
      direction: 'clientToServer' | 'serverToClient',
      create: (cipher: CipherName, mac: MacName | undefined, keys: ReturnType<typeof deriveKeys>) => T,
    ): Promise<T> => {
      const { cipher, mac } = agreement[direction];
      await prepare(cipher, mac);
      const { hash, secret, exchangeHash } = result;
      return create(cipher, mac, deriveKeys(direction, keyLengths(cipher, mac), hash, secret, exchangeHash, this.sessionId as Uint8Array));
    };
    const [sending, receiving] = client ? (['clientToServer', 'serverToClient'] as const) : (['serverToClient', 'clientToServer'] as const);
    const sealer = await keys(sending, createSealer);
    const opener = await keys(receiving, createOpener);
    this.send(change(newKeys.encode({})));
    this.writer.rekey(sealer, this.strict);
    sealed();
    await this.next(21);
    this.reader.rekey(opener, this.strict);
  }

  /** All of the first exchange. */
  async connect(strict = true): Promise<void> {
    await this.idents();
    this.kexInit({}, strict);
    await this.exchange();
    while (this.end.started === 'no') await turn();
  }

  /** Waits until the transport has ended. */
  async over(): Promise<void> {
    while (!this.end.ended) await turn();
  }

  private pull(): Uint8Array {
    for (let bytes = this.end.take(); bytes.length > 0; ) {
      const space = this.reader.space();
      const part = bytes.subarray(0, space.length);
      space.set(part);
      this.reader.filled(part.length);
      bytes = bytes.subarray(part.length);
    }
    return this.reader.bytes();
  }
}
