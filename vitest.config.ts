import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/support/summary-reporter.ts'],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Most tests wait on sockets and child processes, so a little over-subscription of two cores pays.
    maxWorkers: 3,
  },
})
