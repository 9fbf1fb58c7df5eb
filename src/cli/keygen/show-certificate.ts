/** -L: what certificates say. */
import { fingerprint } from '../../core/keys/fingerprint.ts';
import type { Certificate, CertificateOption, PublicKey } from '../../core/keys/key.ts';
import { parsePublicKeyLine } from '../../core/keys/public-key.ts';
import { hex, utf8Text } from '../../core/util/bytes.ts';
import { SshError } from '../../core/util/errors.ts';
import { WireReader } from '../../core/wire/reader.ts';
import { describeKey, readLines } from './fingerprint.ts';
import { mustExist } from './key-input.ts';
import { keyFile } from './prompts.ts';
import type { Run } from './run.ts';
import { formatValidity } from './validity.ts';

/** Shows every certificate in a file. */
export function showCertificates(run: Run): number {
  const file = keyFile(run, 'Enter file in which the key is');
  const name = file === '-' ? '(stdin)' : file;
  if (file !== '-') mustExist(file, 'ssh-keygen: ');
  const shown: unknown[] = [];
  let found = false;
  for (const [index, line] of readLines(file).entries()) {
    const text = line.replace(/^[ \t]+/, '');
    // ssh-keygen takes an empty line for a key that can't be read, but not one that is empty to C
    if (/^[#\0]/.test(text)) continue;
    const number = index + 1;
    const key = certificateIn(run, text, `${name}:${number}`);
    if (key?.certificate === undefined) continue;
    found = true;
    if (run.options.json) shown.push({ line: number, ...describeCertificate(run, key, key.certificate) });
    else printCertificate(run, file !== '-' && number === 1 ? name : `${name}:${number}`, key, key.certificate);
  }
  if (run.options.json) run.json(shown);
  return found ? 0 : 1;
}

function certificateIn(run: Run, text: string, where: string): PublicKey | undefined {
  try {
    const { key } = parsePublicKeyLine(text);
    if (key.certificate === undefined) run.error(`${where} is not a certificate`);
    return key;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    run.error(`${where}: invalid key: ${error.message}`);
    return undefined;
  }
}

const INDENT = ' '.repeat(8);

function printCertificate(run: Run, where: string, key: PublicKey, certificate: Certificate): void {
  const { hash } = run.options;
  const { role, signatureKey, signatureAlgorithm, keyId, serial, principals, criticalOptions, extensions } = certificate;
  const line = (text: string): void => run.outText(`${INDENT}${text}\n`);
  run.outText(`${where}:\n`);
  line(`Type: ${key.name} ${role} certificate`);
  line(`Public key: ${key.shortName} ${fingerprint(key, hash)}`);
  line(`Signing CA: ${signatureKey.shortName} ${fingerprint(signatureKey, hash)} (using ${signatureAlgorithm})`);
  line(`Key ID: "${keyId}"`);
  line(`Serial: ${serial}`);
  line(`Valid: ${formatValidity({ after: certificate.validAfter, before: certificate.validBefore })}`);
  list('Principals', principals);
  list('Critical Options', criticalOptions.map(optionText));
  list('Extensions', extensions.map(optionText));

  function list(title: string, rows: readonly string[]): void {
    line(`${title}: ${rows.length === 0 ? '(none)' : ''}`);
    for (const row of rows) line(`${INDENT}${row}`);
  }
}

/** Options whose data is one string. */
const textOptions: readonly string[] = ['force-command', 'source-address'];

const flagOptions: readonly string[] = [
  'permit-X11-forwarding',
  'permit-agent-forwarding',
  'permit-port-forwarding',
  'permit-pty',
  'permit-user-rc',
  'no-touch-required',
  'verify-required',
];

function optionText({ name, data }: CertificateOption): string {
  if (flagOptions.includes(name)) return name;
  if (textOptions.includes(name)) return `${name} ${valueOf(data) ?? ''}`;
  return data.length === 0 ? `${name} UNKNOWN FLAG OPTION` : `${name} UNKNOWN OPTION: ${hex(data)} (len ${data.length})`;
}

function valueOf(data: Uint8Array): string | undefined {
  try {
    return utf8Text(new WireReader(data).string());
  } catch (error) {
    if (error instanceof SshError) return undefined;
    throw error;
  }
}

function describeCertificate(run: Run, key: PublicKey, certificate: Certificate): Readonly<Record<string, unknown>> {
  const { role, serial, keyId, principals, validAfter, validBefore } = certificate;
  const options = (rows: readonly CertificateOption[]): unknown =>
    Object.fromEntries(
      rows.map(({ name, data }) => [name, textOptions.includes(name) ? valueOf(data) : data.length === 0 ? true : hex(data)]),
    );
  return {
    ...describeKey(run, key),
    role,
    keyId,
    serial,
    principals,
    // 64-bit numbers go as text, which every reader of JSON keeps
    validAfter,
    validBefore,
    criticalOptions: options(certificate.criticalOptions),
    extensions: options(certificate.extensions),
    signatureKey: describeKey(run, certificate.signatureKey),
    signatureAlgorithm: certificate.signatureAlgorithm,
  };
}
