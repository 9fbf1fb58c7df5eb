/** How `tsh-add` adds keys and certificates to the agent and removes them. */
import type { AgentClient } from '../core/agent/client.ts';
import type { Destination } from '../core/agent/destinations.ts';
import { encodeDestinations, RESTRICT_DESTINATION } from '../core/agent/destinations.ts';
import { SK_PROVIDER } from '../core/agent/constraints.ts';
import { certifiedFields } from '../core/keys/certified-private.ts';
import { fingerprint } from '../core/keys/fingerprint.ts';
import { parsePrivateKeyFile } from '../core/keys/formats.ts';
import type { PublicKey } from '../core/keys/key.ts';
import type { PrivateKeyFile } from '../core/keys/openssh-private.ts';
import type { PrivateKey } from '../core/keys/private-key.ts';
import { parsePublicKeyLine, type PublicKeyLine } from '../core/keys/public-key.ts';
import { concat, equalBytes, utf8Bytes, utf8Text } from '../core/util/bytes.ts';
import { SshError } from '../core/util/errors.ts';
import { type Log, verboseLevel } from '../core/util/log.ts';
import type { AgentConstraint } from '../core/wire/agent-messages.ts';
import { loadCertificateBeside, loadPublicKey, readKeyFile } from '../files/key-files.ts';
import { errnoOf, SystemError } from '../node/errno.ts';
import { writeTo } from '../node/files.ts';
import { readPassphrase } from '../node/read-passphrase.ts';
import { readInput } from '../node/standard-input.ts';
import type { AddOptions } from './tsh-add-options.ts';

/** How long a certificate stays in the agent after its end, in seconds. */
const certificateGrace = 5 * 60;
const longestLifetime = 0x7fffffff;

/** A run of the program: its options, its agent and the passphrase that was right last. */
export class KeyAdder {
  private readonly client: AgentClient;
  private readonly options: AddOptions;
  private readonly destinations: readonly Destination[];
  private readonly log: Log;
  private passphrase: Uint8Array | undefined;

  constructor(client: AgentClient, options: AddOptions, destinations: readonly Destination[], log: Log) {
    this.client = client;
    this.options = options;
    this.destinations = destinations;
    this.log = log;
  }

  /** Adds the key in a file (`-` is stdin) and the certificate beside it, or removes them; false where that failed. */
  async apply(file: string): Promise<boolean> {
    if (this.options.deleting) return file === '-' ? this.removeFromInput() : this.removeFile(file);
    const loaded = await this.load(file);
    if (loaded === undefined) return false;
    try {
      return await this.addKey(file === '-' ? '(stdin)' : file, loaded);
    } finally {
      loaded.key.wipe();
    }
  }

  /** Forgets the passphrase. */
  wipe(): void {
    this.passphrase?.fill(0);
    this.passphrase = undefined;
  }

  private async addKey(file: string, { key, comment }: PrivateKeyFile): Promise<boolean> {
    const { kinds } = this.options;
    const provider = key.publicKey.application === undefined ? undefined : this.options.provider;
    let added = kinds === 'certificates' ? undefined : await this.addPlain(file, key, comment, provider);
    if (kinds === 'keys') return added === true;
    const certificate = this.certificateBeside(file, key.publicKey);
    if (certificate === undefined) return added === true;
    const lifetime = this.lifetimeOf(certificate);
    if (lifetime === 'expired') this.log('INFO', `Certificate ${file}-cert.pub has expired and is not added`);
    else added = (await this.addCertificate(file, { key, comment }, certificate, lifetime, provider)) || added;
    return added === true;
  }

  private async addPlain(file: string, key: PrivateKey, comment: string, provider: string | undefined): Promise<boolean> {
    const { lifetime } = this.options;
    try {
      await this.client.add({ name: key.publicKey.name, fields: key.fields, comment }, this.constraints(lifetime, provider));
    } catch (error) {
      say(`Could not add identity "${file}": ${reason(error)}\n`);
      return false;
    }
    this.tell(`Identity added: ${file} (${comment})\n`, lifetime);
    return true;
  }

