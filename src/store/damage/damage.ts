import { BrokerError } from '../../base/errors.ts'

/** The refusal to work with a database whose content cannot be used, with the file, the reason and what helps. */
export function damagedDatabase(path: string, cause: unknown): BrokerError {
  if (cause instanceof BrokerError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new BrokerError(
    'cannot-start',
    `the database ${path} is damaged (${reason}): write what can be read into a new file with ` +
      `“hero_aibroker doctor --salvage ${path}”, restore a backup, or name another data folder with PATH_VAR`,
    { cause },
  )
}

/** Runs something that loads data from a database; whatever it throws is due to what is in the file. */
export function reading<T>(path: string, load: () => T): T {
  try {
    return load()
  } catch (error) {
    throw damagedDatabase(path, error)
  }
}
