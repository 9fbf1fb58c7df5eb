import { utf8Text } from '../util/bytes.ts';
import { SshError } from '../util/errors.ts';
import { agentConstraint } from '../wire/agent-messages.ts';
import type { WireReader } from '../wire/reader.ts';
import { type Destination, readDestinations, RESTRICT_DESTINATION } from './destinations.ts';

/** The name of the constraint that tells which library drives a security key. */
export const SK_PROVIDER = 'sk-provider@openssh.com';

/** What a key that is added may be used for. */
export interface KeyConstraints {
  /** Seconds; undefined or 0 for no limit of its own. */
  readonly lifetime: number | undefined;
  readonly confirm: boolean;
  readonly provider: string | undefined;
  readonly destinations: readonly Destination[] | undefined;
}

/** What each extension of a constraint means for a key; others are refused. */
const extensions: Readonly<Record<string, (contents: Uint8Array) => Partial<KeyConstraints>>> = {
  [RESTRICT_DESTINATION]: (contents) => ({ destinations: readDestinations(contents) }),
  [SK_PROVIDER]: (contents) => ({ provider: utf8Text(contents) }),
};

/**
 * Reads all that is left of a message as constraints of a key.
 *
 * @throws SshError where one is unknown, malformed or comes twice: the key must not be added then.
 */
export function readConstraints(reader: WireReader): KeyConstraints {
  const found: { -readonly [K in keyof KeyConstraints]: KeyConstraints[K] } = {
    lifetime: undefined,
    confirm: false,
    provider: undefined,
    destinations: undefined,
  };
  while (reader.remaining > 0) {
    const constraint = agentConstraint.read(reader);
    if (constraint.type === 'lifetime' && found.lifetime === undefined) found.lifetime = constraint.seconds;
    else if (constraint.type === 'confirm' && !found.confirm) found.confirm = true;
    else if (constraint.type === 'extension') addExtension(found, constraint.name, constraint.contents);
    else throw new SshError('SSH_ERR_INVALID_FORMAT', `agent constraint: ${constraint.type} twice or out of place`);
  }
  return found;
}

function addExtension(found: KeyConstraints, name: string, contents: Uint8Array): void {
  const read = Object.hasOwn(extensions, name) ? extensions[name] : undefined;
  if (read === undefined) throw new SshError('SSH_ERR_FEATURE_UNSUPPORTED', `agent constraint ${name}`);
  const values = read(contents);
  for (const key of Object.keys(values) as (keyof KeyConstraints)[]) {
    if (found[key] !== undefined) throw new SshError('SSH_ERR_INVALID_FORMAT', `agent constraint ${name} twice`);
  }
  Object.assign(found, values);
}
