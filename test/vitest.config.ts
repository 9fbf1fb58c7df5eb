import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Programs that tests start should not read a bundle of certificates that they never use: Node 20 does at every start.
delete process.env['NODE_EXTRA_CA_CERTS'];

export default defineConfig({
  root: fileURLToPath(new URL('..', import.meta.url)),
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: [fileURLToPath(new URL('tools/wasm-setup.ts', import.meta.url))],
    // Forks: tests start and kill programs, send signals and change the environment.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Real peers and processes on a busy machine: where a whole run hangs on it, a test may try a second time, and the report says that it did.
    retry: process.env['CI'] === 'true' ? 1 : 0,
  },
});
