import { dollarsNumber, type Money } from '../../base/money.ts'
import type { AnswerSink } from '../response/response-sink.ts'
import type { ToolPurse } from './tool-budget.ts'
import type { AskedCall, ToolRound } from './tool-round.ts'
import { cut } from './tool-result.ts'
import { wireUsageOf } from '../response/usage-json.ts'

/** Characters of a result that the caller is shown; the model sees more. */
const RESULT_SHOWN = 2000

/** A call that the broker ran, as the caller sees it in `x_aibroker`. */
export interface ShownCall {
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
export interface CallEnding {
  readonly failed: boolean
  readonly result: string
  readonly ms: number
  /** `undefined` when the cost is unknown. */
  readonly cost: Money | undefined
}

/** Reports the running tool calls to the caller, and at the end writes all rounds as one response. */
export class ToolTeller {
  readonly #sink: AnswerSink
  readonly #streamed: boolean
  readonly #calls: ShownCall[] = []

  constructor(sink: AnswerSink, streamed: boolean) {
    this.#sink = sink
    this.#streamed = streamed
  }

  /** Reports that a call begins; the returned function reports how it ended. */
  begin(call: AskedCall, server: string | undefined, round: ToolRound): (outcome: CallEnding) => void {
    const shown: ShownCall = { ...call, server, status: 'running' }
    this.#show(shown, round)
    return ({ failed, result, ms, cost }) => {
      const ended: ShownCall = {
        ...shown,
        status: failed ? 'failed' : 'finished',
        result: cut(result, RESULT_SHOWN),
        ms: Math.round(ms),
        ...(cost === undefined ? { unpriced: true } : { cost: dollarsNumber(cost) }),
      }
      this.#calls.push(ended)
      this.#show(ended, round)
    }
  }

  #show(call: ShownCall, { head }: ToolRound): void {
    if (!this.#streamed || this.#sink.isGone) return
    const choices = [{ index: 0, delta: { role: 'assistant', content: '' }, ...OPEN }]
    // Not in `delta.tool_calls`: a client would take it for a call that it has to run itself.
    const x_aibroker = { tool_call: call }
    this.#sink.chunk(JSON.stringify({ ...head, id: this.#sink.id, choices, x_aibroker }))
  }

  /**
   * Writes the last round's response, with the usage and the cost of all rounds and calls. `own` are calls of the caller's
   * own tools, which the caller has to run.
   */
  finish(round: ToolRound, own: readonly AskedCall[], rounds: number, purse: ToolPurse): void {
    const sums = {
      group: this.#sink.id,
      rounds,
      tool_calls: this.#calls,
      ...(purse.cost === undefined ? UNPRICED : costField(purse.cost)),
      // Applies to all rounds and overrides the `x_aibroker` object of the last one.
      estimated: purse.rounds.countSource === 'reported' ? undefined : true,
    }
    if (round.answered === undefined) this.#finishStream(round, own, purse, sums)
    else this.#finishAnswer(round, round.answered, own, purse, sums)
    this.#sink.end()
  }

  #finishStream(round: ToolRound, own: readonly AskedCall[], purse: ToolPurse, sums: object): void {
    const head = { ...round.head, id: this.#sink.id }
    const ending = endingOf(round, own)
    const delta = { role: 'assistant', content: '' }
    const calls = own.length === 0 ? {} : { tool_calls: wireCalls(own) }
    this.#sink.chunk(
      JSON.stringify({ ...head, choices: [{ index: 0, delta: { ...delta, ...calls }, ...ending }] }),
    )
    const choices = [{ index: 0, delta, ...ending }]
    this.#sink.chunk(JSON.stringify({ ...head, choices, ...usageField(round, purse), x_aibroker: sums }))
  }

  #finishAnswer(
    round: ToolRound,
    answered: Readonly<Record<string, unknown>>,
    own: readonly AskedCall[],
    purse: ToolPurse,
    sums: object,
  ): void {
    const [choice] = answered['choices'] as readonly { readonly message?: object }[]
    const { tool_calls: _calls, ...text } = (choice?.message ?? {}) as Record<string, unknown>
    const message = own.length === 0 ? text : { ...text, tool_calls: wireCalls(own) }
    const envelope = answered['x_aibroker'] as object | undefined
    this.#sink.answer(
      JSON.stringify({
        ...answered,
        id: this.#sink.id,
        choices: [{ ...choice, ...endingOf(round, own), message }],
        ...usageField(round, purse),
        x_aibroker: { ...envelope, ...sums },
      }),
    )
  }
}

/** Removes the cost from the `x_aibroker` object of the last round, which is not the cost of all rounds. */
const UNPRICED = { cost: undefined, unpriced: true }
const OPEN = { finish_reason: null, native_finish_reason: null }

/** `length` when the model asked for further calls of the broker's tools after its last round: the response was cut short. */
function endingOf({ ending }: ToolRound, own: readonly AskedCall[]): object {
  return ending['finish_reason'] === 'tool_calls' && own.length === 0
    ? { ...ending, finish_reason: 'length' }
    : ending
}

function wireCalls(calls: readonly AskedCall[]): readonly object[] {
  return calls.map(({ id, name, arguments: text }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: text },
  }))
}

function usageField({ usage: said }: ToolRound, purse: ToolPurse): object {
  const { usage } = purse.rounds
  if (usage === undefined) return {}
  return { usage: { ...wireUsageOf(usage, undefined, said), ...costField(purse.cost) } }
}

function costField(cost: Money | undefined): object {
  return cost === undefined ? {} : { cost: dollarsNumber(cost) }
}
