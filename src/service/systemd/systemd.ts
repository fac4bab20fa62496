import { execFile } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { promisify } from 'node:util'

import { BrokerError } from '../../base/errors.ts'
import { writeDefinition, type ServiceFiles } from '../service-definition.ts'
import type { ServiceManager, ServiceStatus } from '../service-manager.ts'
import { unitFile, type UnitPaths } from './unit-file.ts'

const run = promisify(execFile)

export interface SystemdOptions {
  readonly name: string
  readonly files: ServiceFiles
  readonly scope: 'user' | 'system'
  /** Where the unit is written: `~/.config/systemd/user/NAME.service` or `/etc/systemd/system/NAME.service`. */
  readonly unitPath: string
  readonly paths: UnitPaths
}

/** Whether the systemd of this scope answers: in a container it may be installed and not run. */
export async function isSystemdRunning(scope: 'user' | 'system'): Promise<boolean> {
  try {
    await run('systemctl', [...scopeFlags(scope), 'show-environment'], { timeout: 2000 })
    return true
  } catch {
    return false
  }
}

/** The service manager of most Linux hosts, of the user or, with `system`, of the machine. */
export function systemdManager({ name, files, scope, unitPath, paths }: SystemdOptions): ServiceManager {
  const flags = scopeFlags(scope)
  const unit = `${name}.service`
  const systemctl = async (...args: string[]): Promise<string> => {
    try {
      return (await run('systemctl', [...flags, ...args])).stdout
    } catch (cause) {
      const output = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : String(cause)
      throw new BrokerError('internal', `systemctl ${args.join(' ')} failed: ${output}`, { cause })
    }
  }
  return {
    name: 'systemd',
    async install(definition) {
      writeDefinition(files, definition)
      mkdirSync(dirname(unitPath), { recursive: true })
      writeFileSync(unitPath, unitFile(definition, paths))
      await systemctl('daemon-reload')
      await systemctl('enable', unit)
      return scope === 'user'
        ? ['It starts when you log in. To start it when the machine boots, run: loginctl enable-linger']
        : []
    },
    async uninstall() {
      await systemctl('disable', '--now', unit)
      rmSync(unitPath, { force: true })
      await systemctl('daemon-reload')
    },
    start: async () => void (await systemctl('start', unit)),
    stop: async () => void (await systemctl('stop', unit)),
    restart: async () => void (await systemctl('restart', unit)),
    status: async () =>
      statusOf(await systemctl('show', unit, '--property=ActiveState,MainPID,NRestarts,Result')),
    logCommand: (lines, follow) => [
      'journalctl',
      ...flags,
      `--unit=${unit}`,
      `--lines=${lines}`,
      ...(follow ? ['--follow'] : ['--no-pager']),
    ],
  }
}

function scopeFlags(scope: 'user' | 'system'): readonly string[] {
  return scope === 'user' ? ['--user'] : []
}

/** Source: systemctl(1), `show`: lines of `Name=value`. */
export function statusOf(properties: string): ServiceStatus {
  const values = new Map(
    properties.split('\n').map((line) => {
      const at = line.indexOf('=')
      return [line.slice(0, at), line.slice(at + 1)]
    }),
  )
  const active = values.get('ActiveState')
  const result = values.get('Result')
  const pid = Number(values.get('MainPID'))
  return {
    state:
      active === 'active' || active === 'reloading'
        ? 'running'
        : active === 'activating'
          ? 'waiting'
          : 'stopped',
    pid: pid > 0 ? pid : undefined,
    restarts: Number(values.get('NRestarts') ?? 0),
    lastExit: result === undefined || result === 'success' ? undefined : result,
  }
}
