import type { Reporter, TestModule } from 'vitest/node'

/**
 * Ends the run with one plain line for scripts: `Tests: N passed, N failed, N skipped`. A failure outside a test counts
 * as a failed test: a file that cannot be loaded, a failing setup hook, an uncaught error.
 */
// oxlint-disable-next-line import/no-default-export -- vitest loads reporters by their default export
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++
      for (const part of [module, ...module.children.allSuites()])
        if (part.errors().length > 0) count.failed++
    }
    const failed = count.failed + count.pending + unhandledErrors.length
    // After the default reporter's own summary, so that this is the last line.
    process.once('exit', () => {
      console.log(`Tests: ${count.passed} passed, ${failed} failed, ${count.skipped} skipped`)
    })
  }
}
