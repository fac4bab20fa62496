import { z } from 'zod'
import type { Catalog, Model, ModelKind } from '../catalog.ts'

/** After the endpoints of the models file and of OpenRouter's list. */
const PRIORITY = 60

const form = z.looseObject({
  id: z.string().min(1).max(256),
  active: z.boolean().nullish(),
  context_window: z.number().nullish(),
  context_length: z.number().nullish(),
  max_completion_tokens: z.number().nullish(),
})

/**
 * The models that a provider lists under `/models` and the catalogue lacks, as `provider/model`. Their price is unknown, so
 * they are unpriced.
 */
export function discoveredModels(provider: string, list: unknown, catalog: Catalog): readonly Model[] {
  const rows = (list as { data?: unknown } | null)?.data
  if (!Array.isArray(rows)) return []
  return rows.flatMap((row: unknown) => {
    const parsed = form.safeParse(row)
    if (!parsed.success || parsed.data.active === false) return []
    const model = toModel(provider, parsed.data)
    return catalog.endpoints.has(model.id) || catalog.models.has(model.id) ? [] : [model]
  })
}

function toModel(provider: string, row: z.infer<typeof form>): Model {
  const id = `${provider}/${row.id}`
  const limits = {
    contextWindow: positive(row.context_window ?? row.context_length),
    maxOutputTokens: positive(row.max_completion_tokens),
  }
  return Object.freeze({
    id,
    displayName: row.id,
    kind: kindOf(row.id),
    tier: 'listed',
    capabilities: [],
    ...limits,
    endpoints: [
      { id, provider, modelId: row.id, model: id, priority: PRIORITY, price: undefined, ...limits },
    ],
    isDiscovered: true,
  })
}

/** How many models a provider's own list has; `undefined` when it is no list. */
export function listedModelCount(list: unknown): number | undefined {
  const rows = (list as { data?: unknown } | null)?.data
  return Array.isArray(rows) ? rows.filter((row: unknown) => form.safeParse(row).success).length : undefined
}

/** These lists don't state what a model is for, so its name decides. */
const NAMES: readonly (readonly [RegExp, ModelKind])[] = [
  [/embed/i, 'embedding'],
  [/whisper|transcribe/i, 'transcription'],
  [/tts|playai|orpheus/i, 'speech'],
  [/rerank/i, 'rerank'],
  [/moderation/i, 'moderation'],
  [/^(gpt-image|chatgpt-image|dall-e)/i, 'image'],
]

function kindOf(id: string): ModelKind {
  return NAMES.find(([name]) => name.test(id))?.[1] ?? 'chat'
}

function positive(value: number | null | undefined): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}
