import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { hasTmux, startTmux } from '../support/tmux.ts'
import { tempFolder } from '../support/temp-folder.ts'

const DAEMON = join(import.meta.dirname, '../../bin/hero_aibroker_server.js')

test.runIf(hasTmux())(
  'in a terminal the daemon prints that it is stopping, and leaves no socket',
  async () => {
    using folder = tempFolder()
    const sockets = join(folder.path, 's')
    const settings = `HOME=${folder.path} HERO_SOCKET_DIR=${sockets} PATH_VAR=${folder.path}/v AIBROKER_DETECT=off AIBROKER_CATALOG=off`
    const command = `env ${settings} ${process.execPath} ${DAEMON}`
    await using screen = await startTmux(join(folder.path, 'tmux'), command)
    await screen.see('Try it:')
    await screen.type('C-c')
    const output = await screen.see('ended with 0')
    expect(output).toContain('Stopping: open requests may finish within ')
    expect(output).toContain('Ctrl-C again ends at once.')
    expect(output).not.toContain('"level"')
    expect(existsSync(join(sockets, 'hero_aibroker/rest.sock'))).toBe(false)
  },
)
