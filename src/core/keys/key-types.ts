import { ecdsaKinds } from './ecdsa.ts';
import { ed25519 } from './ed25519.ts';
import type { KeyKind } from './key-kind.ts';
import { rsa } from './rsa.ts';
import { skEcdsa, skEd25519 } from './sk.ts';

/** Every kind of key, in the order of `-Q key`. */
export const keyKinds: readonly KeyKind[] = [ed25519, skEd25519, ...ecdsaKinds, skEcdsa, rsa];

/** One type of key: a row of `-Q key` or, where it is only a signature's name, of `-Q key-sig`. */
export interface KeyType {
  readonly name: string;
  /** The type as people read it: `ED25519`, `RSA-CERT`. */
  readonly shortName: string;
  /** Whether it is a certificate's. */
  readonly certificate: boolean;
  /** Whether it only names signatures of the kind, and no key. */
  readonly signatureOnly: boolean;
  readonly kind: KeyKind;
}

/** Every type of key and of signature. */
export const keyTypes: readonly KeyType[] = keyKinds.flatMap(typesOf);

const byName: ReadonlyMap<string, KeyType> = new Map(keyTypes.map((type) => [type.name, type]));

/** The type of key or signature of that name. */
export function keyType(name: string): KeyType | undefined {
  return byName.get(name);
}

/** The kind of a plain key's type. */
export function kindOf(name: string): KeyKind | undefined {
  const type = byName.get(name);
  return type === undefined || type.certificate || type.signatureOnly ? undefined : type.kind;
}

/** The kind that a type of certificates certifies. */
export function certifiedKindOf(name: string): KeyKind | undefined {
  const type = byName.get(name);
  return type?.certificate && !type.signatureOnly ? type.kind : undefined;
}

const plainNames: ReadonlyMap<string, string> = new Map(
  keyKinds.flatMap((kind) =>
    kind.signatures.flatMap((one) => (one.certificateName === undefined ? [] : [[one.certificateName, one.name] as const])),
  ),
);

/** The signature algorithm without its certificate suffix: the name that stands in the signature itself. */
export function plainAlgorithm(algorithm: string): string {
  return plainNames.get(algorithm) ?? algorithm;
}

function typesOf(kind: KeyKind): KeyType[] {
  const shortName = kind.shortName;
  const certificateShortName = `${shortName}-CERT`;
  const types: KeyType[] = [
    { name: kind.name, shortName, certificate: false, signatureOnly: false, kind },
    { name: kind.certificateName, shortName: certificateShortName, certificate: true, signatureOnly: false, kind },
  ];
  // weakest first, as OpenSSH lists them
  for (const { name, certificateName } of kind.signatures.toReversed()) {
    if (name === kind.name) continue;
    types.push({ name, shortName, certificate: false, signatureOnly: true, kind });
    if (certificateName !== undefined) {
      types.push({ name: certificateName, shortName: certificateShortName, certificate: true, signatureOnly: true, kind });
    }
  }
  return types;
}
