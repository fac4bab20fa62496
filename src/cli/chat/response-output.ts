import type { ChatRequest, ChatUsage, Client } from '../../sdk/index.ts'
import { ToolCallReader } from './tools/tool-call-reader.ts'
import type { ReceivedResponse } from './session.ts'
import { formatCost, formatMs, readCost } from '../terminal/format.ts'
import { createMarkdownView } from '../terminal/markdown.ts'
import { paint, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Writes a response as it streams in and returns it. Aborting stops the response and does not throw. */
export async function printResponse(
  terminal: Terminal,
  client: Client,
  request: ChatRequest,
  signal: AbortSignal,
): Promise<ReceivedResponse> {
  const startedAt = performance.now()
  const printer = createResponsePrinter(terminal)
  let [text, model, provider]: [string, string?, string?] = ['']
  let usage: ChatUsage | undefined
  const calls = new ToolCallReader()
  try {
    for await (const chunk of client.streamChat(request, { signal })) {
      const delta = chunk.choices[0]?.delta
      model = chunk.model
      provider = chunk.provider ?? provider
      usage = chunk.usage ?? usage
      printer.writeReasoning(delta?.reasoning ?? '')
      printer.writeText(delta?.content ?? '')
      text += delta?.content ?? ''
      calls.add(delta?.tool_calls)
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown
  } finally {
    printer.finish()
  }
  const [ms, stopped] = [performance.now() - startedAt, signal.aborted]
  return { text, calls: calls.complete(), model, provider, usage, ms, stopped }
}

interface ResponsePrinter {
  writeText(text: string): void
  writeReasoning(text: string): void
  /** Ends the last line if it is not complete. */
  finish(): void
}

/** A terminal gets rendered Markdown, dimmed reasoning and no control characters; a pipe gets the exact text of the model. */
function createResponsePrinter(terminal: Terminal): ResponsePrinter {
  const { output } = terminal
  const view = createMarkdownView((style, text) => paint(terminal, style, text))
  // Without colours a heading would look like any other line, so Markdown is not rendered.
  const hasColour = paint(terminal, 'bold', 'x') !== 'x'
  let [atLineStart, isReasoning] = [true, false]
  const write = (text: string) => {
    if (text === '') return
    atLineStart = text.endsWith('\n')
    output.write(text)
  }
  const show = (text: string) => {
    if (hasColour) write(view.feed(withoutControls(text)))
    else write(output.isTTY ? withoutControls(text) : text)
  }
  const endLine = () => {
    if (!atLineStart) write('\n')
  }
  return {
    writeReasoning(text) {
      if (!output.isTTY || text === '') return
      isReasoning = true
      write(paint(terminal, 'dim', withoutControls(text)))
    },
    writeText(text) {
      if (text === '') return
      if (isReasoning) endLine()
      isReasoning = false
      show(text)
    },
    finish() {
      if (hasColour) write(view.end())
      endLine()
    },
  }
}

/** `gpt-4o-mini · Groq · 9 + 4 tokens · $0.0000039 · 812 ms` */
export function formatDetails({ model, provider, usage, ms, stopped }: ReceivedResponse): string {
  const parts = [
    stopped ? 'stopped' : undefined,
    model,
    provider,
    usage && `${usage.prompt_tokens} + ${usage.completion_tokens} tokens`,
    usage && formatCost(readCost(usage.cost)),
    formatMs(ms),
  ]
  return withoutControls(parts.filter((part) => part !== undefined).join(' · '))
}
