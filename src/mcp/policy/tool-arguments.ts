import { BrokerError } from '../../base/errors.ts'

const MAX_DEPTH = 2

/**
 * The object of arguments that a model or a caller means, in any of the forms in which they are seen: nothing or `null` for none,
 * JSON in a string, once or twice, and JSON in a Markdown fence. Throws `bad-request` for anything that is no object.
 */
export function toolArguments(value: unknown, depth = 0): Record<string, unknown> {
  if (value === undefined || value === null) return {}
  if (typeof value === 'object' && !Array.isArray(value)) return value as Record<string, unknown>
  if (typeof value === 'string' && depth <= MAX_DEPTH) {
    const text = withoutFence(value.trim())
    return text === '' ? {} : toolArguments(parsed(text), depth + 1)
  }
  throw new BrokerError('bad-request', 'the arguments are no JSON object; call it again with valid ones')
}

function withoutFence(text: string): string {
  return /^```[\w-]*\s*\n?([^]*?)\n?\s*```$/.exec(text)?.[1]?.trim() ?? text
}

/** `NaN` for what is no JSON: it is no object either. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return Number.NaN
  }
}
