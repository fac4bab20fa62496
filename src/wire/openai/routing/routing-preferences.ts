import { z } from 'zod'
import { BrokerError } from '../../../base/errors.ts'
import { truncate } from '../../../base/text.ts'
import { fieldError } from '../field-error.ts'
import { isObject, type JsonBody } from '../../json/json-body.ts'
import { COMPRESSION } from './plugins.ts'
import { parsePreferences, type ProviderPreferences } from './provider-preferences.ts'

/** Which models and providers may serve a request, and what they must support. */
export interface RoutingPreferences {
  /** The first choice; `auto` when none was named. */
  readonly model: string
  /** Fallback models, tried in this order. */
  readonly otherModels: readonly string[]
  readonly preferences: ProviderPreferences
  readonly needs: Needs
}

/** What an endpoint must support to serve a request. */
export interface Needs {
  /** Fields of the request that not every provider supports, by OpenRouter's names of parameters. */
  readonly parameters: readonly string[]
  /** Input modalities beyond text: `image`, `audio`, `file`, `video`. */
  readonly inputs: readonly string[]
  /** Output modalities beyond text. */
  readonly outputs: readonly string[]
  /** The caller's limit of the response. */
  readonly maxTokens: number | undefined
  /** Requested features that only a router like OpenRouter has, named for people: `the plugin “web”`. */
  readonly routerOnly: readonly string[]
}

export const NO_NEEDS: Needs = {
  parameters: [],
  inputs: [],
  outputs: [],
  maxTokens: undefined,
  routerOnly: [],
}

/** OpenRouter's parameters, without those that every provider supports and those that we set ourselves. */
const PARAMETERS: ReadonlySet<string> = new Set([
  'temperature',
  'top_p',
  'top_k',
  'min_p',
  'top_a',
  'frequency_penalty',
  'presence_penalty',
  'repetition_penalty',
  'logit_bias',
  'logprobs',
  'top_logprobs',
  'seed',
  'stop',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'response_format',
  'prediction',
  'reasoning',
  'verbosity',
  'web_search_options',
])

/** Longer than the name of any model. */
const MAX_NAME_LENGTH = 512

const form = z.looseObject({
  model: z.string().min(1).max(MAX_NAME_LENGTH).nullish(),
  models: z.array(z.string().min(1).max(MAX_NAME_LENGTH)).max(32).nullish(),
  route: z.enum(['fallback', 'sort']).nullish(),
  plugins: z.array(z.looseObject({ id: z.string(), enabled: z.boolean().nullish() })).nullish(),
  transforms: z.array(z.string()).nullish(),
  modalities: z.array(z.string()).nullish(),
  tools: z.array(z.looseObject({ type: z.string().nullish() })).nullish(),
})

/**
 * Reads the routing fields of a body; `supported` names the plugins that the broker runs itself. Throws `bad-request` naming
 * the field.
 */
export function parseRoutingPreferences(
  { value, fields }: JsonBody,
  maxTokens: number | undefined,
  supported: readonly string[] = [],
): RoutingPreferences {
  const parameters = parametersOf(value, fields)
  const inputs = inputsOf(value['messages'])
  const only = onlyModelOf(value, fields)
  if (only !== undefined) {
    const needs = { parameters, inputs, outputs: NONE, maxTokens, routerOnly: NONE }
    return { model: only, otherModels: NONE, preferences: parsePreferences(value['provider']), needs }
  }
  const { model, models, route, plugins, transforms, modalities, tools } = readFields(value)
  const [first, ...others] = [...(model === null || model === undefined ? [] : [model]), ...(models ?? [])]
  const preferences = parsePreferences(value['provider'])
  return {
    model: first ?? 'auto',
    otherModels: others,
    preferences: route === 'sort' ? { ...preferences, sortsAcrossModels: true } : preferences,
    needs: {
      parameters,
      inputs,
      outputs: (modalities ?? []).filter((modality) => modality !== 'text'),
      maxTokens,
      routerOnly: [
        ...pluginsOf(plugins ?? [], supported),
        ...transformsOf(transforms ?? [], supported),
        ...serverToolsOf(tools ?? []),
        ...(typeof value['preset'] === 'string' ? ['“preset”'] : []),
      ],
    },
  }
}

