/** Where the key of a signature is: in the agent, or in a file. */
import type { PublicKey } from '../../core/keys/key.ts';
import type { PrivateKey } from '../../core/keys/private-key.ts';
import { fileExists } from '../../node/file-entries.ts';
import { type AgentConnection, connectAgent } from './agent.ts';
import { Fatal, reason } from './endings.ts';
import { loadSigningKey } from './key-input.ts';
import type { Run } from './run.ts';

/** The agent, where it holds the key. @throws Fatal where -U demands it and it does not */
export async function agentWith(run: Run, publicKey: PublicKey): Promise<AgentConnection | undefined> {
  const required = run.options.given.has('U');
  let agent: AgentConnection;
  try {
    agent = await connectAgent(run.log);
  } catch (error) {
    const why = reason(error);
    if (required) throw new Fatal("Couldn't get agent socket", { cause: error });
    run.log('DEBUG', `Couldn't get agent socket: ${why}`);
    return undefined;
  }
  let why = 'key not found';
  try {
    const keys = await agent.client.list();
    if (keys.some(({ key }) => Buffer.compare(key.blob, publicKey.blob) === 0)) return agent;
    if (keys.length === 0) why = 'agent contains no identities';
  } catch (error) {
    why = reason(error);
  }
  agent.close();
  if (required) throw new Fatal("Couldn't find key in agent");
  run.log('DEBUG', `Couldn't find key in agent: ${why}`);
  return undefined;
}

/** The private key that belongs to a file, which may be named by its public key's or its certificate's. */
export async function privateKeyOf(run: Run, file: string, publicKey: PublicKey): Promise<PrivateKey> {
  let target = file;
  for (const suffix of ['-cert.pub', '.pub']) {
    if (!file.endsWith(suffix)) continue;
    const candidate = file.replace(/(?:-cert)?\.pub$/, '');
    if (!fileExists(candidate)) throw new Fatal(`No private key found for public key "${file}"`);
    run.log('DEBUG', `load_sign_key: ${file} looks like a public key, using private key path ${candidate} instead`);
    target = candidate;
  }
  const { key } = await loadSigningKey(run, target);
  if (Buffer.compare(key.publicKey.blob, publicKey.plain.blob) !== 0) {
    key.wipe();
    throw new Fatal(`Public key ${file} doesn't match private ${target}`);
  }
  return key;
}
