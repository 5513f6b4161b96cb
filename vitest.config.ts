import { defineConfig } from 'vitest/config';

// Snapshots are written by `npm run snapshots` alone: a missing one is a failure, not a new file.
const update = process.env.ODRADEK_SNAPSHOTS === 'write' ? 'all' : 'none';

// What is polled for comes when it comes: only a test's own end is a bound.
const expect = { poll: { timeout: 25_000 } };

export default defineConfig({
  test: {
    update,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/interop/**', '**/node_modules/**'],
          testTimeout: 30_000,
          expect,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'interop',
          include: ['test/interop/**/*.test.ts'],
          testTimeout: 180_000,
          expect: { poll: { timeout: 60_000 } },
          hookTimeout: 600_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
