import { money } from '../../base/money.ts'
import type { Usage, UsageTotals } from '../types.ts'

/** The usage of two attempts or responses together. A count that only one of them has is taken over as it is. */
export function addUsage(a: Usage, b: Usage): Usage {
  return {
    prompt: a.prompt + b.prompt,
    completion: a.completion + b.completion,
    cachedPrompt: a.cachedPrompt + b.cachedPrompt,
    cacheWrite: a.cacheWrite + b.cacheWrite,
    cacheWrite1h: addCounts(a.cacheWrite1h, b.cacheWrite1h),
    reasoning: a.reasoning + b.reasoning,
    audioPrompt: a.audioPrompt + b.audioPrompt,
    audioCompletion: a.audioCompletion + b.audioCompletion,
    characters: addCounts(a.characters, b.characters),
    soundMs: addCounts(a.soundMs, b.soundMs),
    imagePrompt: addCounts(a.imagePrompt, b.imagePrompt),
    images: addCounts(a.images, b.images),
    searchUnits: addCounts(a.searchUnits, b.searchUnits),
    madeImages: addCounts(a.madeImages, b.madeImages),
    imageClass: a.imageClass ?? b.imageClass,
  }
}

function addCounts(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : a + b
}

/** The totals of two sets of entries together, without any names that they were split by. */
export function addUsageTotals(a: UsageTotals, b: UsageTotals): UsageTotals {
  return {
    requests: a.requests + b.requests,
    promptTokens: a.promptTokens + b.promptTokens,
    completionTokens: a.completionTokens + b.completionTokens,
    totalTokens: a.totalTokens + b.totalTokens,
    cachedTokens: a.cachedTokens + b.cachedTokens,
    reasoningTokens: a.reasoningTokens + b.reasoningTokens,
    cost: money(a.cost + b.cost),
    uncertain: money(a.uncertain + b.uncertain),
    unpriced: a.unpriced + b.unpriced,
    firstSeen: Math.min(a.firstSeen ?? Infinity, b.firstSeen ?? Infinity),
    lastSeen: Math.max(a.lastSeen ?? 0, b.lastSeen ?? 0),
  }
}
