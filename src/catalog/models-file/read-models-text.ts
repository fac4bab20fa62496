import { BrokerError } from '../../base/errors.ts'
import { fileFault, readRegularFile } from '../../files/read-file.ts'

/** The shipped file with 130 models has 90 KiB. At 1 MiB the start takes half a second longer. */
const MAX_FILE_BYTES = 1024 * 1024

/** The text of the models file. Throws `bad-request` when it can't be read. */
export function readModelsText(path: string): string {
  try {
    return readRegularFile(path, MAX_FILE_BYTES)
  } catch (cause) {
    const advice = 'MODELS_CONFIG_PATH may name another file'
    const message = `can’t read the models file ${path}: ${fileFault(cause)}; ${advice}`
    throw new BrokerError('bad-request', message, { cause })
  }
}