const NONE: readonly string[] = []

/** The model of a request that has no routing fields but `model` and `provider`, as most; such a request needs no schema. */
function onlyModelOf(
  { model, tools }: Readonly<Record<string, unknown>>,
  fields: JsonBody['fields'],
): string | undefined {
  const isModel = typeof model === 'string' && model !== '' && model.length <= MAX_NAME_LENGTH
  const isAll = isModel && !FIELDS.some((name) => fields.has(name)) && areFunctions(tools)
  return isAll ? model : undefined
}

const FIELDS = ['models', 'route', 'plugins', 'transforms', 'modalities', 'preset']

function areFunctions(tools: unknown): boolean {
  return tools === undefined || (Array.isArray(tools) && tools.every(isFunction))
}

function isFunction(tool: unknown): boolean {
  return isObject(tool) && tool['type'] === 'function'
}

function readFields(value: Readonly<Record<string, unknown>>): z.infer<typeof form> {
  const parsed = form.safeParse(value)
  if (!parsed.success) throw fieldError(form, value)
  return parsed.data
}

function parametersOf(
  value: Readonly<Record<string, unknown>>,
  fields: JsonBody['fields'],
): readonly string[] {
  const found: string[] = []
  for (const name of fields.keys()) if (PARAMETERS.has(name) && isGiven(value[name])) found.push(name)
  return found
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && !(Array.isArray(value) && value.length === 0)
}

/** All plugins of OpenRouter. */
const PLUGINS = [
  'web',
  'web-fetch',
  'file-parser',
  'response-healing',
  'context-compression',
  'moderation',
  'auto-router',
  'auto-beta-router',
  'pareto-router',
  'fusion',
  'switchyard-router',
]

function pluginsOf(
  plugins: readonly { id: string; enabled?: boolean | null | undefined }[],
  supported: readonly string[],
): string[] {
  return plugins
    .filter(({ id, enabled }) => enabled !== false && !supported.includes(id))
    .map(({ id }) => {
      if (id === 'response-healing') return `the plugin “${id}” for anything but a plain answer in JSON`
      if (PLUGINS.includes(id)) return `the plugin “${id}”`
      throw new BrokerError(
        'bad-request',
        `there is no plugin “${truncate(id)}”; known are ${PLUGINS.join(', ')}`,
      )
    })
}

function transformsOf(transforms: readonly string[], supported: readonly string[]): string[] {
  return transforms.flatMap((name) => {
    if (name === 'middle-out') return supported.includes(COMPRESSION) ? [] : ['the transform “middle-out”']
    throw new BrokerError('bad-request', `there is no transform “${truncate(name)}”; known is middle-out`)
  })
}

function serverToolsOf(tools: readonly { type?: string | null | undefined }[]): string[] {
  return tools.flatMap(({ type }) =>
    typeof type === 'string' && (type.startsWith('openrouter:') || type.startsWith('web_search'))
      ? [`the tool “${truncate(type)}”`]
      : [],
  )
}

const PARTS: Readonly<Record<string, string>> = {
  image_url: 'image',
  input_audio: 'audio',
  file: 'file',
  video_url: 'video',
  input_video: 'video',
}

function inputsOf(messages: unknown): readonly string[] {
  let found: Set<string> | undefined
  if (!Array.isArray(messages)) return NONE
  for (const message of messages as readonly { content?: unknown }[]) {
    if (!Array.isArray(message?.content)) continue
    for (const part of message.content as readonly { type?: unknown }[]) {
      const input = PARTS[String(part?.type)]
      if (input !== undefined) (found ??= new Set()).add(input)
    }
  }
  return found === undefined ? NONE : [...found]
}
