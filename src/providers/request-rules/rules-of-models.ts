import { rulesOfModel, type RequestRules } from './request-rules.ts'

const NONE: ReadonlySet<string> = new Set()

/** The rules of one provider, by model. The models come from the catalogue, so that few are remembered. */
export interface RulesByModel {
  /** `undefined` for a provider without rules. */
  readonly of: (modelId: string) => RequestRules | undefined
  /** The fields that are left out. */
  readonly refusedFields: (modelId: string) => ReadonlySet<string>
}

/** @param dropped further fields that the provider refuses. */
export function createRulesByModel(
  rules: RequestRules | undefined,
  dropped: readonly string[] = [],
): RulesByModel {
  const byModel = new Map<string, RequestRules>()
  const of = (modelId: string): RequestRules | undefined => {
    if (rules === undefined) return undefined
    const known = byModel.get(modelId)
    if (known !== undefined) return known
    const own = rulesOfModel(rules, modelId)
    byModel.set(modelId, own)
    return own
  }
  return {
    of,
    refusedFields(modelId) {
      const own = of(modelId)
      if (own === undefined && dropped.length === 0) return NONE
      const takesNoReasoning = own?.efforts?.length === 0 && own.reasoningSwitch === undefined
      return new Set([
        ...dropped,
        ...(own?.refusedFields ?? []),
        ...(takesNoReasoning ? ['reasoning', 'reasoning_effort', 'include_reasoning'] : []),
      ])
    },
  }
}
