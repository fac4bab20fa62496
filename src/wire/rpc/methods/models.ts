import { z } from 'zod'
import { MODEL_KINDS } from '../../../base/model-kinds.ts'

import type { Method } from '../method.ts'
import { count, usd } from '../units.ts'

const rates = {
  input_usd_per_million: usd.optional().describe('Absent when unknown; `"0"` is free.'),
  output_usd_per_million: usd.optional(),
  cached_input_usd_per_million: usd.optional().describe('Prompt tokens read from the provider’s cache.'),
  cache_write_usd_per_million: usd.optional().describe('Prompt tokens written to the provider’s cache.'),
  reasoning_usd_per_million: usd.optional(),
  audio_input_usd_per_million: usd.optional(),
  audio_output_usd_per_million: usd.optional(),
  image_usd_per_million: usd.optional().describe('Image tokens of the prompt.'),
}

const priceTier = z
  .object({
    above_input_tokens: count.describe(
      'These rates apply to the complete request when its prompt is longer.',
    ),
    ...rates,
  })
  .meta({ id: 'PriceTier' })

const endpoint = z
  .object({
    id: z.string().describe('`provider/model_id`'),
    provider: z.string(),
    model_id: z.string().describe('The provider’s own name for the model.'),
    priority: z.int().describe('The lowest is tried first.'),
    available: z.boolean().describe('Whether its provider is configured here.'),
    context_window: count.optional(),
    max_output_tokens: count.optional(),
    ...rates,
    request_usd: usd.optional().describe('A flat fee per request.'),
    image_usd: usd.optional().describe('For each image of the prompt, in addition to its tokens.'),
    characters_usd_per_million: usd.optional().describe('Text to speech.'),
    hours_usd_per_million: usd.optional().describe('Speech to text, per million hours of audio.'),
    tiers: z.array(priceTier).optional(),
    price_source: z.string().optional(),
    price_date: z.string().optional().describe('YYYY-MM-DD, the day the price was read at its source.'),
    price_note: z.string().optional().describe('A remark of the models file about the price.'),
  })
  .meta({ id: 'Endpoint', description: 'One model as one provider offers it.' })

/** Far longer than any name. */
const MAX_SEARCH_LENGTH = 1000

const modelKind = z.enum(MODEL_KINDS)

const model = z
  .object({
    id: z.string().describe('The name to request.'),
    display_name: z.string(),
    kind: modelKind,
    tier: z.string().describe('`premium`, `standard`, `economy`, `free` … in the models file’s own words.'),
    capabilities: z.array(z.string()),
    context_window: count.optional().describe('Tokens of prompt and response together.'),
    max_output_tokens: count.optional(),
    available: z.boolean().describe('Whether the provider of at least one endpoint is configured here.'),
    endpoints: z.array(endpoint),
  })
  .meta({ id: 'Model' })

const EXAMPLE = {
  id: 'gpt-4o-mini',
  display_name: 'GPT-4o mini',
  kind: 'chat',
  tier: 'economy',
  capabilities: ['tool_calling', 'vision'],
  context_window: 128_000,
  max_output_tokens: 16_384,
  available: true,
  endpoints: [
    {
      id: 'openai/gpt-4o-mini',
      provider: 'openai',
      model_id: 'gpt-4o-mini',
      priority: 1,
      available: true,
      input_usd_per_million: '0.15',
      output_usd_per_million: '0.6',
      cached_input_usd_per_million: '0.075',
    },
  ],
}

export const modelsMethods = {
  'models.list': {
    summary: 'The models that callers may request, with their endpoints',
    params: z.strictObject({
      search: z
        .string()
        .max(MAX_SEARCH_LENGTH)
        .optional()
        .describe('Words that must all occur in the id or the display name.'),
      kind: modelKind.optional(),
      provider: z.string().optional().describe('Only models that this provider offers.'),
      capability: z
        .string()
        .optional()
        .describe('`vision`, `tool_calling`, `reasoning` … as `models.list` returns them.'),
      context_at_least: count.optional().describe('Tokens of prompt and response together.'),
      input_usd_at_most: usd
        .optional()
        .describe(
          'Only models with an endpoint whose input costs at most this per million tokens; an unknown price does not match.',
        ),
      available: z.boolean().optional().describe('Only models that can be used here now, or only others.'),
    }),
    result: z.array(model),
    errors: [],
    role: 'caller',
    example: {
      params: { search: 'gpt-4o mini', available: true },
      result: [EXAMPLE],
    },
  },
  'models.get': {
    summary: 'One model, by any name that a chat may request',
    params: z.strictObject({
      model: z
        .string()
        .min(1)
        .describe('Our name, OpenRouter’s `author/slug`, or an endpoint’s `provider/model_id`.'),
    }),
    result: model,
    errors: ['no-such-model'],
    role: 'caller',
    example: { params: { model: 'openai/gpt-4o-mini' }, result: EXAMPLE },
  },
  'models.refresh': {
    summary: 'Fetches the lists of models that providers publish, now instead of within the hour',
    params: z.strictObject({}),
    result: z.array(
      z.object({
        provider: z.string(),
        models: count.describe('Number of models in the list that is in use now.'),
        problem: z.string().optional().describe('Why the last good list stays in use.'),
      }),
    ),
    errors: [],
    role: 'admin',
    example: { params: {}, result: [{ provider: 'openrouter', models: 412 }] },
  },
} as const satisfies Record<string, Method>
