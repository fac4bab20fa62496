import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { asBrokerError, BrokerError } from '../../base/errors.ts'
import { installBuild, removeOtherBuilds } from '../../service/builds.ts'
import type { Service } from '../../service/find-service.ts'
import type { ServiceDefinition } from '../../service/service-definition.ts'
import type { Cli } from '../cli.ts'
import { whileWaiting } from '../terminal/progress.ts'
import { print } from '../terminal/terminal.ts'
import { reportReady } from './service-actions.ts'

/** Loaded only when it is needed, because it brings the database with it. */
const loadBackup = () => import('../../offline/backup/write-backup.ts')

/**
 * Installs a build beside the one in use, backs the data up, and restarts the service with it. When it does not answer, the build
 * before is back in use and the error says so.
 */
export async function update(cli: Cli, target: Service, from: string | undefined): Promise<void> {
  const { definition, files } = target
  const build = await whileWaiting(cli.terminal, 'npm to install the build', () =>
    installBuild(files.builds, from),
  )
  await backUp(cli, target)
  const { program, previous = program } = definition
  try {
    await change(cli, target, { ...definition, program: build.program, previous: program })
  } catch (error) {
    removeOtherBuilds(files.builds, [program, previous])
    throw error
  }
  removeOtherBuilds(files.builds, [build.program, program])
  print(
    cli.terminal,
    `${definition.name} runs ${build.version}; “service restart --rollback” brings the build before back`,
  )
}

/** Restarts the service with the build that it had before the last update. Throws `bad-request` when there is none. */
export async function rollBack(cli: Cli, target: Service): Promise<void> {
  const { definition, files } = target
  if (definition.previous === undefined)
    throw new BrokerError('bad-request', `${definition.name} has not been updated: there is no build before`)
  try {
    await change(cli, target, { ...definition, program: definition.previous, previous: definition.program })
  } catch (cause) {
    const { message } = asBrokerError(cause)
    const hint = `if it can’t read the newer data, restore a backup of ${files.backups} into an empty folder`
    throw new BrokerError('cannot-start', `${message}; ${hint}`, { cause })
  }
  print(cli.terminal, `${definition.name} runs the build before: ${definition.previous}`)
}

async function change(cli: Cli, target: Service, definition: ServiceDefinition): Promise<void> {
  const { manager } = target
  await manager.install(definition)
  try {
    await manager.restart()
    await reportReady(cli, target)
  } catch (cause) {
    await manager.install(target.definition)
    await manager.restart()
    await reportReady(cli, target)
    throw new BrokerError(
      'cannot-start',
      `the other build does not answer, and the one before is in use again: ${asBrokerError(cause).message}`,
      { cause },
    )
  }
}

/** Before a new build may change the tables. A service that has never run has nothing to back up. */
async function backUp({ terminal, version, now }: Cli, { files }: Service): Promise<void> {
  const { writeBackup } = await loadBackup()
  mkdirSync(files.backups, { recursive: true, mode: 0o700 })
  const to = join(files.backups, `before-update-${now()}.tar.gz`)
  try {
    await writeBackup({ dataDir: files.dataDir, to, version, now: now() })
    print(terminal, `backed up to ${to}`)
  } catch (error) {
    if (asBrokerError(error).code !== 'not-found') throw error
  }
}
