// A chat whose tools the broker runs: the model calls tools, the broker runs them and sends the results, until the model is done.
import { asBrokerError, BrokerError } from '../base/errors.ts'
import { generationId } from '../base/ids.ts'
import { money, NOTHING, type Money } from '../base/money.ts'
import type { ChatLimits } from '../mcp/config/config.ts'
import type { ToolBroker } from '../mcp/mcp-gateway.ts'
import { DEFAULT_LIMITS } from '../providers/transport/timeouts.ts'
import { parseChatRequest, type ChatRequest } from '../wire/openai/chat.ts'
import { jsonBodyOf } from '../wire/json/json-body.ts'
import { spliceFields } from '../wire/json/splice-fields.ts'
import { partTools, type McpWish } from '../wire/openai/mcp-tools.ts'
import type { AnswerSink } from './response/response-sink.ts'
import { mayCost } from './execution/attempt-errors.ts'
import type { Asker } from './request/inference-request.ts'
import { prepareChat } from './chat-request.ts'
import { Execution } from './execution/execution.ts'
import type { Rooms } from './services/services.ts'
import { runCall } from './tools/run-tool-call.ts'
import { ToolPurse } from './tools/tool-budget.ts'
import { ToolRound, type AskedCall } from './tools/tool-round.ts'
import { ToolSet, wishedTools } from './tools/tool-selection.ts'
import { ToolTeller } from './tools/tool-response.ts'

/** What all rounds of one chat share. */
interface Loop {
  readonly request: ChatRequest
  readonly asker: Asker
  readonly sink: AnswerSink
  readonly rooms: Rooms
  readonly tools: ToolBroker
  readonly set: ToolSet
  /** The caller's own entries of `tools`, and the names of the functions among them. */
  readonly own: readonly unknown[]
  readonly ownNames: ReadonlySet<string>
  readonly limits: ChatLimits
  /** Monotonic milliseconds at which the whole must be done. */
  readonly deadlineAt: number
  readonly purse: ToolPurse
  readonly teller: ToolTeller
}

/**
 * Responds to a chat that may use the broker's tools. Every round is an `Execution` with a ledger entry of its own, every
 * tool call has one too, and all entries belong to one group, whose id is the response's. Calls of the caller's own
 * functions are left to the caller: they end the loop, and calls of the broker's tools beside them are not run. Bounded in
 * rounds, time and money; throws like `Execution.execute`, and `over-budget` or `upstream-timeout` when a bound ends it.
 */
export async function chatWithTools(
  request: ChatRequest,
  asker: Asker,
  sink: AnswerSink,
  rooms: Rooms,
): Promise<void> {
  const loop = await openLoop(request, asker, sink, rooms)
  if (loop === undefined) return
  try {
    await run(loop)
  } catch (error) {
    throw loop.purse.mayOwe ? mayCost(asBrokerError(error)) : error
  }
}

async function run(loop: Loop): Promise<void> {
  let messages = [...(loop.request.body.value['messages'] as readonly unknown[])]
  for (let nth = 1; ; nth++) {
    const round = await ask(loop, messages, nth)
    if (round === undefined) return
    const own = round.calls.filter(({ name }) => loop.ownNames.has(name))
    if (own.length > 0 || round.calls.length === 0 || nth >= loop.limits.maxRounds)
      return loop.teller.finish(round, own, nth, loop.purse)
    const results = await runCalls(loop, round)
    if (results === undefined) return
    messages = [...messages, round.message, ...results]
  }
}

/** Lists the tools; `undefined` when the caller left meanwhile. */
async function openLoop(
  request: ChatRequest,
  asker: Asker,
  sink: AnswerSink,
  rooms: Rooms,
): Promise<Loop | undefined> {
  const { tools, clock } = rooms
  if (tools === undefined)
    throw new BrokerError('bad-request', 'tools of type “mcp” need MCP servers, and none are configured here')
  if (request.choices > 1) throw new BrokerError('bad-request', 'n: must be 1 where the broker runs tools')
  const { wishes: named, own } = partTools(request.body.value['tools'])
  const wishes = named.length > 0 ? named : [{ ...NO_WISH, allowed: tools.chatTools(asker.caller) }]
  const limits = lowered(tools.chatLimits, wishes)
  const deadlineAt = clock.monotonic() + limits.maxMs
  const list = await whileListening({ sink, rooms, deadlineAt }, (signal) =>
    tools.listTools(asker.caller, signal),
  )
  if (list === undefined) return undefined
  const ownNames = new Set(own.flatMap(functionName))
  const set = new ToolSet(wishedTools(list, wishes), ownNames, limits.searchAbove)
  const [purse, teller] = [new ToolPurse(limits.maxCost), new ToolTeller(sink, request.streamed)]
  return { request, asker, sink, rooms, tools, set, own, ownNames, limits, deadlineAt, purse, teller }
}

const NO_WISH: McpWish = { server: undefined, allowed: undefined, maxRounds: undefined, maxCost: undefined }

