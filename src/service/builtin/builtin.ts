import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'

import { BrokerError } from '../../base/errors.ts'
import { writeDefinition, type ServiceFiles } from '../service-definition.ts'
import type { ServiceManager, ServiceStatus } from '../service-manager.ts'
import { askSupervisor } from './control-socket.ts'

export interface BuiltinOptions {
  readonly name: string
  readonly files: ServiceFiles
  /** The command line of a process that calls `runSupervisor`. */
  readonly supervise: readonly [string, ...string[]]
  /** Resolves after so many milliseconds. */
  readonly wait: (ms: number) => Promise<unknown>
}

const POLL_MS = 20
const START_TRIES = 500
/** Longer than the daemon drains by default. */
const STOP_TRIES = 6000

/** The service manager for a host that has none: a process of our own, detached from the terminal. */
export function builtinManager({ name, files, supervise, wait }: BuiltinOptions): ServiceManager {
  const ask = (command: 'status' | 'restart' | 'stop') => askSupervisor(files.control, command)

  async function until(tries: number, isDone: (status: ServiceStatus | undefined) => boolean) {
    for (let n = 0; n < tries; n++) {
      if (isDone(await ask('status'))) return true
      await wait(POLL_MS)
    }
    return false
  }

  async function start(): Promise<void> {
    if ((await ask('status')) !== undefined) return
    mkdirSync(files.folder, { recursive: true, mode: 0o700 })
    const [program, ...args] = supervise
    spawn(program, args, { detached: true, stdio: 'ignore' }).unref()
    if (await until(START_TRIES, (status) => status !== undefined)) return
    throw new BrokerError(
      'cannot-start',
      `the supervisor of ${name} did not start; run it to see why: ${supervise.join(' ')}`,
    )
  }

  async function stop(): Promise<void> {
    if ((await ask('stop')) === undefined) return
    if (await until(STOP_TRIES, (status) => status === undefined)) return
    throw new BrokerError(
      'internal',
      `${name} did not end within ${(STOP_TRIES * POLL_MS) / 1000} s; see ${files.log}`,
    )
  }

  return {
    name: 'builtin',
    install(definition) {
      writeDefinition(files, definition)
      return Promise.resolve([
        'This host has no service manager that answers, so that nothing starts the broker when it boots.',
        `To start it at boot, add this line with \`crontab -e\`: @reboot ${supervise.slice(0, 2).join(' ')} service start`,
      ])
    },
    uninstall: stop,
    start,
    stop,
    async restart() {
      const before = await ask('restart')
      if (before === undefined) return start()
      await until(STOP_TRIES, (status) => status?.pid !== undefined && status.pid !== before.pid)
    },
    status: async () => (await ask('status')) ?? { state: 'stopped' },
    logCommand: (lines, follow) => ['tail', '-n', `${lines}`, ...(follow ? ['-F'] : []), files.log],
  }
}
