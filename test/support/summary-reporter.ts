import type { Reporter, TestModule } from 'vitest/node'

/** Closes the run with one plain line that any script can read: `Tests: N passed, N failed, N skipped`. */
// oxlint-disable-next-line import/no-default-export -- vitest loads reporters by their default export
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      for (const test of module.children.allTests()) count[test.result().state]++
      if (module.state() === 'failed' && module.errors().length > 0) count.failed++
    }
    // After the default reporter's own summary, so that this is the last line.
    process.once('exit', () => {
      console.log(`Tests: ${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`)
    })
  }
}
