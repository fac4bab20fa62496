import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'

import type { Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'
import type { BrokerError } from '../../base/errors.ts'
import { parseModelsFile, readText } from './models-file.ts'
import type { ModelsFile } from './models-file.ts'

/** Editors write in several steps; the file is read after so long without another change. */
const QUIET_MS = 100

/**
 * Reads the file again whenever it changes. The error of an unreadable file goes to `onBad`, and the caller keeps the last
 * good content. The folder is watched, not the file, because many editors replace the file by a new one.
 */
export function watchModelsFile(options: {
  readonly path: string
  readonly clock: Clock
  readonly onGood: (file: ModelsFile) => void
  readonly onBad: (error: BrokerError) => void
}): { close(): void } {
  const { path, clock, onGood, onBad } = options
  let lastText = textIfReadable(path)
  let cancel = (): void => {}

  const reload = (): void => {
    const before = lastText
    lastText = undefined
    try {
      lastText = readText(path)
      if (lastText !== before) onGood(parseModelsFile(lastText, path))
    } catch (error) {
      onBad(asBrokerError(error))
    }
  }
  const watcher = watch(dirname(path), { persistent: false }, (_event, changed) => {
    if (changed !== null && changed !== basename(path)) return
    cancel()
    cancel = clock.after(QUIET_MS, reload)
  })
  watcher.on('error', (error) => onBad(asBrokerError(error)))
  return {
    close() {
      cancel()
      watcher.close()
    },
  }
}

function textIfReadable(path: string): string | undefined {
  try {
    return readText(path)
  } catch {
    return undefined
  }
}
