import { BrokerError } from '../../../base/errors.ts'
import { parseBounded } from '../../../base/parse-json.ts'
import { jsonBodyOf, type JsonBody } from '../../json/json-body.ts'

/** A field of a form. Clients repeat a name, with or without `[]`, for each item of a list. */
export type FormField = readonly [name: string, value: string]

/** Fields that steer the broker, in the form's own way: JSON where they are no text. */
export const ROUTING_FIELDS = ['model', 'models', 'provider', 'route']

/** The fields of a form that routing reads. Throws `bad-request` naming the field. */
export function routingBodyOf(fields: readonly FormField[]): JsonBody {
  const found = fields.flatMap(([name, value]): [string, unknown][] => {
    if (!ROUTING_FIELDS.includes(name)) return []
    return [[name, name === 'model' || name === 'route' ? value : jsonOf(name, value)]]
  })
  const listed = fields.flatMap(([name, value]) => (name === 'models[]' ? [value] : []))
  const models = listed.length === 0 ? {} : { models: listed }
  return jsonBodyOf(JSON.stringify({ ...Object.fromEntries(found), ...models }))
}

function jsonOf(name: string, value: string): unknown {
  try {
    return parseBounded(value)
  } catch {
    throw new BrokerError('bad-request', `the field “${name}” should be JSON`)
  }
}
