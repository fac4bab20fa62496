import type { CallToolResult, McpServer, ServerContext, ToolAnnotations } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { Clock } from '../../base/clock.ts'
import { diagnostics } from './serve/diagnostics.ts'
import type { RunningCalls } from './serve/running-calls.ts'
import { ToolFailure } from './tool-failure.ts'
import { clean, mapStrings } from './text.ts'

/** The result of a tool: data according to its output schema, the same as readable text, and images. */
export interface ToolOutput<Data> {
  readonly data: Data
  readonly text: string
  readonly images?: readonly { readonly data: string; readonly mimeType: string }[] | undefined
}

/** What a tool may know about its call besides the arguments. */
export interface CallInfo {
  /** The `_meta` of the request. */
  readonly meta: Readonly<Record<string, unknown>>
}

interface Definition<Input extends z.ZodObject, Output extends z.ZodObject> {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly input: Input
  readonly output: Output
  /** Differences from the default hints, which are those of a tool that only reads the open world. */
  readonly annotations?: ToolAnnotations | undefined
  run(args: z.output<Input>, signal: AbortSignal, info: CallInfo): Promise<ToolOutput<z.input<Output>>>
}

/** A tool with its argument types erased; `run` is only called with arguments that its schema accepts. */
export type Tool = Definition<z.ZodObject, z.ZodObject>

/** Defines a tool; the argument and result types of `run` follow from its schemas. */
export function tool<Input extends z.ZodObject, Output extends z.ZodObject>(
  definition: Definition<Input, Output>,
): Tool {
  return { ...definition, run: (args, signal, info) => definition.run(args as z.output<Input>, signal, info) }
}

interface ResultContext {
  readonly provider: string
  readonly era: 'legacy' | 'modern'
  readonly redact: (text: string) => string
  readonly clock: Clock
  readonly calls: RunningCalls
}

/** Clients with a timeout shorter than a scrape give up unless they receive progress. */
const PROGRESS_EVERY_MS = 5_000

/** Registers a tool with a protocol instance: cleans and redacts its results and converts its failures. */
export function register(instance: McpServer, tool: Tool, resultContext: ResultContext): void {
  const annotations = {
    title: tool.title,
    readOnlyHint: true,
    destructiveHint: false,
    idempotentHint: false,
    openWorldHint: true,
    ...tool.annotations,
  }
  const { title, description } = tool
  instance.registerTool(
    tool.name,
    { title, description, inputSchema: tool.input, outputSchema: tool.output, annotations },
    (args, context) => resultContext.calls.track(() => call(tool, args, context, resultContext)),
  )
}

async function call(
  tool: Tool,
  args: Record<string, unknown>,
  context: ServerContext,
  resultContext: ResultContext,
): Promise<CallToolResult> {
  const stopProgress = reportProgress(context, resultContext.clock)
  const tidy = (text: string) => resultContext.redact(clean(text))
  try {
    const info = { meta: { ...context.mcpReq._meta } }
    return success(await tool.run(args, context.mcpReq.signal, info), tidy)
  } catch (thrown) {
    return failure(asFailure(thrown, context.mcpReq.signal), resultContext, tidy)
  } finally {
    await stopProgress()
  }
}

function success(output: ToolOutput<unknown>, tidy: (text: string) => string): CallToolResult {
  const images = (output.images ?? []).map((image) => ({ type: 'image' as const, ...image }))
  return {
    content: [{ type: 'text', text: tidy(output.text) }, ...images],
    structuredContent: mapStrings(output.data, tidy),
  }
}

/** Clients of the legacy protocol validate even errors against the output schema, so these errors are text only. */
function failure(
  failed: ToolFailure,
  resultContext: ResultContext,
  tidy: (text: string) => string,
): CallToolResult {
  const { kind, details, retryable, next } = failed
  const { status, code, retryAfterSeconds, credits } = details
  const usage = credits === undefined ? undefined : { credits }
  const error = mapStrings(
    withoutAbsent({
      kind,
      provider: resultContext.provider,
      status,
      code,
      message: failed.message,
      retryable,
      retryAfterSeconds,
      next,
      usage,
    }),
    tidy,
  )
  const wait = retryAfterSeconds === undefined ? '' : ` (after ${retryAfterSeconds} s)`
  return {
    isError: true,
    content: [
      {
        type: 'text',
        text: tidy(`${resultContext.provider} ${kind}: ${failed.message}\nWhat to do: ${next}${wait}`),
      },
      { type: 'text', text: JSON.stringify({ error }) },
    ],
    ...(resultContext.era === 'modern' ? { structuredContent: { error } } : {}),
  }
}

function asFailure(thrown: unknown, signal: AbortSignal): ToolFailure {
  if (thrown instanceof ToolFailure) return thrown
  if (signal.aborted) return new ToolFailure('cancelled', 'the caller cancelled')
  // Responses are parsed with loose schemas; what these reject differs from the vendor's documentation.
  if (thrown instanceof z.ZodError)
    return new ToolFailure('upstream', 'the response had an unknown form', { retryable: false })
  // A bug in this server: the model gets a general message, the operator's log the stack.
  diagnostics.write(`${thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown)}\n`)
  return new ToolFailure('failed', 'internal error of this server', {
    next: 'Tell the user; the log has more.',
  })
}

function reportProgress(context: ServerContext, clock: Clock): () => Promise<void> {
  const progressToken = context.mcpReq._meta?.progressToken
  if (progressToken === undefined) return async () => {}
  const started = clock.monotonic()
  let last = Promise.resolve()
  let cancel = clock.after(PROGRESS_EVERY_MS, report)
  return () => {
    cancel()
    return last
  }

  function report() {
    const progress = Math.round((clock.monotonic() - started) / 1000)
    const params = { progressToken, progress, message: `working, ${progress} s` }
    const sent = context.mcpReq.notify({ method: 'notifications/progress', params })
    last = Promise.all([last, sent]).then(
      () => {},
      () => {},
    )
    cancel = clock.after(PROGRESS_EVERY_MS, report)
  }
}

function withoutAbsent(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined))
}
