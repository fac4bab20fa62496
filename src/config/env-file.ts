import { readFileSync, statSync } from 'node:fs'
import { parseEnv } from 'node:util'

import type { Environment, Settings } from './settings.ts'

/** Reads a `.env` of secrets; a missing one is empty. Collects an error when other users can read it. */
export function readEnvFile(path: string, settings: Settings): Environment {
  try {
    if ((statSync(path).mode & 0o077) !== 0)
      settings.addError(path, `can be read by others on this machine; run: chmod 600 ${path}`)
    return parseEnv(readFileSync(path, 'utf8'))
  } catch (error) {
    if (!isAbsent(error)) settings.addError(path, `can’t be read: ${String(error)}`)
    return {}
  }
}

function isAbsent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOENT' || code === 'ENOTDIR'
}
