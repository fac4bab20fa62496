// A chat whose tools the broker runs: the model calls tools, the broker runs them and sends the results, until the model is done.
import { asBrokerError, BrokerError } from '../base/errors.ts'
import { generationId } from '../base/ids.ts'
import { money, ZERO, type Money } from '../base/money.ts'
import type { ChatLimits } from '../mcp/config/config.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { McpGateway } from '../mcp/mcp-gateway.ts'
import { findByName } from '../catalog/find-model.ts'
import { DEFAULT_LIMITS } from '../providers/transport/timeouts.ts'
import { parseChatRequest, type ChatRequest } from '../wire/openai/chat.ts'
import { jsonBodyOf } from '../wire/json/json-body.ts'
import { spliceFields } from '../wire/json/splice-fields.ts'
import { splitTools, type McpToolEntry } from '../wire/openai/mcp-tools.ts'
import { OPENROUTER_RESPONSES } from './response/response-shape.ts'
import type { ResponseSink } from './response/response-sink.ts'
import { mayCost } from './execution/attempt-errors.ts'
import type { RequestContext } from './request/inference-request.ts'
import { prepareChat } from './chat-request.ts'
import { Execution } from './execution/execution.ts'
import type { InferenceServices, ToolChats } from './services/services.ts'
import { runToolCall } from './tools/run-tool-call.ts'
import { imagesMessage, type ResultImage } from './tools/tool-result.ts'
import { ToolBudget } from './tools/tool-budget.ts'
import { ToolRound, type RequestedCall } from './tools/tool-round.ts'
import { ToolSelection, selectTools } from './tools/tool-selection.ts'
import { ToolResponseWriter } from './tools/tool-response.ts'

/** What all rounds of one chat share. */
interface Loop {
  readonly request: ChatRequest
  readonly context: RequestContext
  readonly sink: ResponseSink
  readonly services: InferenceServices
  readonly tools: McpGateway
  /** Has the costs of the rounds. */
  readonly ledger: Pick<Ledger, 'find' | 'whenWritten'>
  readonly set: ToolSelection
  /** The caller's own entries of `tools`, and the names of the functions among them. */
  readonly callerTools: readonly unknown[]
  readonly callerFunctions: ReadonlySet<string>
  readonly limits: ChatLimits
  /** Monotonic milliseconds at which the whole must be done. */
  readonly deadlineAt: number
  readonly budget: ToolBudget
  readonly response: ToolResponseWriter
}

/**
 * Runs chats that may use the broker's tools, in the primary, which has the MCP servers and the ledger. Every round is an
 * `Execution` with a ledger entry of its own, every tool call has one too, and all entries belong to one group, whose id is
 * the response's. Calls of the caller's own functions are left to the caller: they end the loop, and calls of the broker's
 * tools beside them are not run. Bounded in rounds, time and money; throws like `Execution.execute`, and `over-budget` or
 * `upstream-timeout` when a bound ends it.
 */
export function createToolChats(tools: McpGateway, ledger: Pick<Ledger, 'find' | 'whenWritten'>): ToolChats {
  return {
    chatTools: (caller) => tools.chatTools(caller),
    async run(request, context, sink, services) {
      const loop = await openLoop({ request, context, sink, services, tools, ledger })
      if (loop === undefined) return
      try {
        await runRounds(loop)
      } catch (error) {
        throw loop.budget.hasCharges ? mayCost(asBrokerError(error)) : error
      }
    },
  }
}

async function runRounds(loop: Loop): Promise<void> {
  let messages = [...(loop.request.body.value['messages'] as readonly unknown[])]
  for (let nth = 1; ; nth++) {
    const round = await runRound(loop, messages, nth)
    if (round === undefined) return
    const callerTools = round.calls.filter(({ name }) => loop.callerFunctions.has(name))
    if (callerTools.length > 0 || round.calls.length === 0 || nth >= loop.limits.maxRounds)
      return loop.response.finish(round, callerTools, nth, loop.budget)
    const results = await runCalls(loop, round)
    if (results === undefined) return
    messages = [...messages, round.message, ...results]
  }
}

type OpenedWith = Pick<Loop, 'request' | 'context' | 'sink' | 'services' | 'tools' | 'ledger'>

/** Lists the tools; `undefined` when the caller left meanwhile. */
async function openLoop(chat: OpenedWith): Promise<Loop | undefined> {
  const { request, context, sink, services, tools } = chat
  if (request.n > 1) throw new BrokerError('bad-request', 'n: must be 1 where the broker runs tools')
  const { mcp: named, own: callerTools } = splitTools(request.body.value['tools'])
  const entries = named.length > 0 ? named : [{ ...NO_MCP_REQUEST, allowed: tools.chatTools(context.caller) }]
  const limits = lowerLimits(tools.chatLimits, entries)
  const deadlineAt = services.clock.monotonic() + limits.maxMs
  const list = await whileConnected({ sink, services, deadlineAt }, (signal) =>
    tools.listTools(context.caller, signal),
  )
  if (list === undefined) return undefined
  const callerFunctions = new Set(callerTools.flatMap(functionName))
  const set = new ToolSelection(selectTools(list, entries), callerFunctions, limits.searchAbove)
  const budget = new ToolBudget(limits.maxCost)
  const response = new ToolResponseWriter(sink, request.stream, context.shape ?? OPENROUTER_RESPONSES)
  return { ...chat, set, callerTools, callerFunctions, limits, deadlineAt, budget, response }
}

