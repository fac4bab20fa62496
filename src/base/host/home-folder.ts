import { BrokerError } from '../errors.ts'

/**
 * The home folder: `home`, the value of `HOME`, or that of the account of this process. A container may run a user that has
 * neither. Throws `bad-request`, saying what to set `instead`.
 * @param homedir that of `node:os`, which this module, as part of a client for browsers, must not import.
 */
export function homeFolder(home: string | undefined, homedir: () => string, instead: string): string {
  const folder = home ?? accountHome(homedir)
  if (folder !== undefined) return folder
  const user = process.getuid?.()
  throw new BrokerError(
    'bad-request',
    `HOME is not set, and user ${user ?? ''} has no account on this machine: set HOME, or ${instead}`,
  )
}

function accountHome(homedir: () => string): string | undefined {
  try {
    // An empty HOME makes this empty too.
    return homedir() || undefined
  } catch {
    return undefined
  }
}
