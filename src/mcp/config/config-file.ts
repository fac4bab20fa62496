import { BrokerError } from '../../base/errors.ts'
import { fileFault, readRegularFile } from '../../files/read-file.ts'
import { type McpConfig, parseMcpConfig } from './config.ts'

const MAX_FILE_BYTES = 1024 * 1024

/** Reads the configuration file. Throws `bad-request` naming the file and what is wrong in it. */
export function readMcpConfig(
  path: string,
  environment: Readonly<Record<string, string | undefined>>,
): McpConfig {
  return parseMcpConfig(readText(path), { file: path, environment })
}

function readText(path: string): string {
  try {
    return readRegularFile(path, MAX_FILE_BYTES)
  } catch (cause) {
    const fault = fileFault(cause)
    throw new BrokerError('bad-request', `${path}: the file of MCP servers can't be read: ${fault}`, {
      cause,
    })
  }
}
