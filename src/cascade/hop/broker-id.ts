import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomLetters } from '../../base/ids.ts'

const FILE = 'broker.id'
const ID = /^[A-Za-z0-9]{16}$/

/**
 * The id of this broker, by which a cascade recognises a loop. It is made at the first start and stays in the data folder; a
 * copied folder must leave it out.
 */
export function brokerIdIn(dataDir: string): string {
  const path = join(dataDir, FILE)
  const stored = read(path)
  if (stored !== undefined) return stored
  const id = randomLetters(16)
  try {
    // Another process of this broker may have been faster.
    writeFileSync(path, `${id}\n`, { mode: 0o600, flag: 'wx' })
    return id
  } catch {
    return read(path) ?? id
  }
}

function read(path: string): string | undefined {
  try {
    const id = readFileSync(path, 'utf8').trim()
    return ID.test(id) ? id : undefined
  } catch {
    return undefined
  }
}
