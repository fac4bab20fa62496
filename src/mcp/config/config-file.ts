import { type FSWatcher, watch } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { basename, dirname, resolve } from 'node:path'
import type { Clock } from '../../base/clock.ts'
import { BrokerError } from '../../base/errors.ts'
import { type McpConfig, parseMcpConfig } from './config.ts'

/** Editors write a file in several steps; changes within this time are one. */
const DEBOUNCE_MS = 150

/** Reads the configuration file. Throws `bad-request` naming the file and what is wrong in it. */
export async function readMcpConfig(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<McpConfig> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new BrokerError('bad-request', `${path}: the file of MCP servers can't be read`, { cause })
  })
  return parseMcpConfig(text, { file: path, environment })
}

/**
 * Calls `onChange` after the file was written or replaced, until the returned function is called. Watches the folder,
 * because many editors replace the file.
 */
export function watchFile(path: string, clock: Clock, onChange: () => void): () => void {
  const file = resolve(path)
  let cancel: (() => void) | undefined
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(dirname(file), { persistent: false }, (_event, name) => {
      if (name !== null && name !== basename(file)) return
      cancel?.()
      cancel = clock.after(DEBOUNCE_MS, onChange)
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // If the folder can't be watched, the configuration stays as it was at the start.
  }
  return () => {
    cancel?.()
    watcher?.close()
  }
}
