import { usdNumber, type Money } from '../../base/money.ts'
import { boundsJson } from '../response/cost-json.ts'
import type { ResponseShape } from '../response/response-shape.ts'
import type { ResponseSink } from '../response/response-sink.ts'
import type { ToolBudget } from './tool-budget.ts'
import type { RequestedCall, ToolRound } from './tool-round.ts'
import { cut, type ResultImage } from './tool-result.ts'
import { usageJson } from '../response/usage-json.ts'

/** Characters of a result that the caller is shown; the model sees more. */
const MAX_RESULT_SHOWN = 2000

/** A call that the broker ran, as the caller sees it in `x_aibroker`. */
export interface ReportedCall {
  readonly id: string
  readonly name: string
  /** Absent for the search over tools, which is the broker's own. */
  readonly server: string | undefined
  readonly arguments: string
  readonly status: 'running' | 'finished' | 'failed'
  readonly result?: string | undefined
  readonly ms?: number | undefined
  /** US dollars; absent when the cost is unknown. */
  readonly cost?: number | undefined
  readonly unpriced?: true | undefined
}

/** How a call ended. */
export interface CallOutcome {
  readonly failed: boolean
  readonly result: string
  /** For a model that sees; the text only names them. */
  readonly images?: readonly ResultImage[] | undefined
  readonly ms: number
  /** `undefined` when the cost is unknown. */
  readonly cost: Money | undefined
}

/** Reports the running tool calls to the caller, and at the end writes all rounds as one response. */
export class ToolResponseWriter {
  readonly #sink: ResponseSink
  readonly #streamed: boolean
  readonly #shape: ResponseShape
  readonly #calls: ReportedCall[] = []

  constructor(sink: ResponseSink, streamed: boolean, shape: ResponseShape) {
    this.#sink = sink
    this.#streamed = streamed
    this.#shape = shape
  }

  /** Reports that a call begins; the returned function reports how it ended. */
  startCall(
    call: RequestedCall,
    server: string | undefined,
    round: ToolRound,
  ): (outcome: CallOutcome) => void {
    const shown: ReportedCall = { ...call, server, status: 'running' }
    this.#report(shown, round)
    return ({ failed, result, ms, cost }) => {
      const ended: ReportedCall = {
        ...shown,
        status: failed ? 'failed' : 'finished',
        result: cut(result, MAX_RESULT_SHOWN),
        ms: Math.round(ms),
        ...(cost === undefined ? { unpriced: true } : { cost: usdNumber(cost) }),
      }
      this.#calls.push(ended)
      this.#report(ended, round)
    }
  }

  #report(call: ReportedCall, { head }: ToolRound): void {
    if (!this.#streamed || this.#sink.disconnected) return
    const choices = [{ ...SILENT, ...NOT_FINISHED }]
    // Not in `delta.tool_calls`: a client would take it for a call that it has to run itself.
    const x_aibroker = { tool_call: call }
    this.#sink.chunk(JSON.stringify({ ...head, id: this.#sink.id, choices, x_aibroker }))
  }

  /**
   * Writes the last round's response, with the usage and the cost of all rounds and calls. `own` are calls of the caller's
   * own tools, which the caller has to run.
   */
  finish(round: ToolRound, own: readonly RequestedCall[], rounds: number, budget: ToolBudget): void {
    const sums = {
      group: this.#sink.id,
      rounds,
      tool_calls: this.#calls,
      ...(budget.cost === undefined
        ? { ...UNPRICED, known_cost: usdNumber(budget.knownCost) }
        : costField(budget.cost)),
      // Those of the last round alone would be too low.
      ...NO_BOUNDS,
      ...boundsJson({ cost: budget.cost, ...budget.bounds }),
      // Applies to all rounds and overrides the `x_aibroker` object of the last one.
      estimated: budget.rounds.countSource === 'reported' ? undefined : true,
    }
    if (round.response === undefined) this.#finishStream(round, own, budget, sums)
    else this.#finishResponse(round, round.response, own, budget, sums)
    this.#sink.end()
  }

  #finishStream(round: ToolRound, own: readonly RequestedCall[], budget: ToolBudget, sums: object): void {
    const head = { ...round.head, id: this.#sink.id }
    const finishReasons = roundFinishReasons(round, own)
    const delta = this.#shape.delta('', true)
    const calls = own.length === 0 ? {} : { tool_calls: wireCalls(own) }
    this.#sink.chunk(
      JSON.stringify({ ...head, choices: [{ index: 0, delta: { ...delta, ...calls }, ...finishReasons }] }),
    )
    const choices = this.#shape.usageChoices(SILENT)
    this.#sink.chunk(JSON.stringify({ ...head, choices, ...usageField(round, budget), x_aibroker: sums }))
  }

  #finishResponse(
    round: ToolRound,
    response: Readonly<Record<string, unknown>>,
    own: readonly RequestedCall[],
    budget: ToolBudget,
    sums: object,
  ): void {
    const [choice] = response['choices'] as readonly { readonly message?: object }[]
    const { tool_calls: _calls, ...text } = (choice?.message ?? {}) as Record<string, unknown>
    const message = own.length === 0 ? text : { ...text, tool_calls: wireCalls(own) }
    const envelope = response['x_aibroker'] as object | undefined
    this.#sink.respond(
      JSON.stringify({
        ...response,
        id: this.#sink.id,
        choices: [{ ...choice, ...roundFinishReasons(round, own), message }],
        ...usageField(round, budget),
        x_aibroker: { ...envelope, ...sums },
      }),
    )
  }
}

/** Removes the cost from the `x_aibroker` object of the last round, which is not the cost of all rounds. */
const NO_BOUNDS = { cost_low: undefined, cost_high: undefined }
const UNPRICED = { cost: undefined, unpriced: true }
const SILENT = { index: 0, delta: { role: 'assistant', content: '' } }
const NOT_FINISHED = { finish_reason: null, native_finish_reason: null }

/** `length` when the model asked for further calls of the broker's tools after its last round: the response was cut short. */
function roundFinishReasons({ finishReasons }: ToolRound, own: readonly RequestedCall[]): object {
  return finishReasons['finish_reason'] === 'tool_calls' && own.length === 0
    ? { ...finishReasons, finish_reason: 'length' }
    : finishReasons
}

function wireCalls(calls: readonly RequestedCall[]): readonly object[] {
  return calls.map(({ id, name, arguments: text }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: text },
  }))
}

function usageField({ usage: reported }: ToolRound, budget: ToolBudget): object {
  const { usage } = budget.rounds
  if (usage === undefined) return {}
  return { usage: { ...usageJson(usage, undefined, reported), ...costField(budget.cost) } }
}

function costField(cost: Money | undefined): object {
  return cost === undefined ? {} : { cost: usdNumber(cost) }
}
