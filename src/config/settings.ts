import { BrokerError } from '../base/errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Reads environment variables and collects the errors in them. An empty variable counts as not set. */
export interface Settings {
  /** The trimmed value; `undefined` when it is not set. */
  text(name: string): string | undefined
  choice<const T extends string>(name: string, choices: readonly T[], fallback: T): T
  /** A whole number above zero; `unit` is for the error message. */
  wholeNumber(name: string, unit: string, fallback: number): number
  /** Collects an error about a variable or flag. */
  addError(name: string, message: string): undefined
  /** Throws `bad-request` with all errors so far. */
  throwIfInvalid(): void
}

export function createSettings(env: Environment): Settings {
  const errors: string[] = []
  const settings: Settings = {
    text(name) {
      const value = env[name]?.trim()
      return value === '' ? undefined : value
    },
    choice(name, choices, fallback) {
      const value = settings.text(name)
      if (value === undefined) return fallback
      const choice = choices.find((known) => known === value.toLowerCase())
      return choice ?? settings.addError(name, `is “${value}”, should be ${choices.join(' or ')}`) ?? fallback
    },
    wholeNumber(name, unit, fallback) {
      const value = settings.text(name)
      if (value === undefined) return fallback
      if (/^[1-9]\d{0,8}$/.test(value)) return Number(value)
      return (
        settings.addError(name, `is “${value}”, should be whole ${unit}, such as ${fallback}`) ?? fallback
      )
    },
    addError(name, message) {
      errors.push(`${name} ${message}`)
      return undefined
    },
    throwIfInvalid() {
      if (errors.length > 0) throw new BrokerError('bad-request', errors.join('\n'))
    },
  }
  return settings
}
