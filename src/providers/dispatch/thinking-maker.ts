import { lastSealIn, openThinking } from '../../dialects/sealed-thinking.ts'
import type { KeySetting } from '../keys/key-pool.ts'
import type { ProviderDefinition, ProviderRequest } from '../provider.ts'

interface Keys {
  readonly definition: Pick<ProviderDefinition, 'id'>
  readonly keys: readonly Pick<KeySetting, 'key'>[]
}

/** The index of the key that made the latest opaque thinking of a request; `undefined` when none of these did. */
export function makerOf(
  { body, modelId }: Pick<ProviderRequest, 'body' | 'modelId'>,
  keys: Keys,
): number | undefined {
  const sealed = lastSealIn(body.text)
  return sealed === undefined ? undefined : keyThatMade(sealed, modelId, keys)
}

/** The index of the key that sealed this for a model. */
export function keyThatMade(sealed: string, modelId: string, { definition, keys }: Keys): number | undefined {
  const provider = definition.id
  const index = keys.findIndex(
    ({ key }) => openThinking(sealed, { key: key?.reveal() ?? '', provider, modelId }) !== undefined,
  )
  return index < 0 ? undefined : index
}
