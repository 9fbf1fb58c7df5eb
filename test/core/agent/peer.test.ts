import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { AgentClient } from '../../../src/core/agent/client.ts';
import type { PrivateKey } from '../../../src/core/keys/private-key.ts';
import { generatePrivateKey } from '../../../src/core/keys/private-key.ts';
import { utf8Bytes } from '../../../src/core/util/bytes.ts';
import type { Peer } from '../../peers.ts';
import { describePeer, peerProgram } from '../../peers.ts';

/** Starts a real agent and gives a client of it for the time of the test. */
async function withAgent(peer: Peer, use: (client: AgentClient) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'agent-'));
  const file = path.join(folder, 's');
  const agent: ChildProcess = spawn(peerProgram(peer, 'ssh-agent'), ['-D', '-a', file], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    // it tells where it listens once it does
    if (agent.stdout !== null) await once(agent.stdout, 'data');
    const socket: Socket = connect(file);
    await once(socket, 'connect');
    const client = new AgentClient((bytes) => void socket.write(bytes));
    socket.on('data', (bytes) => {
      client.receive(bytes);
    });
    socket.on('close', () => {
      client.closed();
    });
    await use(client);
    socket.destroy();
  } finally {
    agent.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

function added(key: PrivateKey, comment: string) {
  return { name: key.publicKey.name, fields: key.fields, comment };
}

for (const peer of ['openssh-10', 'openssh'] as const) {
  describePeer(peer, `the agent of ${peer}`, () => {
    test('takes keys of each type, lists them and signs with them', async () => {
      const types = ['ssh-ed25519', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384', 'ecdsa-sha2-nistp521'];
      const keys = [...(await Promise.all(types.map((type) => generatePrivateKey(type)))), await generatePrivateKey('ssh-rsa', 2048)];
      await withAgent(peer, async (client) => {
        for (const [index, key] of keys.entries()) await client.add(added(key, `key ${index}`));
        const held = await client.list();
        expect(held.map(({ key, comment }) => [key.blob, comment])).toEqual(keys.map((key, index) => [key.publicKey.blob, `key ${index}`]));
        const data = utf8Bytes('to be signed');
        for (const { key } of held) {
          for (const algorithm of key.signatureAlgorithms) {
            const signature = await client.signer(key).sign(data, algorithm);
            key.verify(signature, data, algorithm);
          }
        }
      });
    });

    test('refuses what it does not hold, and gives up keys one by one and all', async () => {
      const [one, two] = [await generatePrivateKey('ssh-ed25519'), await generatePrivateKey('ssh-ed25519')];
      await withAgent(peer, async (client) => {
        const refusal = { code: 'SSH_ERR_AGENT_FAILURE' };
        await expect(client.sign(one.publicKey, utf8Bytes('x'), 'ssh-ed25519')).rejects.toMatchObject(refusal);
        await client.add(added(one, 'one'), [{ type: 'lifetime', seconds: 1000 }]);
        await client.add(added(two, 'two'));
        await client.remove(one.publicKey);
        expect((await client.list()).map(({ comment }) => comment)).toEqual(['two']);
        await expect(client.remove(one.publicKey)).rejects.toMatchObject(refusal);
        await client.removeAll();
        expect(await client.list()).toEqual([]);
      });
    });

    test('is locked and unlocked', async () => {
      const key = await generatePrivateKey('ssh-ed25519');
      await withAgent(peer, async (client) => {
        await client.add(added(key, 'key'));
        await client.lock(utf8Bytes('open'));
        expect(await client.list()).toEqual([]);
        await expect(client.unlock(utf8Bytes('close'))).rejects.toMatchObject({ code: 'SSH_ERR_AGENT_FAILURE' });
        await client.unlock(utf8Bytes('open'));
        expect(await client.list()).toHaveLength(1);
      });
    });

    test('is bound to a session that its host key has signed, and to no other', async () => {
      const host = await generatePrivateKey('ssh-ed25519');
      await withAgent(peer, async (client) => {
        const sessionId = new Uint8Array(32).fill(9);
        const binding = {
          hostKey: host.publicKey.blob,
          sessionId,
          signature: await host.sign(sessionId, 'ssh-ed25519'),
          isForwarding: false,
        };
        const forged = { ...binding, sessionId: new Uint8Array(32).fill(8) };
        await expect(client.bindSession(forged)).rejects.toMatchObject({ code: 'SSH_ERR_AGENT_FAILURE' });
        await client.bindSession(binding);
      });
    });
  });
}
