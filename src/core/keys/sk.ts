import { createHash, type KeyObject } from 'node:crypto';
import { base64url, concat, copyBytes, latin1Bytes, latin1Text, utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import type { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { type Curve, curves, readEcdsaPublicKey, verifyEcdsa } from './ecdsa.ts';
import { ed25519PublicKey, verifyEd25519 } from './ed25519.ts';
import type { SignatureDetails } from './key.ts';
import type { KeyKind, PublicPart } from './key-kind.ts';

/** Flags of a signature (PROTOCOL.u2f, and for the last two WebAuthn section 6.1). */
const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED_DATA = 0x40;
const EXTENSION_DATA = 0x80;

const WEBAUTHN = 'webauthn-sk-ecdsa-sha2-nistp256@openssh.com';

/** Verifies what the security key signed with its curve's algorithm. */
type VerifyRaw = (signature: Uint8Array, signed: Uint8Array) => void;

/** Ed25519 keys that live in a security key (PROTOCOL.u2f). */
export const skEd25519: KeyKind = {
  name: 'sk-ssh-ed25519@openssh.com',
  certificateName: 'sk-ssh-ed25519-cert-v01@openssh.com',
  shortName: 'ED25519-SK',
  tellsWireErrors: true,
  signatures: [{ name: 'sk-ssh-ed25519@openssh.com', certificateName: 'sk-ssh-ed25519-cert-v01@openssh.com' }],
  readPublic: (reader) => {
    const key = ed25519PublicKey(reader.string());
    return skPublicPart(reader, (signature, signed) => verifyEd25519(key(), signature, signed));
  },
  readPrivate: (reader) => skPrivate(reader, () => void ed25519PublicKey(reader.string())),
};

const p256 = curves[0] as Curve;

/** ECDSA keys on nistp256 that live in a security key (PROTOCOL.u2f). */
export const skEcdsa: KeyKind = {
  name: 'sk-ecdsa-sha2-nistp256@openssh.com',
  certificateName: 'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
  shortName: 'ECDSA-SK',
  signatures: [
    { name: 'sk-ecdsa-sha2-nistp256@openssh.com', certificateName: 'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com' },
    { name: WEBAUTHN },
  ],
  readPublic: (reader) => {
    const key: KeyObject = readEcdsaPublicKey(p256, reader);
    return skPublicPart(reader, (signature, signed) => verifyEcdsa(p256, key, signature, signed));
  },
  readPrivate: (reader) => skPrivate(reader, () => void readEcdsaPublicKey(p256, reader)),
};

function skPublicPart(reader: WireReader, verifyRaw: VerifyRaw): PublicPart {
  const application = copyBytes(reader.string());
  return {
    bits: 256,
    application: utf8Text(application),
    verify: (algorithm, signature, data) => {
      const raw = signature.string();
      const flags = signature.byte();
      const counter = signature.uint32();
      const { hash, extensions } = algorithm === WEBAUTHN ? webauthn(signature, flags, data) : plainHash(data);
      signature.finish();
      const ends = new WireWriter(8).byte(flags).uint32(counter).bytes();
      verifyRaw(raw, concat(sha256(application), ends, extensions, hash));
      return details(flags, counter);
    },
  };
}

/** Reads the private fields: the public key, flags, the key handle and a reserved string. */
function skPrivate(reader: WireReader, readKey: () => void): Uint8Array {
  const start = reader.at;
  readKey();
  reader.string();
  const fields = copyBytes(reader.bytes.subarray(start, reader.at));
  reader.byte();
  reader.string();
  reader.string();
  return fields;
}

interface Signed {
  /** The hash that stands at the end of the signed data. */
  readonly hash: Uint8Array;
  /** The authenticator's extension data, which stands before it. */
  readonly extensions: Uint8Array;
}

function plainHash(data: Uint8Array): Signed {
  return { hash: sha256(data), extensions: new Uint8Array(0) };
}

/**
 * Reads the rest of a signature that a browser made and checks that what it signed begins as OpenSSH demands: with our data as the
 * challenge and the origin that the signature states (PROTOCOL.u2f, webauthn signatures).
 */
function webauthn(signature: WireReader, flags: number, data: Uint8Array): Signed {
  const origin = latin1Text(signature.string());
  const clientData = signature.string();
  const extensions = signature.string();
  if ((flags & ATTESTED_DATA) !== 0 || ((flags & EXTENSION_DATA) !== 0) !== extensions.length > 0 || origin.includes('"')) {
    throw new SshError('SSH_ERR_INVALID_FORMAT', 'webauthn signature: flags, extensions or origin');
  }
  const start = `{"type":"webauthn.get","challenge":"${base64url(data)}","origin":"${origin}"`;
  const expected = latin1Bytes(start);
  if (clientData.length < expected.length || latin1Text(clientData.subarray(0, expected.length)) !== start) {
    throw new SshError('SSH_ERR_SIGNATURE_INVALID', 'webauthn signature: over other data');
  }
  return { hash: sha256(clientData), extensions };
}

function details(flags: number, counter: number): SignatureDetails {
  return {
    securityKey: {
      userPresent: (flags & USER_PRESENT) !== 0,
      userVerified: (flags & USER_VERIFIED) !== 0,
      counter,
    },
  };
}

function sha256(data: Uint8Array): Uint8Array {
  return createHash('sha256').update(data).digest();
}
