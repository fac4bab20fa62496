import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: './test/support/build-dashboard.ts',
    reporters: ['default', './test/support/summary-reporter.ts'],
    // Bounds for what hangs, not for what is slow: a machine may be busy with other things.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000, interval: 20 } },
    // Most tests wait on sockets and child processes, so a little over-subscription of two cores pays.
    maxWorkers: 3,
  },
})