const NO_MCP_REQUEST: McpToolEntry = {
  server: undefined,
  allowed: undefined,
  maxRounds: undefined,
  maxCost: undefined,
}

/** A request may lower the configured limits, never raise them. */
function lowerLimits(limits: ChatLimits, entries: readonly McpToolEntry[]): ChatLimits {
  let { maxRounds, maxCost } = limits
  for (const entry of entries) {
    maxRounds = Math.min(maxRounds, entry.maxRounds ?? maxRounds)
    if (entry.maxCost !== undefined && entry.maxCost < maxCost) maxCost = entry.maxCost
  }
  return { ...limits, maxRounds, maxCost }
}

/** One round; `undefined` when the caller left, or the stream has ended in an error. */
async function runRound(
  loop: Loop,
  messages: readonly unknown[],
  nth: number,
): Promise<ToolRound | undefined> {
  const { request, context, sink, services, ledger, budget, deadlineAt } = loop
  budget.check()
  const leftMs = deadlineAt - services.clock.monotonic()
  if (leftMs <= 0) throw timedOut()
  const body = jsonBodyOf(spliceFields(request.body, changesOf(loop, messages, nth)))
  const round = new ToolRound(nth === 1 ? sink.id : generationId(services.clock.now()), sink)
  const wholeMs = Math.min((services.timeLimits ?? DEFAULT_LIMITS).wholeMs, leftMs)
  const roundRequest = parseChatRequest(body)
  const inference = { ...(await prepareChat(roundRequest, context, services)), group: sink.id }
  const timeLimits = { ...(services.timeLimits ?? DEFAULT_LIMITS), wholeMs }
  await new Execution(inference, context, round, { ...services, timeLimits }).execute()
  await ledger.whenWritten()
  budget.addRound(ledger.find(round.id))
  return sink.disconnected || round.isBroken ? undefined : round
}

function changesOf({ request, callerTools, set, limits }: Loop, messages: readonly unknown[], nth: number) {
  const tools = [...callerTools, ...set.functions]
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
  const { context, sink, tools, set, limits, budget, response } = loop
  budget.check(pricesOf(set, round.calls))
  const { maxResultCharacters } = limits
  const around = { tools, set, caller: context.caller, group: sink.id, maxResultCharacters }
  return whileConnected(loop, (signal) =>
    Promise.all(
      round.calls.map(async (call) => {
        const end = response.startCall(call, set.find(call.name)?.server, round)
        const ending = await runToolCall(call, around, signal)
        budget.addCall(ending.cost)
        if (!signal.aborted) end(ending)
        return {
          message: { role: 'tool', tool_call_id: call.id, content: ending.result },
          name: call.name,
          images: ending.images ?? [],
        }
      }),
    ).then((results) => messagesOf(results, loop, round)),
  )
}

interface CallResult {
  readonly message: object
  readonly name: string
  readonly images: readonly ResultImage[]
}

/** The messages of the results, and one with their pictures if the model sees that has just responded. */
function messagesOf(
  results: readonly CallResult[],
  { services }: Loop,
  { head }: ToolRound,
): readonly object[] {
  const messages = results.map(({ message }) => message)
  const name = head['model']
  const model = typeof name === 'string' ? findByName(services.catalog(), name)?.model : undefined
  const images =
    model?.capabilities.some((word) => SEES.has(word)) === true ? imagesMessage(results) : undefined
  return images === undefined ? messages : [...messages, images]
}

/** The words of the models file and of OpenRouter for a model that reads pictures. */
const SEES: ReadonlySet<string> = new Set(['vision', 'image', 'image_input'])

function pricesOf(set: ToolSelection, calls: readonly RequestedCall[]): Money {
  return money(calls.reduce((sum, { name }) => sum + (set.find(name)?.price ?? ZERO), 0n))
}

/** Work that is aborted when the caller leaves (then `undefined`), or when the time is up or the broker stops (then it throws). */
async function whileConnected<T>(
  { sink, services, deadlineAt }: Pick<Loop, 'sink' | 'services' | 'deadlineAt'>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  if (sink.disconnected) return undefined
  const { clock, inFlight } = services
  const abort = new AbortController()
  let reason: BrokerError | undefined
  const stop = (error: BrokerError): void => {
    reason = error
    abort.abort(error)
  }
  const listener = { place: -1, stop }
  inFlight.add(listener)
  const cancel = clock.after(Math.max(0, deadlineAt - clock.monotonic()), () => stop(timedOut()))
  sink.watcher = { onDrain: () => undefined, onDisconnect: () => abort.abort() }
  try {
    const result = await work(abort.signal)
    if (reason !== undefined) throw reason
    return sink.disconnected ? undefined : result
  } catch (error) {
    if (sink.disconnected) return undefined
    throw reason ?? error
  } finally {
    inFlight.remove(listener)
    cancel()
    sink.watcher = undefined
    // Calls may still be running beside one that failed because of a bug in the broker.
    abort.abort()
  }
}

function timedOut(): BrokerError {
  return new BrokerError(
    'upstream-timeout',
    'the rounds and tool calls of this response took longer than is allowed',
  )
}

function functionName(tool: unknown): string | [] {
  const named = (tool as { function?: { name?: unknown } } | null)?.function?.name
  return typeof named === 'string' ? named : []
}
