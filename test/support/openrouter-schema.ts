import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'

const GOLDEN = join(import.meta.dirname, '..', 'golden', 'openrouter-schemas.json')
const { routes, $defs } = JSON.parse(readFileSync(GOLDEN, 'utf8')) as {
  readonly routes: Readonly<Record<string, object>>
  readonly $defs: object
}
const ajv = new Ajv2020({ strict: false, allErrors: true })

/** Errors of a response against the schema in OpenRouter's own document; empty when valid. `name` is a key of the golden file’s `routes`. */
export function schemaErrorsOf(name: string, value: unknown): string[] {
  const schema = routes[name]
  if (schema === undefined) throw new Error(`the golden file has no route “${name}”`)
  const validate = ajv.getSchema(name) ?? ajv.compile({ ...schema, $defs, $id: name })
  return validate(value) === true
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`)
}

/** The JSON events of a stream's text, without `[DONE]` and comments. */
export function eventsOf(text: string): Readonly<Record<string, unknown>>[] {
  return text
    .split('\n\n')
    .filter((event) => event.startsWith('data: {'))
    .map((event) => JSON.parse(event.slice(6)) as Record<string, unknown>)
}
