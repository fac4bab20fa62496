import { openThinking, sealThinking, type ThinkingMaker } from '../../dialects/sealed-thinking.ts'
import type { ProviderRequest } from '../provider.ts'
import type { EncodeFacts } from './protocol.ts'

/** Opens what the key of this request made for its model; `undefined` for anything else, and where thoughts are left out. */
export function opener(request: ProviderRequest, facts: EncodeFacts): (sealed: string) => string | undefined {
  const maker = makerOf(request, facts)
  return (sealed) => (request.withoutThinking === true ? undefined : openThinking(sealed, maker))
}

/** Seals what the model made for the key of this request. */
export function sealer(request: ProviderRequest, facts: EncodeFacts): (blob: string) => string {
  const maker = makerOf(request, facts)
  return (blob) => sealThinking(blob, maker)
}

function makerOf({ modelId }: ProviderRequest, { definition, key }: EncodeFacts): ThinkingMaker {
  return { key: key?.reveal() ?? '', provider: definition.id, modelId }
}
