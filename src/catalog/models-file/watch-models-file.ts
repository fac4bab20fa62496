import type { Clock } from '../../base/clock.ts'
import { asBrokerError } from '../../base/errors.ts'
import type { BrokerError } from '../../base/errors.ts'
import { watchFile, type FileWatch } from '../../files/watch-file.ts'
import { readModelsText } from './read-models-text.ts'
import type { ModelsFile } from './models-file.ts'
import { parseInThread } from './parse-in-thread.ts'

/**
 * Reads the file again whenever it changes. The error of an unreadable file goes to `onBad`, and the caller keeps the last
 * good content. Changes are reported in order, each after the one before it was parsed.
 */
export function watchModelsFile(options: {
  readonly path: string
  readonly clock: Clock
  readonly onGood: (file: ModelsFile) => void
  readonly onBad: (error: BrokerError) => void
}): FileWatch {
  const { path, clock, onGood, onBad } = options
  let lastText = textIfReadable(path)
  let reading: Promise<void> = Promise.resolve()
  let isClosed = false

  const read = async (): Promise<void> => {
    const before = lastText
    lastText = undefined
    try {
      lastText = readModelsText(path)
      if (lastText === before) return
      const file = await parseInThread({ path, text: lastText })
      if (!isClosed) onGood(file)
    } catch (error) {
      if (!isClosed) onBad(asBrokerError(error))
    }
  }
  const watch = watchFile(path, clock, () => void (reading = reading.then(read)))
  return {
    close() {
      isClosed = true
      watch.close()
    },
  }
}

function textIfReadable(path: string): string | undefined {
  try {
    return readModelsText(path)
  } catch {
    return undefined
  }
}
