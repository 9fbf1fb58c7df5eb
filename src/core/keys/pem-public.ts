import { concat, equalBytes, utf8Bytes } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { mpint } from '../wire/codec.ts';
import { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { decodePem, findPem, formatPem, type PemBlock } from './armor.ts';
import { DerReader, DerWriter, tags } from './asn1.ts';
import { curveOf, curves } from './ecdsa.ts';
import { keyOids } from './pkcs8.ts';
import type { PublicKey } from './key.ts';
import { strictly } from './malformed.ts';
import { parsePublicKey } from './public-key.ts';

/*
 * Public keys in PEM: SubjectPublicKeyInfo (RFC 5280 section 4.1, RFC 5480, RFC 8410) and PKCS#1's RSAPublicKey (RFC 8017).
 */

const SPKI = 'PUBLIC KEY';
const PKCS1 = 'RSA PUBLIC KEY';

/** Whether the text holds a public key in PEM. */
export function isPemPublic(text: Uint8Array): boolean {
  return publicBlock(text) !== undefined;
}

/**
 * The public key in PEM text.
 *
 * @throws SshError SSH_ERR_INVALID_FORMAT, SSH_ERR_KEY_TYPE_UNKNOWN and what a malformed key throws
 */
export function parsePemPublic(text: Uint8Array): PublicKey {
  const block = publicBlock(text);
  const der = block?.isWhole === true ? decodePem(block.body) : undefined;
  if (block === undefined || der === undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', 'PEM: no block');
  if (block.label === PKCS1) return rsaKey(der);
  const reader = new DerReader(der).within(tags.sequence);
  const algorithm = reader.within(tags.sequence);
  const oid = algorithm.element(tags.oid);
  // the first byte tells how many bits at the end are none
  const [unused, ...content] = reader.element(tags.bitString);
  const bits = Uint8Array.from(content);
  reader.finish();
  if (unused !== 0) throw new SshError('SSH_ERR_INVALID_FORMAT', 'PEM: bits of a public key');
  if (equalBytes(oid, keyOids.rsa)) return rsaKey(bits);
  if (equalBytes(oid, keyOids.ed25519)) return keyOf('ssh-ed25519', (writer) => writer.string(bits));
  if (equalBytes(oid, keyOids.ec)) {
    const curve = curveOf(algorithm.element(tags.oid));
    return keyOf(`ecdsa-sha2-${curve.name}`, (writer) => writer.string(utf8Bytes(curve.name)).string(bits));
  }
  throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', 'PEM: key type');
}

/**
 * A public key as SubjectPublicKeyInfo in PEM, `-m PKCS8` of ssh-keygen.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a security key
 */
export function formatPemSpki(key: PublicKey): string {
  const { name, blob } = key.plain;
  const reader = new WireReader(blob);
  reader.string();
  const writer = new DerWriter(blob.length + 128);
  const curve = curves.find((one) => name === `ecdsa-sha2-${one.name}`);
  let content: Uint8Array;
  if (name === 'ssh-rsa') content = pkcs1(reader);
  else if (name === 'ssh-ed25519') content = reader.string();
  else if (curve !== undefined) {
    reader.string();
    content = reader.string();
  } else throw new SshError('SSH_ERR_KEY_TYPE_UNKNOWN', `${name} in PEM`);
  writer.element(tags.bitString, Uint8Array.of(0), content);
  const mark = writer.length;
  if (curve !== undefined) writer.element(tags.oid, curve.oid).element(tags.oid, keyOids.ec);
  else if (name === 'ssh-rsa') writer.element(tags.null).element(tags.oid, keyOids.rsa);
  else writer.element(tags.oid, keyOids.ed25519);
  return textOf(formatPem(SPKI, writer.wrap(tags.sequence, mark).wrap(tags.sequence, 0).bytes()));
}

/**
 * An RSA key as PKCS#1's RSAPublicKey in PEM, and another as SubjectPublicKeyInfo: `-m PEM` of ssh-keygen.
 *
 * @throws SshError SSH_ERR_KEY_TYPE_UNKNOWN for a security key
 */
export function formatPemPublic(key: PublicKey): string {
  if (key.plain.name !== 'ssh-rsa') return formatPemSpki(key);
  const reader = new WireReader(key.plain.blob);
  reader.string();
  return textOf(formatPem(PKCS1, pkcs1(reader)));
}

function publicBlock(text: Uint8Array): PemBlock | undefined {
  return findPem(text, (label) => label === SPKI || label === PKCS1);
}

function pkcs1(reader: WireReader): Uint8Array {
  const e = mpint.read(reader);
  const n = mpint.read(reader);
  return new DerWriter(n.length + e.length + 32).integer(e).integer(n).wrap(tags.sequence, 0).bytes();
}

function rsaKey(der: Uint8Array): PublicKey {
  const reader = new DerReader(der).within(tags.sequence);
  const n = reader.integer();
  const e = reader.integer();
  reader.finish();
  return keyOf('ssh-rsa', (writer) => {
    mpint.write(writer, e);
    mpint.write(writer, n);
  });
}

function keyOf(name: string, fields: (writer: WireWriter) => unknown): PublicKey {
  const writer = new WireWriter().string(utf8Bytes(name));
  fields(writer);
  return strictly(() => parsePublicKey(concat(writer.bytes())));
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
