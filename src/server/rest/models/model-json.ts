import type { Endpoint, Model } from '../../../catalog/catalog.ts'
import { pricingOf } from './pricing-json.ts'

/** One model as OpenRouter's `/models` shows it; OpenAI's clients find their fields too. */
export function modelRow(
  model: Model,
  endpoint: Endpoint,
  supportedParameters: readonly string[],
): Record<string, unknown> {
  const slug = slugOf(model)
  const row: Readonly<Record<string, unknown>> = model.listing?.row ?? {}
  return {
    id: model.id,
    object: 'model',
    owned_by: endpoint.provider,
    canonical_slug: textOf(row['canonical_slug']) ?? slug,
    hugging_face_id: row['hugging_face_id'] ?? null,
    name: model.displayName,
    created: model.listing?.created ?? 0,
    description: model.listing?.description ?? '',
    context_length: model.contextWindow ?? null,
    architecture: architectureOf(model),
    pricing: pricingOf(endpoint.price),
    top_provider: {
      context_length: endpoint.contextWindow ?? null,
      max_completion_tokens: endpoint.maxOutputTokens ?? null,
      is_moderated: isModerated(row['top_provider']),
    },
    per_request_limits: null,
    supported_parameters: supportedParameters,
    default_parameters: row['default_parameters'] ?? null,
    supported_voices: row['supported_voices'] ?? null,
    knowledge_cutoff: row['knowledge_cutoff'] ?? null,
    expiration_date: row['expiration_date'] ?? null,
    ...reasoningOf(model),
    links: { details: `/api/v1/models/${slug}/endpoints` },
  }
}

/** OpenRouter's name of the model: from its catalogue, else from our endpoint at OpenRouter, else our own name. */
export function slugOf(model: Model): string {
  const there = model.endpoints.find(({ provider }) => provider === 'openrouter')
  return model.listing?.slug ?? there?.modelId ?? model.id
}

/** OpenRouter's `architecture` object. */
export function architectureOf(model: Model): Record<string, unknown> {
  const [inputs, outputs] = [inputsOf(model), outputsOf(model)]
  const listed = model.listing?.row['architecture'] as Record<string, unknown> | undefined
  return {
    modality: `${inputs.join('+')}->${outputs.join('+')}`,
    input_modalities: inputs,
    output_modalities: outputs,
    tokenizer: textOf(listed?.['tokenizer']) ?? 'Other',
    instruct_type: listed?.['instruct_type'] ?? null,
  }
}

/** From the capabilities of the models file to OpenRouter's modalities. */
const INPUTS: Readonly<Record<string, string>> = {
  vision: 'image',
  image: 'image',
  image_input: 'image',
  audio_input: 'audio',
  file: 'file',
  pdf: 'file',
  video: 'video',
  video_input: 'video',
}
const OUTPUTS: Readonly<Record<string, string>> = { image_output: 'image', audio_output: 'audio' }

/** The input modalities of a model, in OpenRouter's terms. */
export function inputsOf({ kind, capabilities, listing }: Model): readonly string[] {
  if (listing !== undefined) return listing.inputs
  if (kind === 'transcription') return ['audio']
  return ['text', ...new Set(capabilities.flatMap((word) => INPUTS[word] ?? []))]
}

/** The output modalities of a model, in OpenRouter's terms. */
export function outputsOf({ kind, capabilities, listing }: Model): readonly string[] {
  if (listing !== undefined) return listing.outputs
  if (kind === 'embedding') return ['embeddings']
  if (kind !== 'chat') return [kind]
  return ['text', ...new Set(capabilities.flatMap((word) => OUTPUTS[word] ?? []))]
}

function reasoningOf({ capabilities, listing }: Model): object {
  const listed = listing?.row['reasoning']
  if (typeof listed === 'object' && listed !== null) return { reasoning: listed }
  return capabilities.includes('reasoning') ? { reasoning: { mandatory: false } } : {}
}

function isModerated(topProvider: unknown): boolean {
  return (topProvider as { is_moderated?: unknown } | null | undefined)?.is_moderated === true
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}
