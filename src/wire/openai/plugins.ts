import type { JsonBody } from '../json/json-body.ts'

/** OpenRouter's plugins that the broker runs itself, as far as a request asks for them. */
export interface OwnPlugins {
  /** A prompt that is too long loses its middle. `undefined`: only where the endpoint's window is small. */
  readonly compresses: boolean | undefined
  /** JSON of a plain answer is mended. */
  readonly healsJson: boolean
  /** The names of those that we can run for such a request, asked for or not. */
  readonly able: readonly string[]
}

export const COMPRESSION = 'context-compression'
const HEALING = 'response-healing'
const MIDDLE_OUT = 'middle-out'

const NONE: OwnPlugins = { compresses: undefined, healsJson: false, able: [COMPRESSION] }
const NONE_OF_JSON: OwnPlugins = { ...NONE, able: [COMPRESSION, HEALING] }

/** Never throws: whether the fields are well-formed is seen where the routing wishes are read. */
export function ownPlugins({ value, fields }: JsonBody): OwnPlugins {
  const usual = isForJson(value) ? NONE_OF_JSON : NONE
  if (!fields.has('plugins') && !fields.has('transforms')) return usual
  const { transforms } = value
  const byTransforms = Array.isArray(transforms) ? transforms.includes(MIDDLE_OUT) : undefined
  return {
    compresses: isOn(value['plugins'], COMPRESSION) ?? byTransforms,
    healsJson: usual.able.includes(HEALING) && isOn(value['plugins'], HEALING) === true,
    able: usual.able,
  }
}

/** Only an answer that comes whole, and is to be JSON, can be mended. */
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
