import { equalBytes } from '../util/bytes.ts';
import type { PublicKey, Signer } from '../keys/key.ts';

/** A key that publickey authentication may try. */
export interface Candidate {
  /** What people know it by: the file's path, or the agent's comment. */
  readonly source: string;
  /** The public half, or the certificate; undefined where only the private file could tell it. */
  readonly publicKey: PublicKey | undefined;
  /** Whether the user named it: IdentityFile, CertificateFile, -i. */
  readonly explicit: boolean;
  /** Whether an agent holds its private half. */
  readonly agent: boolean;
  /**
   * Whoever signs with it; asked only when a signature is needed, as it may ask for a passphrase. Undefined where there is no private half
   * to be had, which is no error: the next key is tried. For a certificate the signer may hold just the certified key.
   */
  load(): Promise<Signer | undefined>;
}

/** Where candidates come from. */
export interface CandidateSources {
  /** From CertificateFile. One whose private half is not beside it has an undefined `load`. */
  readonly certificates: readonly (Omit<Candidate, 'load'> & { readonly load?: Candidate['load'] })[];
  /** From IdentityFile, in its order. */
  readonly files: readonly Candidate[];
  /** From the agent, in its order. */
  readonly agent: readonly Candidate[];
  /** Whether the agent's other keys are left alone (ssh_config(5) IdentitiesOnly). */
  readonly identitiesOnly: boolean;
}

/**
 * All candidates in the order in which they are tried, which is OpenSSH's: certificates that were named; the agent's keys that files name;
 * the agent's other keys; the other files. A file's key that the agent holds keeps its path and is signed for by the agent.
 */
export function arrangeCandidates(sources: CandidateSources): readonly Candidate[] {
  const files = [...sources.files];
  const known: Candidate[] = [];
  const others: Candidate[] = [];
  for (const held of sources.agent) {
    const at = files.findIndex((file) => sameKey(file.publicKey, held.publicKey));
    const file = files[at];
    if (file !== undefined) {
      files.splice(at, 1);
      known.push({ ...file, agent: true, load: () => held.load() });
    } else if (!sources.identitiesOnly) {
      others.push(held);
    }
  }
  const keys = [...known, ...others, ...files];
  const certificates = sources.certificates.map((one) => ({ ...one, load: one.load ?? (() => loadCertified(one.publicKey, keys)) }));
  return [...certificates, ...keys].map((one) => withPrivateHalf(one, keys));
}

/** A certificate that has no private half of its own is signed for by the candidate that holds the certified key. */
function withPrivateHalf(one: Candidate, keys: readonly Candidate[]): Candidate {
  if (one.publicKey?.certificate === undefined || one.agent) return one;
  return { ...one, load: async () => (await loadCertified(one.publicKey, keys)) ?? one.load() };
}

async function loadCertified(certificate: PublicKey | undefined, keys: readonly Candidate[]): Promise<Signer | undefined> {
  const owner = keys.find((key) => key.publicKey?.certificate === undefined && sameKey(key.publicKey, certificate?.plain));
  return owner?.load();
}

function sameKey(a: PublicKey | undefined, b: PublicKey | undefined): boolean {
  return a !== undefined && b !== undefined && equalBytes(a.blob, b.blob);
}
