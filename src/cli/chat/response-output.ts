import type { ChatRequest, ChatUsage, Client } from '../../sdk/index.ts'
import { CallReader } from './tools/tool-call-reader.ts'
import type { Heard } from './session.ts'
import { formatCost, formatMs, readCost } from '../terminal/format.ts'
import { createMarkdownView } from '../terminal/markdown.ts'
import { paint, withoutControls } from '../terminal/terminal.ts'
import type { Terminal } from '../terminal/terminal.ts'

/** Writes a response as it streams in and returns it. Aborting stops the response and does not throw. */
export async function writeAnswer(
  terminal: Terminal,
  client: Client,
  request: ChatRequest,
  signal: AbortSignal,
): Promise<Heard> {
  const startedAt = performance.now()
  const voice = createVoice(terminal)
  let [text, model, provider]: [string, string?, string?] = ['']
  let usage: ChatUsage | undefined
  const calls = new CallReader()
  try {
    for await (const chunk of client.streamChat(request, { signal })) {
      const delta = chunk.choices[0]?.delta
      model = chunk.model
      provider = chunk.provider ?? provider
      usage = chunk.usage ?? usage
      voice.think(delta?.reasoning ?? '')
      voice.say(delta?.content ?? '')
      text += delta?.content ?? ''
      calls.take(delta?.tool_calls)
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown
  } finally {
    voice.finish()
  }
  const [ms, stopped] = [performance.now() - startedAt, signal.aborted]
  return { text, calls: calls.whole(), model, provider, usage, ms, stopped }
}

interface Voice {
  say(text: string): void
  think(text: string): void
  /** Ends the last line if it is not complete. */
  finish(): void
}

/** A terminal gets rendered Markdown, dimmed reasoning and no control characters; a pipe gets the exact text of the model. */
function createVoice(terminal: Terminal): Voice {
  const { output } = terminal
  const view = createMarkdownView((style, text) => paint(terminal, style, text))
  // Without colours a heading would look like any other line, so Markdown is not rendered.
  const hasColour = paint(terminal, 'bold', 'x') !== 'x'
  let [atLineStart, thinking] = [true, false]
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
    think(text) {
      if (!output.isTTY || text === '') return
      thinking = true
      write(paint(terminal, 'dim', withoutControls(text)))
    },
    say(text) {
      if (text === '') return
      if (thinking) endLine()
      thinking = false
      show(text)
    },
    finish() {
      if (hasColour) write(view.end())
      endLine()
    },
  }
}

/** `gpt-4o-mini · Groq · 9 + 4 tokens · $0.0000039 · 812 ms` */
export function sayDetails({ model, provider, usage, ms, stopped }: Heard): string {
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
