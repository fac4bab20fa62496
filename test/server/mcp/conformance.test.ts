import { describe, expect, test } from 'vitest'
import { program, temporaryFolder } from '../../mcp/support.ts'
import { runConformance, startMcpServer, startHttpFixture } from './support.ts'

const MINUTES = 60_000

/** Scenarios of extensions that we don't support; the suite runs them, but the revision does not require them. */
const NOT_REQUIRED = /^✗ tasks-/

describe.each(['2026-07-28', '2025-11-25'])('the official conformance suite for %s', (revision) => {
  const requirements = ['--requirements', revision]

  test(
    'passes with an upstream server on stdio',
    async () => {
      await using server = await startMcpServer({
        fixture: program('conformance-stdio', {}, { prefix: false }),
      })
      const { code, failed } = await runConformance(server.url, requirements)
      expect(failed.filter((line) => !NOT_REQUIRED.test(line))).toEqual([])
      expect(code).toBe(0)
    },
    3 * MINUTES,
  )

  test(
    'passes with an upstream server on a Unix socket',
    async () => {
      using folder = temporaryFolder()
      await using fixture = await startHttpFixture(`${folder.path}/s`)
      await using server = await startMcpServer({ fixture: { url: fixture.url, prefix: false } })
      const { code, failed } = await runConformance(server.url, requirements)
      expect(failed.filter((line) => !NOT_REQUIRED.test(line))).toEqual([])
      expect(code).toBe(0)
    },
    3 * MINUTES,
  )
})
