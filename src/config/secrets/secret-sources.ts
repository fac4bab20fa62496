import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { fileFault, isFileAbsent, readRegularFile } from '../../files/read-file.ts'
import type { Environment, Settings } from '../settings.ts'
import { readEnvFile } from './env-file.ts'

/** Where a secret comes from, for people; the first source that has it counts, in this order. */
export const SECRET_ORIGINS = [
  'environment',
  'credentials',
  'secrets-file',
  'file-variable',
  'keys-command',
] as const

export type SecretOrigin = (typeof SECRET_ORIGINS)[number]

/** One source of secrets, by the name of their variable. */
export interface SecretSource {
  readonly origin: SecretOrigin
  readonly values: Environment
  /** A place for messages about the source as a whole; absent where an entry can't be lost by accident. */
  readonly place?: string | undefined
}

export interface SecretPlaces {
  readonly env: Environment
  /** Path of the `.env` of secrets. */
  readonly envFile: string
  /** What the keys command has printed. */
  readonly fromCommand: Environment
}

/** Secrets besides the keys of providers. */
export const SECRET_VARIABLES: readonly string[] = ['ADMIN_TOKEN', 'HERO_SECRET', 'AIBROKER_ALARM_SECRET']

const MAX_SECRET_BYTES = 64 * 1024
const MAX_CREDENTIALS = 256
const CREDENTIALS = 'CREDENTIALS_DIRECTORY'
const VARIABLE = /^[A-Z][A-Z0-9_]*$/
/** `OPENAI_API_KEY_FILE` names a file with the value of `OPENAI_API_KEY`, as container images have it. */
const FILE_VARIABLE = /^([A-Z][A-Z0-9_]*_API_KEYS?|ADMIN_TOKEN|HERO_SECRET|AIBROKER_ALARM_SECRET)_FILE$/

/** Reads all sources. Collects an error for each that is set and can't be read. */
export function readSecretSources(
  { env, envFile, fromCommand }: SecretPlaces,
  settings: Settings,
): readonly SecretSource[] {
  const folder = settings.text(CREDENTIALS)
  return [
    { origin: 'environment', values: env },
    {
      origin: 'credentials',
      values: folder === undefined ? {} : readCredentials(folder, settings),
      place: folder,
    },
    { origin: 'secrets-file', values: readEnvFile(envFile, settings), place: envFile },
    { origin: 'file-variable', values: readFileVariables(env, settings) },
    { origin: 'keys-command', values: fromCommand, place: 'the output of AIBROKER_KEYS_COMMAND' },
  ]
}

export function isFileVariable(name: string): boolean {
  return FILE_VARIABLE.test(name)
}

/**
 * The credentials of systemd: one file each, named like the variable. Source: systemd.exec(5), `LoadCredential=`. Their rights
 * are systemd's own; other files in the folder are left alone.
 */
function readCredentials(folder: string, settings: Settings): Environment {
  try {
    const names = readdirSync(folder).filter((name) => VARIABLE.test(name))
    if (names.length > MAX_CREDENTIALS)
      settings.addError(CREDENTIALS, `has ${names.length} credentials, at most ${MAX_CREDENTIALS} are read`)
    const read = names.slice(0, MAX_CREDENTIALS).map((name) => {
      return [name, readSecret(join(folder, name), name, settings)] as const
    })
    return Object.fromEntries(read)
  } catch (error) {
    if (!isFileAbsent(error)) settings.addError(CREDENTIALS, `can’t be read: ${fileFault(error)}`)
    return {}
  }
}

function readFileVariables(env: Environment, settings: Settings): Environment {
  const read = Object.keys(env).flatMap((variable) => {
    const name = FILE_VARIABLE.exec(variable)?.[1]
    const path = settings.text(variable)
    return name === undefined || path === undefined
      ? []
      : [[name, readSecret(path, variable, settings)] as const]
  })
  return Object.fromEntries(read)
}

function readSecret(path: string, variable: string, settings: Settings): string | undefined {
  try {
    return readRegularFile(path, MAX_SECRET_BYTES).trim()
  } catch (error) {
    return settings.addError(variable, `names ${path}, which can’t be read: ${fileFault(error)}`)
  }
}

/** The source of a variable's value, and the variable that an operator has to change; `undefined` when no source has it. */
export function originOf(
  sources: readonly SecretSource[],
  name: string,
): { readonly source: SecretOrigin; readonly variable: string } | undefined {
  const source = sources.find(({ values }) => (values[name]?.trim() ?? '') !== '')
  if (source === undefined) return undefined
  return {
    source: source.origin,
    variable: source.origin === 'file-variable' ? `${name}_FILE` : name,
  }
}
