/** -s: certificates. */
import { MOST_PRINCIPALS } from '../../core/keys/certificate.ts';
import { certify } from '../../core/keys/certify.ts';
import type { PublicKey, Signer } from '../../core/keys/key.ts';
import type { PublicKeyLine } from '../../core/keys/public-key.ts';
import { SshError } from '../../core/util/errors.ts';
import { loadPublicKey } from '../../files/key-files.ts';
import { readCertificateOptions } from './certificate-options.ts';
import { type AgentConnection, connectAgent } from './agent.ts';
import { loadIdentity } from './key-input.ts';
import { savePublic } from './key-output.ts';
import { authoritySigner } from './sk-signer.ts';
import { matchesType } from './key-type.ts';
import { because, Fatal, reason } from './endings.ts';
import type { Run } from './run.ts';
import { always, formatValidity } from './validity.ts';

/** The authority's key and how it is let go. */
interface Authority {
  readonly signer: Signer;
  readonly close: () => void;
}

/** Certifies the public key in each file that is named, into a file beside it. */
export async function certifyKeys(run: Run): Promise<number> {
  const { values, list, operands, host, validity = always, serialCounts } = run.options;
  const keyId = values.get('I');
  if (keyId === undefined) throw new Fatal('Must specify key id (-I) when certifying');
  const role = host ? 'host' : 'user';
  const options = readCertificateOptions(run, list, role);
  const authority = await openAuthority(run, run.path(values.get('s') ?? ''));
  try {
    checkType(run, authority.signer.publicKey);
    const names = values.get('n');
    let { serial } = run.options;
    for (const operand of operands) {
      const principals = names === undefined ? [] : names.split(',');
      if (principals.includes('')) throw new Fatal('Empty principal name');
      if (principals.length > MOST_PRINCIPALS) throw new Fatal('Too many certificate principals specified');
      const file = run.path(operand);
      const { key, comment } = loadSubject(file);
      const { after: validAfter, before: validBefore } = validity;
      let certificate: PublicKey;
      try {
        const algorithm = signatureAlgorithm(run, authority.signer.publicKey);
        const request = { role, serial, keyId, principals, validAfter, validBefore, ...options } as const;
        certificate = await certify(authority.signer, key, request, algorithm);
      } catch (error) {
        if (error instanceof Fatal) throw error;
        throw because(run.options.given.has('U') ? `Couldn't certify ${file} via agent` : `Couldn't certify key ${file}`, error);
      }
      const target = `${file.replace(/\.pub$/, '')}-cert.pub`;
      savePublic(target, certificate, comment);
      if (!run.options.quiet) {
        const whom = names === undefined ? '' : ` for ${names}`;
        run.info(`Signed ${role} key ${target}: id "${keyId}" serial ${serial}${whom} valid ${formatValidity(validity)}`);
      }
      if (serialCounts) serial = BigInt.asUintN(64, serial + 1n);
    }
    return 0;
  } finally {
    authority.close();
  }
}

function loadSubject(file: string): PublicKeyLine {
  let line: PublicKeyLine;
  try {
    line = loadPublicKey(file);
  } catch (error) {
    throw because(`load pubkey "${file}"`, error);
  }
  if (line.key.certificate !== undefined) {
    throw new Fatal(`do_ca_sign: key "${file}" type ${line.key.shortName} cannot be certified`);
  }
  return line;
}

/** The authority's private key from its file or, with -U, from the agent, which must hold it. */
async function openAuthority(run: Run, file: string): Promise<Authority> {
  if (!run.options.given.has('U')) {
    const { key } = await loadIdentity(run, file);
    return { signer: authoritySigner(run, key), close: () => key.wipe() };
  }
  let publicKey: PublicKey;
  try {
    publicKey = loadPublicKey(file).key;
  } catch (error) {
    throw because(`Cannot load CA public key ${file}`, error);
  }
  let agent: AgentConnection;
  try {
    agent = await connectAgent(run.log);
  } catch (error) {
    throw because('Cannot use public key for CA signature', error);
  }
  try {
    const keys = await agent.client.list();
    if (!keys.some(({ key }) => Buffer.compare(key.blob, publicKey.blob) === 0)) throw new Fatal(`CA key ${file} not found in agent`);
    return { signer: agent.client.signer(publicKey), close: agent.close };
  } catch (error) {
    agent.close();
    if (error instanceof Fatal) throw error;
    throw new Fatal(`Retrieve agent key list: ${reason(error)}`, { cause: error });
  }
}

/** The algorithm that -t names, which for RSA is one of its signatures; undefined for the key's best. */
function signatureAlgorithm(run: Run, authority: PublicKey): string | undefined {
  const wanted = run.options.values.get('t');
  if (wanted === undefined) return undefined;
  if (authority.signatureAlgorithms.includes(wanted)) return wanted;
  // of RSA's signatures one must be named: the type alone is none
  if (authority.name === 'ssh-rsa') throw new SshError('SSH_ERR_INVALID_ARGUMENT', wanted);
  return undefined;
}

/** @throws Fatal where -t names neither the authority's type nor one of its signatures */
function checkType(run: Run, { name, signatureAlgorithms }: PublicKey): void {
  const wanted = run.options.values.get('t');
  if (wanted === undefined || signatureAlgorithms.includes(wanted) || matchesType(wanted, name)) return;
  throw new Fatal(`CA key type ${name} doesn't match specified ${wanted}`);
}
