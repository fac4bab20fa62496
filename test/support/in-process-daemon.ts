import { join } from 'node:path'

import { systemClock } from '../../src/base/clock.ts'
import { loadConfig } from '../../src/config/config.ts'
import { startDaemon } from '../../src/daemon/start.ts'
import type { Daemon } from '../../src/daemon/start.ts'
import { tempFolder } from './temp-folder.ts'

/** The whole broker on real sockets, inside this process. Only its built-in provider is available. */
export interface InProcessDaemon extends AsyncDisposable {
  readonly daemon: Daemon
  /** A folder for anything else that the test needs. */
  readonly folder: string
  /** Environment variables with which clients find the daemon. */
  readonly environment: { readonly HERO_SOCKET_DIR: string }
}

/** Starts a daemon; with `tcp` it also listens on a free port of 127.0.0.1. `varDir` holds its data in place of an own folder. */
export async function startInProcessDaemon({
  tcp = false,
  varDir,
}: { tcp?: boolean; varDir?: string } = {}): Promise<InProcessDaemon> {
  const folder = tempFolder()
  const environment = { HERO_SOCKET_DIR: join(folder.path, 's') }
  const env = {
    ...environment,
    HOME: folder.path,
    PATH_VAR: varDir ?? join(folder.path, 'v'),
    AIBROKER_DETECT: 'off',
    AIBROKER_CATALOG: 'off',
  }
  const argv = tcp ? { address: '127.0.0.1', port: 0 } : {}
  const daemon = await startDaemon(loadConfig({ env, cwd: folder.path, argv }), systemClock, SILENT)
  return {
    daemon,
    folder: folder.path,
    environment,
    async [Symbol.asyncDispose]() {
      await daemon.close()
      folder[Symbol.dispose]()
    },
  }
}

const SILENT = { info: () => undefined, warn: () => undefined, error: () => undefined }
