import { statSync } from 'node:fs'
import { parseEnv } from 'node:util'

import { fileFault, isFileAbsent, readRegularFile } from '../../files/read-file.ts'
import type { Environment, Settings } from '../settings.ts'

const MAX_FILE_BYTES = 256 * 1024

/** Reads a `.env` of secrets; a missing one is empty. Collects an error when other users can read it. */
export function readEnvFile(path: string, settings: Settings): Environment {
  try {
    const text = readRegularFile(path, MAX_FILE_BYTES)
    if ((statSync(path).mode & 0o077) !== 0)
      settings.addError(path, `can be read by others on this machine; run: chmod 600 ${path}`)
    return parseEnv(text)
  } catch (error) {
    if (!isFileAbsent(error)) settings.addError(path, `can’t be read: ${fileFault(error)}`)
    return {}
  }
}
