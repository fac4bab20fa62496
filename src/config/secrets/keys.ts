import { BrokerError } from '../../base/errors.ts'
import { Secret } from '../../base/secret.ts'
import { isPlaceholder } from '../../base/text.ts'
import { variableName } from '../network/base-urls.ts'
import type { Environment } from '../settings.ts'

/** Providers whose own documentation uses another name for the variable. */
const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
  ALIBABA: ['DASHSCOPE'],
  COHERE: ['CO'],
  GEMINI: ['GOOGLE'],
  HUGGINGFACE: ['HF'],
  NVIDIA: ['NVIDIA_NIM'],
  OVH: ['OVHCLOUD'],
  TOGETHER: ['TOGETHER_AI'],
  ZHIPU: ['ZAI'],
}

/** Variables that may hold keys for `name`: those of the models file, else the default ones. */
export function keyVariables(name: string, keyEnv?: string): readonly string[] {
  if (keyEnv !== undefined) return [keyEnv, `${keyEnv}S`]
  const own = variableName(name)
  return [own, ...(OTHER_NAMES[own] ?? [])].flatMap((each) => [`${each}_API_KEY`, `${each}_API_KEYS`])
}

/** Keys from the first source that has any, in the order of `variables`, without duplicates. Throws `bad-request` for a key that can't be a header. */
export function findKeys(sources: readonly Environment[], variables: readonly string[]): readonly Secret[] {
  for (const source of sources) {
    const keys = new Set(variables.flatMap((variable) => keysIn(source, variable)))
    if (keys.size > 0) return Object.freeze([...keys].map((key) => new Secret(key)))
  }
  return []
}

/** A single secret, which may contain commas. */
export function findSecret(sources: readonly Environment[], variable: string): Secret | undefined {
  const value = sources
    .map((source) => source[variable]?.trim())
    .find((text) => text !== undefined && text !== '')
  return value === undefined ? undefined : new Secret(value)
}

function keysIn(source: Environment, variable: string): string[] {
  // A placeholder counts as no key, so that the provider is reported as one that needs a key in this variable.
  const keys = (source[variable] ?? '')
    .split(',')
    .map((key) => key.trim())
    .filter((key) => !isPlaceholder(key))
  const isSendable = keys.every((key) => /^[\x21-\x7e]*$/.test(key))
  if (isSendable) return keys.filter((key) => key !== '')
  const advice = 'keys are plain characters, several are separated by commas'
  throw new BrokerError(
    'bad-request',
    `${variable} holds a key with a space or a foreign character inside; ${advice}`,
  )
}
