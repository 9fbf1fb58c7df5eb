import { BulkChange, type BulkCiphers } from '../crypto/packet-bulk.ts';
import type { PacketOpener, PacketSealer } from '../crypto/packet-cipher.ts';
import type { EventSink } from '../events.ts';
import type { Inbound } from './inbound.ts';
import type { AgreedProtection, Agreement } from './negotiate.ts';
import type { Outbound } from './outbound.ts';
import type { RekeySchedule } from './rekey.ts';

/** What protects and compresses both directions at present, and whether it has done so long enough. */
export class Protection {
  /** What was agreed on in the last exchange. */
  agreement: Agreement | undefined;
  /** Whether the client has authenticated: before that nothing is compressed and no keys are changed. */
  authenticated = false;
  private readonly role: 'client' | 'server';
  private readonly out: Outbound;
  private readonly in: Inbound;
  private readonly schedule: RekeySchedule;
  private readonly events: EventSink;
  private readonly bulk: BulkChange | undefined;

  constructor(
    role: 'client' | 'server',
    out: Outbound,
    inbound: Inbound,
    schedule: RekeySchedule,
    events: EventSink,
    bulk: BulkCiphers | undefined,
  ) {
    this.role = role;
    this.out = out;
    this.in = inbound;
    this.schedule = schedule;
    this.events = events;
    this.bulk = bulk === undefined ? undefined : new BulkChange(bulk);
  }

  /** From here on what is sent is sealed with new keys. */
  newSealer(sealer: PacketSealer, agreement: Agreement): void {
    const rekey = this.agreement !== undefined;
    this.agreement = agreement;
    const { sequence } = this.out;
    const { strict } = agreement;
    const { cipher, mac } = this.sending(agreement);
    this.out.rekey(this.bulk?.sealer(sealer, cipher, mac) ?? sealer, strict);
    const blocks = this.schedule.sealed(sealer);
    this.events({ type: 'new-keys', sent: true, cipher, blocks, sequence, strict, rekey });
    if (this.authenticated) this.compress(agreement);
  }

  /** From here on what is received is opened with new keys; `rekey` where they are not the first. */
  newOpener(opener: PacketOpener, agreement: Agreement, rekey: boolean): void {
    const { sequence } = this.in;
    const { strict } = agreement;
    const { cipher, mac } = this.receiving(agreement);
    this.in.rekey(this.bulk?.opener(opener, cipher, mac) ?? opener, strict);
    const blocks = this.schedule.opened(opener);
    this.events({ type: 'new-keys', sent: false, cipher, blocks, sequence, strict, rekey });
    if (this.authenticated) this.decompress(agreement);
  }

  /** The client has authenticated: what follows USERAUTH_SUCCESS is compressed, where zlib@openssh.com was agreed on. */
  begin(): void {
    if (this.authenticated || this.agreement === undefined) return;
    this.authenticated = true;
    this.compress(this.agreement);
    this.decompress(this.agreement);
  }

  /** Takes faster sources of ciphers from the next packet on, not only once much has been moved. */
  hasten(): void {
    this.bulk?.hasten();
  }

  /** Whether it is time for new keys. */
  get exceeded(): boolean {
    return this.authenticated && this.schedule.exceeded(this.out.usage, this.in.usage);
  }

  /** Whether it is time because of what was received: the part of {@link exceeded} that a packet of data can change. */
  get openedEnough(): boolean {
    return this.schedule.openedEnough(this.in.usage);
  }

  /** Forgets all keys, and what waits in either direction. */
  wipe(): void {
    this.schedule.stop();
    this.in.wipe();
    this.out.wipe();
  }

  private compress(agreement: Agreement): void {
    this.out.compress(this.sending(agreement).compression !== 'none');
  }

  private decompress(agreement: Agreement): void {
    this.in.decompress(this.receiving(agreement).compression !== 'none');
  }

  private sending({ clientToServer, serverToClient }: Agreement): AgreedProtection {
    return this.role === 'client' ? clientToServer : serverToClient;
  }

  private receiving({ clientToServer, serverToClient }: Agreement): AgreedProtection {
    return this.role === 'client' ? serverToClient : clientToServer;
  }
}
