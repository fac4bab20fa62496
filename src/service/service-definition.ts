import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'

import { BrokerError } from '../base/errors.ts'

const schema = z.strictObject({
  name: z.string(),
  manager: z.enum(['systemd', 'builtin']),
  scope: z.enum(['user', 'system']),
  program: z.string(),
  previous: z.string().optional(),
  args: z.array(z.string()).readonly(),
  environment: z.record(z.string(), z.string()),
  rpcSocket: z.string(),
})

/** What a service manager runs, as `service install` writes it down. It holds no secret. */
export interface ServiceDefinition extends Readonly<z.infer<typeof schema>> {
  /** Absolute path of the JavaScript file that the Node of this process runs. */
  readonly program: string
  /** That of the build before the last update. */
  readonly previous?: string | undefined
  /** Settings that were set when the service was installed. */
  readonly environment: Readonly<Record<string, string>>
}

/** The files of one service, all in the same folder but its backups. */
export interface ServiceFiles {
  readonly dataDir: string
  /** Folder of the builds that updates have installed. */
  readonly builds: string
  /** Folder of the backups from before updates; it stays when the service is removed. */
  readonly backups: string
  readonly folder: string
  readonly definition: string
  /** What the daemon writes, when the built-in supervisor runs it. */
  readonly log: string
  /** The control socket of the built-in supervisor. */
  readonly control: string
}

export function serviceFiles(dataDir: string, name: string): ServiceFiles {
  const folder = join(dataDir, 'service')
  return {
    dataDir,
    builds: join(folder, 'builds'),
    backups: join(dataDir, 'backups'),
    folder,
    definition: join(folder, `${name}.json`),
    log: join(folder, `${name}.log`),
    control: join(folder, `${name}.sock`),
  }
}

export function writeDefinition(files: ServiceFiles, definition: ServiceDefinition): void {
  mkdirSync(dirname(files.definition), { recursive: true, mode: 0o700 })
  writeFileSync(files.definition, `${JSON.stringify(definition, undefined, 2)}\n`, { mode: 0o600 })
}

/** The definition, or `undefined` when the service is not installed. Throws `bad-request` for a file that is damaged. */
export function readDefinition(files: ServiceFiles): ServiceDefinition | undefined {
  let text
  try {
    text = readFileSync(files.definition, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  const parsed = schema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new BrokerError(
    'bad-request',
    `${files.definition} is not the definition of a service; delete it and run: hero_aibroker service install`,
  )
}

export function removeFiles(files: ServiceFiles): void {
  rmSync(files.folder, { recursive: true, force: true })
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
