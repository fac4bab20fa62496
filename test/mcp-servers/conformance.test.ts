import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

import { systemClock } from '../../src/base/clock.ts'
import { serveHttp } from '../../src/mcp-servers/shared/serve/serve-http.ts'
import { mcpFactory } from '../../src/mcp-servers/shared/server.ts'
import { tempFolder } from '../support/temp-folder.ts'
import { servers } from './support.ts'

/** The scenarios of the official suite that do not call tools of a fixture by name. */
const FIXTURE_FREE = {
  '2026-07-28': [
    'tools-list',
    'server-sse-multiple-streams',
    'dns-rebinding-protection',
    'sep-2164-resource-not-found',
    'input-required-result-unsupported-methods',
    'http-header-validation',
  ],
  '2025-11-25': ['server-initialize', 'ping', 'tools-list', 'dns-rebinding-protection'],
} as const

/** Checks of `server-stateless` that need a fixture's tools; all others must pass. */
const NEEDS_FIXTURE = [
  'sep-2575-server-rejects-undeclared-capability',
  'sep-2575-missing-capability-http-400',
  'sep-2575-http-server-no-independent-requests-on-stream',
  'sep-2575-server-no-log-without-loglevel',
]

const suite = join(
  createRequire(import.meta.url).resolve('@modelcontextprotocol/conformance/package.json'),
  '..',
  'dist',
  'index.js',
)

interface Check {
  readonly id: string
  readonly status: string
}

/** Runs all scenarios of a revision; returns the failed checks of each. */
async function failuresOf(url: string, revision: string): Promise<Map<string, string[]>> {
  using folder = tempFolder()
  const args = [suite, 'server', '--url', url, '--requirements', revision, '-o', folder.path]
  const child = spawn(process.execPath, args, { stdio: 'ignore' })
  await once(child, 'exit')
  return new Map(readdirSync(folder.path).map((name) => readFailures(folder.path, name)))
}

function readFailures(folder: string, name: string): [scenario: string, failed: string[]] {
  const checks = JSON.parse(readFileSync(join(folder, name, 'checks.json'), 'utf8')) as Check[]
  const scenario = name.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\w-]+$/, '')
  return [scenario, checks.filter(({ status }) => status === 'FAILURE').map(({ id }) => id)]
}

describe.concurrent.each(servers.map((server) => [server.name, server] as const))('%s', (_name, server) => {
  test.each(['2026-07-28', '2025-11-25'] as const)(
    'passes the official conformance suite of revision %s',
    { timeout: 90_000 },
    async (revision) => {
      const open = server.open({ env: {}, clock: systemClock, random: Math.random })
      const factory = mcpFactory(server, open, { clock: systemClock, version: '1' })
      await using listening = await serveHttp(factory, { host: '127.0.0.1', port: 0 })
      const failures = await failuresOf(listening.address.replace('127.0.0.1', 'localhost'), revision)
      const expected = FIXTURE_FREE[revision].map((scenario) => [scenario, []])
      expect(FIXTURE_FREE[revision].map((scenario) => [scenario, failures.get(scenario)])).toEqual(expected)
      if (revision === '2026-07-28')
        expect(new Set(failures.get('server-stateless'))).toEqual(new Set(NEEDS_FIXTURE))
    },
  )
})