  private async addCertificate(
    file: string,
    { key, comment }: PrivateKeyFile,
    certificate: PublicKey,
    lifetime: number,
    provider: string | undefined,
  ): Promise<boolean> {
    const path = `${file}-cert.pub`;
    const id = certificate.certificate?.keyId ?? '';
    const fields = certifiedFields(certificate, key);
    try {
      await this.client.add({ name: certificate.name, fields, comment }, this.constraints(lifetime, provider));
    } catch (error) {
      this.log('ERROR', `Certificate ${path} (${id}) add failed: ${reason(error)}`);
      return false;
    } finally {
      fields.fill(0);
    }
    this.tell(`Certificate added: ${path} (${id})\n`, lifetime);
    return true;
  }

  /** Adds the keys that a security key keeps itself. @throws SshError where they can't be had */
  async addResident(pin: Uint8Array): Promise<boolean> {
    const { lifetime, provider, hash, verbosity } = this.options;
    const { loadResidentKeys } = await import('../node/sk-helper.ts');
    const keys = await loadResidentKeys({ provider, log: this.log, level: verboseLevel(verbosity) }, pin);
    let added = keys.length > 0;
    for (const { publicKey, fields } of keys) {
      const named = `${publicKey.shortName} ${fingerprint(publicKey, hash)}`;
      try {
        await this.client.add({ name: publicKey.name, fields, comment: '' }, this.constraints(lifetime, provider));
        this.tell(`Resident identity added: ${named}\n`, lifetime);
      } catch (error) {
        reason(error);
        this.log('ERROR', `Unable to add key ${named}`);
        added = false;
      }
    }
    for (const key of keys) key.wipe();
    return added;
  }

  private tell(line: string, lifetime: number): void {
    if (this.options.quiet) return;
    say(line);
    if (lifetime !== 0) say(`Lifetime set to ${lifetime} seconds\n`);
    if (this.options.confirm) say('The user must confirm each use of the key\n');
  }

  /** The constraints of what is added, in OpenSSH's order. */
  constraints(lifetime: number, provider: string | undefined): AgentConstraint[] {
    const { confirm } = this.options;
    const list: AgentConstraint[] = [];
    if (lifetime !== 0) list.push({ type: 'lifetime', seconds: lifetime });
    if (confirm) list.push({ type: 'confirm' });
    if (provider !== undefined) list.push({ type: 'extension', name: SK_PROVIDER, contents: utf8Bytes(provider) });
    if (this.destinations.length > 0) {
      list.push({ type: 'extension', name: RESTRICT_DESTINATION, contents: encodeDestinations(this.destinations) });
    }
    return list;
  }

  private certificateBeside(file: string, key: PublicKey): PublicKey | undefined {
    const path = `${file}-cert.pub`;
    try {
      const { key: certificate } = loadCertificateBeside(file);
      if (equalBytes(certificate.plain.blob, key.blob)) return certificate;
      this.log('ERROR', `Certificate ${path} does not match private key ${file}`);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') this.log('ERROR', `Failed to load certificate "${path}": ${reason(error)}`);
    }
    return undefined;
  }

  /** How long a certificate is held: not much longer than it is valid. */
  private lifetimeOf({ certificate }: PublicKey): number | 'expired' {
    const { keepExpired, lifetime } = this.options;
    if (certificate === undefined || keepExpired || certificate.validBefore === 2n ** 64n - 1n) return lifetime;
    const now = Math.floor(Date.now() / 1000);
    if (BigInt(now) >= certificate.validBefore) return 'expired';
    const left = Math.min(Number(certificate.validBefore) - now + certificateGrace, longestLifetime);
    return lifetime === 0 ? left : Math.min(lifetime, left);
  }

  /** The key in a file, with no passphrase, the last or one that is asked for until it is right or empty. */
  private async load(file: string): Promise<PrivateKeyFile | undefined> {
    const name = file === '-' ? '(stdin)' : file;
    const bytes = this.read(file);
    if (bytes === undefined) return undefined;
    try {
      const found = (await this.open(name, bytes, undefined)) ?? (this.passphrase && (await this.open(name, bytes, this.passphrase)));
      if (found !== undefined) return found === 'broken' ? undefined : named(found, name);
      const suffix = this.options.confirm ? ' (will confirm each use)' : '';
      for (let prompt = `Enter passphrase for ${name}${suffix}: `; ; prompt = `Bad passphrase, try again for ${name}${suffix}: `) {
        this.wipe();
        this.passphrase = await readPassphrase(prompt, { allowStdin: true });
        if (this.passphrase === undefined || this.passphrase.length === 0) return undefined;
        const opened = await this.open(name, bytes, this.passphrase);
        if (opened !== undefined) return opened === 'broken' ? undefined : named(opened, name);
      }
    } finally {
      bytes.fill(0);
    }
  }

