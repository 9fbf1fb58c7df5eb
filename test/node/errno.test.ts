import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SshError } from '../../src/core/util/errors.ts';
import { errnoOf } from '../../src/node/errno.ts';

test('only errors of the system have an errno', () => {
  expect(errnoOf(thrown(() => readFileSync('/nonexistent')))).toBe('ENOENT');
  expect(errnoOf(Object.assign(new Error('dns'), { code: 'EAI_AGAIN' }))).toBe('EAI_AGAIN');
  expect(errnoOf(new SshError('SSH_ERR_CONN_CLOSED'))).toBeUndefined();
  expect(errnoOf(thrown(() => Buffer.alloc(-1)))).toBeUndefined();
  expect(errnoOf('ENOENT')).toBeUndefined();
});

function thrown(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}
