import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const MEGABYTE = 1_000_000

/** Bytes of all files below a folder; links are not followed. */
export function installedBytes(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name)
    return sum + (entry.isDirectory() ? installedBytes(path) : lstatSync(path).size)
  }, 0)
}

export function megabytes(bytes: number): string {
  return `${(bytes / MEGABYTE).toFixed(1)} MB`
}
