import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { z } from 'zod'
import { BrokerError } from '../../../base/errors.ts'
import { fileFault, isFileAbsent, readRegularFile } from '../../../files/read-file.ts'
import type { ToolPin, PinStore } from './tool-pinning.ts'

/** A thousand tools of the maximum size have 64 MB. */
const MAX_FILE_BYTES = 64 * 1024 * 1024

const definition = z.looseObject({
  name: z.string(),
  inputSchema: z.looseObject({ type: z.literal('object') }),
})
const shape = z.object({
  pins: z.array(z.object({ server: z.string(), tool: z.string(), hash: z.string(), definition })),
})

/**
 * Stores pins in a file that only this user can read. An invalid file throws `bad-request`: starting without pins would
 * silently approve every tool.
 */
export function createPinFile(path: string): PinStore {
  return {
    read: () => readPins(path),
    write(pins) {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      const next = `${path}.${process.pid}`
      writeFileSync(next, JSON.stringify({ pins }, undefined, 1), { mode: 0o600 })
      renameSync(next, path)
    },
  }
}

function readPins(path: string): readonly ToolPin[] {
  const text = readText(path)
  if (text === undefined) return []
  try {
    return shape.parse(JSON.parse(text)).pins
  } catch (cause) {
    const help = 'restore it, or remove it to approve all tools as they are now'
    throw new BrokerError('bad-request', `${path}: the approved tools can't be read; ${help}`, { cause })
  }
}

function readText(path: string): string | undefined {
  try {
    return readRegularFile(path, MAX_FILE_BYTES)
  } catch (error) {
    if (isFileAbsent(error)) return undefined
    const fault = fileFault(error)
    throw new BrokerError('bad-request', `${path}: the approved tools can't be read: ${fault}`, {
      cause: error,
    })
  }
}