/** A request may lower the configured limits, never raise them. */
function lowered(limits: ChatLimits, wishes: readonly McpWish[]): ChatLimits {
  let { maxRounds, maxCost } = limits
  for (const wish of wishes) {
    maxRounds = Math.min(maxRounds, wish.maxRounds ?? maxRounds)
    if (wish.maxCost !== undefined && wish.maxCost < maxCost) maxCost = wish.maxCost
  }
  return { ...limits, maxRounds, maxCost }
}

/** One round; `undefined` when the caller left, or the stream has ended in an error. */
async function ask(loop: Loop, messages: readonly unknown[], nth: number): Promise<ToolRound | undefined> {
  const { request, asker, sink, rooms, purse, deadlineAt } = loop
  purse.check()
  const leftMs = deadlineAt - rooms.clock.monotonic()
  if (leftMs <= 0) throw outOfTime()
  const body = jsonBodyOf(spliceFields(request.body, changesOf(loop, messages, nth)))
  const round = new ToolRound(nth === 1 ? sink.id : generationId(rooms.clock.now()), sink)
  const wholeMs = Math.min((rooms.timeLimits ?? DEFAULT_LIMITS).wholeMs, leftMs)
  const asked = parseChatRequest(body)
  const inference = { ...(await prepareChat(asked, asker, rooms)), group: sink.id }
  const timeLimits = { ...(rooms.timeLimits ?? DEFAULT_LIMITS), wholeMs }
  await new Execution(inference, asker, round, { ...rooms, timeLimits }).execute()
  await rooms.ledger.written()
  purse.addRound(rooms.ledger.find(round.id))
  return sink.isGone || round.isBroken ? undefined : round
}

function changesOf({ request, own, set, limits }: Loop, messages: readonly unknown[], nth: number) {
  const tools = [...own, ...set.functions]
  const changes = new Map<string, string | undefined>([
    ['tools', tools.length === 0 ? undefined : JSON.stringify(tools)],
  ])
  if (nth > 1) changes.set('messages', JSON.stringify(messages))
  if (tools.length === 0) changes.set('tool_choice', undefined)
  else if (nth > 1 && nth >= limits.maxRounds) changes.set('tool_choice', '"none"')
  // A forced `tool_choice` holds for the first round only; repeated, the model could never end.
  else if (nth > 1 && request.body.value['tool_choice'] !== undefined) changes.set('tool_choice', '"auto"')
  return changes
}

/** Runs all calls of a round at once and returns their messages for the model, in its order; `undefined` when the caller left. */
function runCalls(loop: Loop, round: ToolRound): Promise<readonly object[] | undefined> {
  const { asker, sink, tools, set, limits, purse, teller } = loop
  purse.check(pricesOf(set, round.calls))
  const { maxResultCharacters } = limits
  const around = { tools, set, caller: asker.caller, group: sink.id, maxResultCharacters }
  return whileListening(loop, (signal) =>
    Promise.all(
      round.calls.map(async (call) => {
        const end = teller.begin(call, set.find(call.name)?.server, round)
        const ending = await runCall(call, around, signal)
        purse.addCall(ending.cost)
        if (!signal.aborted) end(ending)
        return { role: 'tool', tool_call_id: call.id, content: ending.result }
      }),
    ),
  )
}

function pricesOf(set: ToolSet, calls: readonly AskedCall[]): Money {
  return money(calls.reduce((sum, { name }) => sum + (set.find(name)?.price ?? NOTHING), 0n))
}

/** Work that is aborted when the caller leaves (then `undefined`), or when the time is up or the broker stops (then it throws). */
async function whileListening<T>(
  { sink, rooms, deadlineAt }: Pick<Loop, 'sink' | 'rooms' | 'deadlineAt'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  if (sink.isGone) return undefined
  const { clock, running } = rooms
  const abort = new AbortController()
  let why: BrokerError | undefined
  const stop = (error: BrokerError): void => {
    why = error
    abort.abort(error)
  }
  const listener = { place: -1, stop }
  running.enter(listener)
  const cancel = clock.after(Math.max(0, deadlineAt - clock.monotonic()), () => stop(outOfTime()))
  sink.watcher = { callerReady: () => undefined, callerGone: () => abort.abort() }
  try {
    const result = await work(abort.signal)
    if (why !== undefined) throw why
    return sink.isGone ? undefined : result
  } catch (error) {
    if (sink.isGone) return undefined
    throw why ?? error
  } finally {
    running.leave(listener)
    cancel()
    sink.watcher = undefined
    // Calls may still be running beside one that failed because of a bug in the broker.
    abort.abort()
  }
}

function outOfTime(): BrokerError {
  return new BrokerError(
    'upstream-timeout',
    'the rounds and tool calls of this response took longer than is allowed',
  )
}

function functionName(tool: unknown): string | [] {
  const named = (tool as { function?: { name?: unknown } } | null)?.function?.name
  return typeof named === 'string' ? named : []
}
