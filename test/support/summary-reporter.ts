import type { Reporter, TestModule } from 'vitest/node'

/**
 * Closes the run with one plain line that any script can read: `Tests: N passed, N failed, N skipped`. What fails
 * outside a test counts as one that failed: a file that can't be loaded, a broken preparation, an error that nobody caught.
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
