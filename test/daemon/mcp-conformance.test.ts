import { expect, test } from 'vitest'
import { runConformance } from '../server/mcp/support.ts'
import { program } from '../mcp/support.ts'
import { mcpFile } from '../support/mcp-file.ts'
import { portTo } from '../support/port-to-socket.ts'
import { startBroker } from '../support/start-broker.ts'
import { tempFolder } from '../support/temp-folder.ts'

const MINUTES = 60_000

/** Scenarios of extensions that the daemon does not support; they are run but not required by a revision. */
const NOT_REQUIRED = /^✗ tasks-/

test.each([
  ['2026-07-28', 'rest.sock'],
  ['2025-11-25', 'rest.sock'],
  ['2026-07-28', 'the port'],
])(
  'the official conformance suite for %s passes on %s of the daemon',
  async (revision, where) => {
    using folder = tempFolder()
    const { env } = mcpFile(folder.path, { fixture: program('conformance-stdio', {}, { prefix: false }) })
    const args = ['--address', '127.0.0.1', '--port', '0']
    await using broker = await startBroker({ folder: folder.path, env, args })
    using bridge = await portTo(broker.sockets.rest)
    const url = where === 'the port' ? `http://localhost:${broker.port}` : bridge.url
    const { failed } = await runConformance(url, ['--requirements', revision])
    expect(failed.filter((line) => !NOT_REQUIRED.test(line))).toEqual([])
  },
  4 * MINUTES,
)
