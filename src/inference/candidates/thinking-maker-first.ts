import type { Endpoint } from '../../catalog/catalog.ts'
import { lastSealIn } from '../../dialects/sealed-thinking.ts'
import type { InferenceServices } from '../services/services.ts'

/**
 * The candidates with the one first that made the latest opaque thinking of the conversation, as no other can read it. It
 * comes before those of the same model and the same priority alone, and only while it can take a request.
 */
export function thinkingMakerFirst(
  candidates: readonly Endpoint[],
  text: string,
  { providers }: Pick<InferenceServices, 'providers'>,
): readonly Endpoint[] {
  const sealed = candidates.length > 1 ? lastSealIn(text) : undefined
  if (sealed === undefined) return candidates
  const at = candidates.findIndex(
    ({ provider, modelId }) => providers().get(provider)?.hasMade?.(sealed, modelId) === true,
  )
  const maker = candidates[at]
  if (maker === undefined || providers().get(maker.provider)?.readiness(maker.modelId).state !== 'ready')
    return candidates
  const to = candidates.findIndex(
    ({ model, priority }) => model === maker.model && priority === maker.priority,
  )
  return to >= at ? candidates : candidates.toSpliced(at, 1).toSpliced(to, 0, maker)
}
