import type { JsonBody } from '../../json/json-body.ts'

/** The plugins of OpenRouter that the broker runs itself, as requested. */
export interface RequestedPlugins {
  /** Whether the middle of a prompt that is too long is dropped. `undefined`: only for endpoints with a small context window. */
  readonly compresses: boolean | undefined
  /** Whether invalid JSON in a plain response is repaired. */
  readonly repairsJson: boolean
  /** The names of the plugins that we can run for such a request, whether requested or not. */
  readonly supported: readonly string[]
}

/** OpenRouter's name of the plugin that shortens a prompt to the context window. */
export const COMPRESSION = 'context-compression'
const HEALING = 'response-healing'
const MIDDLE_OUT = 'middle-out'

const NONE: RequestedPlugins = { compresses: undefined, repairsJson: false, supported: [COMPRESSION] }
const NONE_OF_JSON: RequestedPlugins = { ...NONE, supported: [COMPRESSION, HEALING] }

/** Reads which plugins are on. Never throws: `parseRoutingPreferences` validates the fields. */
export function readPlugins({ value, fields }: JsonBody): RequestedPlugins {
  const usual = isForJson(value) ? NONE_OF_JSON : NONE
  if (!fields.has('plugins') && !fields.has('transforms')) return usual
  const { transforms } = value
  const byTransforms = Array.isArray(transforms) ? transforms.includes(MIDDLE_OUT) : undefined
  return {
    compresses: isOn(value['plugins'], COMPRESSION) ?? byTransforms,
    repairsJson: usual.supported.includes(HEALING) && isOn(value['plugins'], HEALING) === true,
    supported: usual.supported,
  }
}

/** Whether the response can be repaired: it must be plain, not streamed, and JSON. */
function isForJson({ stream, response_format: format }: JsonBody['value']): boolean {
  const type = (format as { type?: unknown } | null | undefined)?.type
  return stream !== true && (type === 'json_object' || type === 'json_schema')
}

/** Whether the list has the plugin switched on or off; `undefined` when it doesn't name it. */
function isOn(plugins: unknown, wanted: string): boolean | undefined {
  if (!Array.isArray(plugins)) return undefined
  const named = (plugins as readonly ({ id?: unknown; enabled?: unknown } | null)[]).find(
    (plugin) => plugin?.id === wanted,
  )
  return named === undefined ? undefined : named?.enabled !== false
}
