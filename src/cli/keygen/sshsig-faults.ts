/** What ssh-keygen says of signatures that can't be read. */
import { SshsigError, sshsigFaults } from '../../core/keys/sshsig.ts';
import { reason } from './endings.ts';
import type { Run } from './run.ts';

/** What is said of a signature that can't be read: {} stands for the error's text, %s for what is not supported. */
interface FaultTexts {
  readonly told: string;
  /** A second line, behind the name of the operation. */
  readonly operation?: string;
  /** A second line that names its function itself. */
  readonly then?: string;
}

const armoured = { operation: 'sshsig_armor: {}' };

const faultTexts: ReadonlyMap<string, FaultTexts> = new Map([
  [sshsigFaults.header, { told: "Couldn't parse signature: missing header", ...armoured }],
  [sshsigFaults.headerEnd, { told: 'sshsig_dearmor: no header eol', ...armoured }],
  [sshsigFaults.footer, { told: "Couldn't parse signature: missing footer", ...armoured }],
  [sshsigFaults.base64, { told: 'sshsig_dearmor: decode base64: {}', ...armoured }],
  [sshsigFaults.preamble, { told: "Couldn't verify signature: invalid format" }],
  [sshsigFaults.laterVersion, { told: 'Signature version %s is larger than supported version 1' }],
  [sshsigFaults.frame, { told: 'sshsig_peek_hashalg: parse signature object: {}' }],
  [
    sshsigFaults.hash,
    {
      told: 'sshsig_check_hashalg: unsupported hash algorithm "%s"',
      then: 'sshsig_verify_fd: hash_file: {}',
    },
  ],
  [sshsigFaults.fields, { told: 'sshsig_wrap_verify: parse signature object: {}' }],
  [sshsigFaults.trailing, { told: 'Signature contains trailing data' }],
  [sshsigFaults.rsaName, { told: "Couldn't verify signature: unable to get signature type: {}" }],
  [sshsigFaults.rsaAlgorithm, { told: "Couldn't verify signature: unsupported RSA signature algorithm %s" }],
]);

/** Whether a fault is one of the text around a signature, of which a second line names the operation. */
export function isArmourFault(detail: string | undefined): boolean {
  return detail !== undefined && faultTexts.get(detail)?.operation !== undefined;
}

/** Tells of a signature's fault in ssh-keygen's words. @returns false where it is none of those that it has words for */
export function tellFault(run: Run, operation: string, error: unknown): boolean {
  const texts = error instanceof SshsigError ? faultTexts.get(error.detail ?? '') : undefined;
  if (!(error instanceof SshsigError) || texts === undefined) return false;
  const fill = (text: string): string => text.replace(/\{\}|%s/, (mark) => (mark === '%s' ? error.found : reason(error)));
  run.error(fill(texts.told));
  if (texts.operation !== undefined) run.error(`${operation}: ${fill(texts.operation)}`);
  if (texts.then !== undefined) run.error(fill(texts.then));
  return true;
}
