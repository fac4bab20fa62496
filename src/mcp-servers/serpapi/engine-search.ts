import { z } from 'zod'
import { maxChars, query, usageShape } from '../shared/schemas.ts'
import { showUsage } from '../shared/format.ts'
import { capJson } from '../shared/text.ts'
import { tool } from '../shared/tool.ts'
import { ENGINES, queryKeyOf } from './engines.ts'
import type { SerpapiReply, SerpapiClient } from './client.ts'

/** Set by this server alone: the key, the response format, and whether to wait. */
const RESERVED_PARAMS = ['api_key', 'output', 'async', 'engine', 'zero_trace']
/** Left out in compact mode: echoes of the request and links, not results. */
const OMITTED_WHEN_COMPACT = new Set([
  'search_metadata',
  'search_parameters',
  'search_information',
  'pagination',
  'serpapi_pagination',
])

const engineName = z
  .string()
  .regex(/^[a-z][a-z0-9_]{1,40}$/, 'an engine name such as youtube')
  .describe('Engine name; list_engines has the common ones.')

const foundShape = z.object({
  provider: z.string(),
  searchId: z.string().optional().describe('For get_search, about a month.'),
  result: z.looseObject({}).describe("The engine's answer in SerpAPI's words."),
  usage: usageShape,
  truncated: z.boolean(),
})

const mode = z.enum(['compact', 'full']).default('compact').describe('compact leaves out echoes and links.')

export const engineSearch = (client: SerpapiClient) =>
  tool({
    name: 'engine_search',
    title: 'Search on any engine',
    description:
      "Searches any of SerpAPI's engines (videos, products, papers, places, news, …) and returns its answer as JSON. Look into list_engines for names and fields. For ordinary pages use web_search.",
    input: z.strictObject({
      engine: engineName,
      query: query.optional().describe("Goes into the engine's own field for the query."),
      params: z
        .record(
          z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,40}$/),
          z.union([z.string().max(2048), z.number(), z.boolean()]),
        )
        .default({})
        .refine((params) => RESERVED_PARAMS.every((name) => !(name in params)), {
          message: `these are set by the server: ${RESERVED_PARAMS.join(', ')}`,
        })
        .describe("The engine's other fields, for example { gl: 'us' }."),
      mode,
      max_chars: maxChars,
    }),
    output: foundShape,
    async run({ engine, query, params, mode, max_chars }, signal) {
      const queryField = query === undefined ? {} : { [queryKeyOf(engine)]: query }
      return present(await client.search({ ...params, ...queryField, engine }, signal), mode, max_chars)
    },
  })

export const getSearch = (client: SerpapiClient) =>
  tool({
    name: 'get_search',
    title: 'Fetch an earlier search',
    description:
      'Fetches the results of an earlier SerpAPI search by its id, free of charge, for about a month.',
    input: z.strictObject({
      search_id: z
        .string()
        .regex(/^[A-Za-z0-9_-]{6,64}$/, 'an id of SerpAPI')
        .describe('searchId of that search.'),
      mode,
      max_chars: maxChars,
    }),
    output: foundShape,
    async run({ search_id, mode, max_chars }, signal) {
      return present(await client.archived(search_id, signal), mode, max_chars)
    },
  })

function present({ reply, usage }: SerpapiReply, mode: 'compact' | 'full', maxChars: number) {
  const kept = Object.entries(reply).filter(([name]) => mode === 'full' || !OMITTED_WHEN_COMPACT.has(name))
  const capped = capJson(Object.fromEntries(kept), maxChars)
  const result = capped.value as Record<string, unknown>
  const data = { provider: 'serpapi', searchId: idIn(reply), result, usage, truncated: capped.truncated }
  const note = capped.truncated ? '\n[cut: raise max_chars for more]' : ''
  return { data, text: `${JSON.stringify(result, null, 1)}${note}\n\n${showUsage(usage)}` }
}

function idIn(reply: SerpapiReply['reply']): string | undefined {
  const metadata = z.looseObject({ id: z.string() }).safeParse(reply['search_metadata'])
  return metadata.success ? metadata.data.id : undefined
}

export const listEngines = () =>
  tool({
    name: 'list_engines',
    title: 'List search engines',
    description:
      'Lists the common engines of SerpAPI, what each is for and its fields. Free, answers at once.',
    input: z.strictObject({
      filter: z.string().max(60).optional().describe("Only engines with this word, e.g. 'video'."),
    }),
    output: z.object({
      engines: z.array(
        z.object({ name: z.string(), queryKey: z.string(), purpose: z.string(), fields: z.string() }),
      ),
    }),
    annotations: { idempotentHint: true, openWorldHint: false },
    async run({ filter }) {
      const word = (filter ?? '').toLowerCase()
      const engines = ENGINES.filter(({ name, purpose }) => `${name} ${purpose}`.toLowerCase().includes(word))
      const lines = engines.map(
        ({ name, purpose, fields }) => `${name}: ${purpose}${fields === '' ? '' : ` (${fields})`}`,
      )
      return {
        data: { engines },
        text: lines.length === 0 ? 'No common engine matches; others may exist.' : lines.join('\n'),
      }
    },
  })