  private read(file: string): Uint8Array | undefined {
    try {
      return file === '-' ? wholeInput() : readKeyFile(file, (line) => say(`${line}\r\n`));
    } catch (error) {
      if (error instanceof SystemError) say(`${file}: ${error.message}\n`);
      else if (!(error instanceof SshError)) throw error;
      return undefined;
    }
  }

  /** The key, or undefined where it needs another passphrase. */
  private async open(name: string, bytes: Uint8Array, passphrase: Uint8Array | undefined): Promise<PrivateKeyFile | 'broken' | undefined> {
    try {
      return await parsePrivateKeyFile(bytes, passphrase);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      if (error.code === 'SSH_ERR_KEY_WRONG_PASSPHRASE') return undefined;
      say(`Error loading key "${name}": ${error.message}\n`);
      return 'broken';
    }
  }

  private async removeFile(file: string): Promise<boolean> {
    let line: PublicKeyLine;
    try {
      line = loadPublicKey(file);
    } catch (error) {
      writeTo(1, `Bad key file ${file}: ${reason(error)}\n`);
      return false;
    }
    const { kinds } = this.options;
    let removed = kinds === 'certificates' ? false : await this.remove(line, file);
    if (kinds === 'keys') return removed;
    const path = `${file}-cert.pub`;
    try {
      const certificate = loadCertificateBeside(file);
      if (!equalBytes(certificate.key.plain.blob, line.key.plain.blob)) {
        this.log('FATAL', `Certificate ${path} does not match private key ${file}`);
        process.exit(255);
      }
      if (await this.remove(certificate, path)) removed = true;
    } catch (error) {
      if (!(error instanceof SshError) && !(error instanceof SystemError)) throw error;
      if (errnoOf(error) !== 'ENOENT') this.log('ERROR', `Failed to load certificate "${path}": ${reason(error)}`);
    }
    return removed;
  }

  private async removeFromInput(): Promise<boolean> {
    let removed = false;
    for (const [index, text] of utf8Text(wholeInput()).split('\n').entries()) {
      const line = text.trimStart();
      if (line === '' || line.startsWith('#')) continue;
      try {
        const parsed = parsePublicKeyLine(line);
        const isCertificate = parsed.key.certificate !== undefined;
        if (this.options.kinds !== 'both' && isCertificate !== (this.options.kinds === 'certificates')) continue;
        if (await this.remove(parsed, '(stdin)')) removed = true;
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        this.log('ERROR', `(stdin):${index + 1}: invalid key: ${error.message}`);
      }
    }
    return removed;
  }

  private async remove({ key, comment }: PublicKeyLine, path: string): Promise<boolean> {
    try {
      await this.client.remove(key);
    } catch (error) {
      say(`Could not remove identity "${path}": ${reason(error)}\n`);
      return false;
    }
    if (!this.options.quiet) say(`Identity removed: ${path} ${key.shortName} (${comment === '' ? 'no comment' : comment})\n`);
    return true;
  }
}

/** The comment that a key goes by: its file's name where it has none of its own. */
function named({ key, comment }: PrivateKeyFile, name: string): PrivateKeyFile {
  return { key, comment: comment === '' ? name : comment };
}

function wholeInput(): Uint8Array {
  const pieces: Uint8Array[] = [];
  readInput((piece) => pieces.push(new Uint8Array(piece)));
  const whole = concat(...pieces);
  for (const piece of pieces) piece.fill(0);
  return whole;
}

function say(text: string): void {
  writeTo(2, text);
}

/** What is said of an error; one that nobody expects is thrown on. */
export function reason(error: unknown): string {
  if (error instanceof SshError || error instanceof SystemError) return error.message;
  throw error;
}
