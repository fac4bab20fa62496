import type { Figures } from '../report/figures.ts'
import { PLAIN_ID, STREAM_ID, type Scenario } from './scenarios.ts'

/** Maximum CPU, as a multiple of nginx in the same run. */
export interface GateLimits {
  readonly request: number
  readonly chunk: number
}

export interface Verdict {
  readonly passed: boolean
  readonly lines: readonly string[]
}

/** Compares the subject's CPU with the limits. A subject that was not measured fails. */
export function judge(
  results: readonly { readonly scenario: Scenario; readonly figures: readonly Figures[] }[],
  subject: string,
  limits: GateLimits,
): Verdict {
  const verdicts = [PLAIN_ID, STREAM_ID].map((id) => {
    const result = results.find(({ scenario }) => scenario.id === id)
    const times = result?.figures.find(({ contender }) => contender === subject)?.times?.median
    const per = result?.scenario.per ?? 'request'
    const limit = limits[per]
    const passed = times !== undefined && times <= limit
    const measured = times === undefined ? 'was not measured' : `${times.toFixed(1)}× nginx`
    return {
      passed,
      line: `gate ${passed ? 'passed' : 'FAILED'}: ${subject}, CPU per ${per}: ${measured}, at most ${limit}×`,
    }
  })
  return { passed: verdicts.every(({ passed }) => passed), lines: verdicts.map(({ line }) => line) }
}
