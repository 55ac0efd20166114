// SPDX-License-Identifier: MIT
// `npm test` builds the addon and dist first: some tests import the package by its name.
import type { ViteUserConfig } from 'vitest/config';
import { THREADS_MAY_BE_TERMINATED } from './test/support/child.js';

const config: ViteUserConfig = {
  test: {
    include: ['test/**/*.test.ts'],
    typecheck: { enabled: true, include: ['test/**/*.test-d.ts'], tsconfig: './tsconfig.json' },
    // Processes, not threads: a crash in the addon then names the test file it happened in.
    pool: 'forks',
    execArgv: [...THREADS_MAY_BE_TERMINATED],
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 30_000,
    coverage: { provider: 'v8', include: ['lib/**/*.ts'], reporter: ['text', 'lcov'] },
  },
};

export default config;
